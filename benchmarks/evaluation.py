"""The evaluator against a plain loop, metric by metric, in the style of published scripts.

    python -m benchmarks.evaluation [--objects 1000] [--loop 8] [--points 10000] [--faces 4]

Synthetic objects of five closed parts each, with perturbed predictions. Four questions, in
CPU seconds of one thread:

1. Speed: rows per second of ``score_object`` under the default protocol, and of the loop on the
   first objects, scaled. The loop samples anew and builds k-d trees anew for each metric, splits
   faces in four until they are small and compares Python sets of cells, voxelises both parts of
   each pair, as PartCrafter's scripts do with trimesh 4. Penetration and rotation, which no
   published script has, are the evaluator's own functions in both.
2. Equal values: the largest difference over all values of all rows; more than 1e-6 fails.
3. A second protocol on an object that was scored already, in % of the first protocol's time.
4. Memory at intervals; more than 10 % growth after the first interval fails.

The published metrics alone (Chamfer, F, normals, volume IoU, box IoU, mutual IoU) are timed too.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import trimesh
from scipy.spatial import cKDTree
from trimesh.voxel import VoxelGrid
from trimesh.voxel.encoding import SparseBinaryEncoding

from evaluation import functional
from evaluation.functional.counts import label_of
from evaluation.functional.penetration import penetration_pct, penetration_volume, solid_volume
from evaluation.functional.placement import rotation_error_deg, surface_centroid
from evaluation.functional.sampling import sample_surface
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import MMPART, PARTCRAFTER, SAM3DPART, SCULPT, XPART, Protocol
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object, score_pair
from evaluation.scoring.context import prepare_pair
from mmpart_core.geometry.surface import TriangleMesh

PARTS = ("body", "head", "leg_1", "leg_2", "tail")
PUBLISHED = ("chamfer", "f_score", "normal_consistency", "volume_iou", "bbox_iou", "mutual_iou")
OTHERS = (PARTCRAFTER, SAM3DPART, SCULPT, XPART)
INTERVALS = 10
TOLERANCE = 1e-6
Mesh = tuple[np.ndarray, np.ndarray]
Scores = dict[tuple[str, str], dict[str, float]]


class Stopwatch:
    """Seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, name: str, work: Callable[[], float]) -> float:
        """Do some work, add its time to a name."""
        start = time.process_time()
        value = work()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - start
        return value


def synthetic(index: int, detail: int) -> tuple[GroundTruthObject, Prediction]:
    """An object of five closed parts and a prediction with errors of place, size and surface."""
    rng = np.random.default_rng(index)
    sections = 16 * 2 ** max(detail - 2, 0)
    solids = [
        _rounded_box(detail),
        trimesh.creation.icosphere(subdivisions=detail, radius=0.45),
        trimesh.creation.icosphere(subdivisions=detail, radius=0.3),
        trimesh.creation.icosphere(subdivisions=detail, radius=0.3),
        trimesh.creation.torus(0.4, 0.12, major_sections=2 * sections, minor_sections=sections),
    ]
    places = np.array(
        [[0, 0, 0], [0.9, 0, 1.1], [-0.5, 0.5, -0.9], [-0.5, -0.5, -0.9], [-1, 0, 0.9]]
    )
    truth: dict[str, TriangleMesh] = {}
    made: dict[str, TriangleMesh] = {}
    for name, solid, place in zip(PARTS, solids, places, strict=True):
        turn = trimesh.transformations.random_rotation_matrix(rng.random(3))[:3, :3]
        stretch = rng.uniform(0.7, 1.3, 3)
        vertices = (solid.vertices * stretch) @ turn.T + place + rng.normal(0, 0.05, 3)
        faces = np.array(solid.faces, dtype=np.int64)
        truth[name] = TriangleMesh(vertices, faces)
        center = vertices.mean(axis=0)
        wrong = (vertices - center) * rng.uniform(0.9, 1.1) + center + rng.normal(0, 0.03, 3)
        made[name] = TriangleMesh(wrong + rng.normal(0, 0.004, wrong.shape), faces)
    name = f"object-{index:04d}"
    return GroundTruthObject(name, truth), Prediction(name, made)


def _rounded_box(detail: int) -> trimesh.Trimesh:
    """A box with rounded edges and even faces: slivers would be unfair to the loop."""
    ball = trimesh.creation.icosphere(subdivisions=detail, radius=1.0)
    ball.vertices = np.tanh(2.0 * ball.vertices) * 0.6
    return ball


def loop_scores(
    truth: GroundTruthObject, prediction: Prediction, protocol: Protocol, watch: Stopwatch
) -> Scores:
    """The default protocol, straightforwardly: each metric on its own, nothing shared."""
    low, high = _box(np.concatenate([mesh.vertices for mesh in truth.parts.values()]))
    scale, center = 2.0 / (high - low).max(), (low + high) / 2.0
    true, made = (
        {name: ((mesh.vertices - center) * scale, mesh.faces) for name, mesh in side.parts.items()}
        for side in (truth, prediction)
    )
    diagonal = float(np.linalg.norm((high - low) * scale))
    found: Scores = {}
    for name in true:
        values = _shape(made[name], true[name], protocol, protocol.points, watch)
        values |= _placement(made[name], true[name], protocol, diagonal, watch)
        alone = [_normalised(mesh) for mesh in (made[name], true[name])]
        shape = _shape(alone[0], alone[1], protocol, protocol.points, watch, "alone: ")
        del shape["bbox_iou"]
        values |= {f"shape_{metric}": value for metric, value in shape.items()}
        whole = trimesh.Trimesh(*made[name], process=True)
        values["watertight"] = watch.time("topology", lambda m=whole: float(m.is_watertight))
        values["components"] = watch.time("topology", lambda m=whole: float(m.body_count))
        found["part", name] = values
    for label in dict.fromkeys(map(label_of, true)):
        members = [name for name in true if label_of(name) == label]
        sides = [_joined([side[name] for name in members]) for side in (made, true)]
        found["group", label] = _shape(sides[0], sides[1], protocol, protocol.points, watch)
    sides = [_joined(list(side.values())) for side in (made, true)]
    whole_values = _shape(sides[0], sides[1], protocol, protocol.whole_points, watch)
    found["object", truth.object_id] = whole_values | _pairs(list(made.values()), protocol, watch)
    return found


def _shape(
    made: Mesh, true: Mesh, protocol: Protocol, count: int, watch: Stopwatch, prefix: str = ""
) -> dict[str, float]:
    def nearest() -> tuple[np.ndarray, ...]:
        (a, a_normals), (b, b_normals) = (
            sample_surface(*mesh, count, protocol.seed) for mesh in (made, true)
        )
        forward, forward_index = cKDTree(b).query(a)
        backward, backward_index = cKDTree(a).query(b)
        return (forward, backward, a_normals, b_normals[forward_index], b_normals,
                a_normals[backward_index])  # fmt: skip

    def chamfer() -> float:
        forward, backward, *_ = nearest()
        return float(forward.mean() + backward.mean())

    def f_score(tau: float) -> float:
        forward, backward, *_ = nearest()
        precision, recall = float((forward < tau).mean()), float((backward < tau).mean())
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    def normals() -> float:
        *_, a, near_a, b, near_b = nearest()
        one, other = np.abs((a * near_a).sum(-1)).mean(), np.abs((b * near_b).sum(-1)).mean()
        return float(one + other) / 2

    values = {"chamfer": watch.time(f"{prefix}chamfer", chamfer)}
    for tau in protocol.taus:
        values[f"f_{tau:g}"] = watch.time(f"{prefix}f_score", lambda tau=tau: f_score(tau))
    values["normal_consistency"] = watch.time(f"{prefix}normal_consistency", normals)
    values["volume_iou"] = watch.time(
        f"{prefix}volume_iou", lambda: _set_iou(made, true, protocol.pitch)
    )
    values["bbox_iou"] = watch.time(
        f"{prefix}bbox_iou", lambda: functional.bbox_iou(*_box(made[0]), *_box(true[0]))
    )
    return values


def _placement(
    made: Mesh, true: Mesh, protocol: Protocol, diagonal: float, watch: Stopwatch
) -> dict[str, float]:
    def centroid() -> float:
        apart = surface_centroid(*made) - surface_centroid(*true)
        return 100.0 * float(np.linalg.norm(apart)) / diagonal

    def scale() -> float:
        sizes = [float(np.linalg.norm(np.ptp(mesh[0], axis=0))) for mesh in (made, true)]
        return 100.0 * abs(sizes[0] - sizes[1]) / diagonal

    def rotation() -> float:
        points = [sample_surface(*mesh, 1000, protocol.seed)[0] for mesh in (made, true)]
        return rotation_error_deg(points[0], points[1])

    return {
        "centroid_error_pct": watch.time("placement", centroid),
        "scale_error_pct": watch.time("placement", scale),
        "rotation_error_deg": watch.time("placement", rotation),
    }


def _pairs(parts: list[Mesh], protocol: Protocol, watch: Stopwatch) -> dict[str, float]:
    def penetration(first: Mesh, second: Mesh) -> float:
        shared = penetration_volume(*first, *second)
        volumes = [solid_volume(*mesh) for mesh in (first, second)]
        return penetration_pct(shared or 0.0, volumes[0] or 0.0, volumes[1] or 0.0)

    pairs = [(parts[i], parts[j]) for j in range(len(parts)) for i in range(j)]
    ious = [
        watch.time("mutual_iou", lambda a=a, b=b: _set_iou(a, b, protocol.pitch)) for a, b in pairs
    ]
    shared = [watch.time("penetration", lambda a=a, b=b: penetration(a, b)) for a, b in pairs]
    return {
        "mutual_iou": float(np.mean(ious)),
        "mutual_iou_max": max(ious),
        "penetration_pct": float(np.mean(shared)),
        "penetration_max_pct": max(shared),
    }


def _set_iou(first: Mesh, second: Mesh, pitch: float) -> float:
    sides = [_filled_cells(*mesh, pitch) for mesh in (first, second)]
    either = len(sides[0] | sides[1])
    return len(sides[0] & sides[1]) / either if either else 0.0


def _filled_cells(vertices: np.ndarray, faces: np.ndarray, pitch: float) -> set[tuple[int, ...]]:
    """``voxelized(pitch).fill().points`` of trimesh 4, which split faces in four."""
    done: list[np.ndarray] = []
    while len(faces):
        corners = vertices[faces]
        edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)
        long = edges.max(axis=-1) > pitch / 2.0
        done.append(corners[~long].reshape(-1, 3))
        vertices, faces = (
            trimesh.remesh.subdivide(vertices, faces[long]) if long.any() else ((), ())
        )
    cells = np.round(np.concatenate(done) / pitch).astype(np.int64)
    cells = cells[trimesh.grouping.unique_rows(cells)[0]]
    low = cells.min(axis=0)
    frame = trimesh.transformations.scale_and_translate(scale=pitch, translate=low * pitch)
    grid = VoxelGrid(SparseBinaryEncoding(cells - low), transform=frame).fill()
    return set(map(tuple, np.round(grid.points / pitch).astype(np.int64)))


def _box(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points.min(axis=0), points.max(axis=0)


def _normalised(mesh: Mesh) -> Mesh:
    low, high = _box(mesh[0])
    return (mesh[0] - (low + high) / 2.0) * (2.0 / (high - low).max()), mesh[1]


def _joined(meshes: list[Mesh]) -> Mesh:
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    faces = [faces + start for (_, faces), start in zip(meshes, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in meshes]), np.concatenate(faces)


def largest_difference(rows: list[ScoreRow], loop: Scores) -> tuple[float, str]:
    """Over all values that the loop has; and where."""
    worst = (0.0, "")
    for row in rows:
        for metric, value in loop[row.level, row.name].items():
            worst = max(
                worst, (abs(row.values[metric] - value), f"{row.level} {row.name} {metric}")
            )
    return worst


def resident_mib() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def timed_scoring(count: int, detail: int, protocol: Protocol) -> tuple[float, int, list[float]]:
    """Seconds, rows and memory at intervals of the evaluator; objects come one at a time."""
    seconds, rows, memory = 0.0, 0, []
    for index in range(count):
        truth, prediction = synthetic(index, detail)
        start = time.process_time()
        rows += len(score_object(truth, prediction, (protocol,)))
        seconds += time.process_time() - start
        if (index + 1) * INTERVALS // count > index * INTERVALS // count:
            memory.append(resident_mib())
    return seconds, rows, memory


def timed_loop(count: int, detail: int, protocol: Protocol) -> tuple[Stopwatch, float, float, str]:
    """Time of the loop and of the evaluator on the same objects, and their largest difference."""
    watch, own, worst = Stopwatch(), 0.0, (0.0, "")
    for index in range(count):
        truth, prediction = synthetic(index, detail)
        loop = loop_scores(truth, prediction, protocol, watch)
        start = time.process_time()
        rows = score_object(truth, prediction, (protocol,))
        own += time.process_time() - start
        worst = max(worst, largest_difference(rows, loop))
    return watch, own, *worst


def timed_second(count: int, detail: int, protocol: Protocol) -> dict[str, float]:
    """Time of further protocols on a prepared object, as a share of the first one's."""
    first, later = 0.0, dict.fromkeys((other.name for other in OTHERS), 0.0)
    for index in range(count):
        for other in OTHERS:
            pair = prepare_pair(*synthetic(index, detail))
            start = time.process_time()
            score_pair(pair, protocol)
            middle = time.process_time()
            score_pair(pair, other.model_copy(update={"points": protocol.points}))
            later[other.name] += time.process_time() - middle
            first += (middle - start) / len(OTHERS)
    return {name: seconds / first for name, seconds in later.items()}


def main() -> int:
    """Run all four and print a table; the exit status says whether values and memory hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--loop", type=int, default=8, help="objects for the loop")
    parser.add_argument("--points", type=int, default=10_000, help="per part; five times as whole")
    parser.add_argument("--faces", type=int, default=4, help="detail: about 20 * 4^N faces a part")
    options = parser.parse_args()
    sizes = {"points": options.points, "whole_points": 5 * options.points}
    metrics = tuple(metric for metric in MMPART.metrics if metric != "appearance")
    full = MMPART.model_copy(update={**sizes, "metrics": metrics})
    published = MMPART.model_copy(update={**sizes, "metrics": PUBLISHED})
    score_object(*synthetic(0, options.faces), (full,))

    watch, own, difference, where = timed_loop(options.loop, options.faces, full)
    part, _, _ = timed_scoring(options.loop, options.faces, published)
    seconds, rows, memory = timed_scoring(options.objects, options.faces, full)
    shares = timed_second(min(options.loop, 4), options.faces, full)
    loop = sum(watch.seconds.values())
    loop_published = sum(watch.seconds.get(metric, 0.0) for metric in PUBLISHED)
    per_object = rows / options.objects
    print(f"{options.objects} objects of {len(PARTS)} parts, {rows} rows; loop on {options.loop}")
    print(f"{'':34}{'loop':>12}{'evaluator':>12}{'ratio':>8}")
    print(f"{'seconds per object, all metrics':34}{loop / options.loop:12.2f}"
          f"{own / options.loop:12.2f}{loop / own:8.1f}")  # fmt: skip
    print(f"{'the same, published metrics':34}{loop_published / options.loop:12.2f}"
          f"{part / options.loop:12.2f}{loop_published / part:8.1f}")  # fmt: skip
    print(f"{'rows per second':34}{per_object * options.loop / loop:12.2f}{rows / seconds:12.2f}")
    print(f"{'hours for 1000 objects':34}{loop / options.loop / 3.6:12.2f}"
          f"{seconds / options.objects / 3.6:12.2f}")  # fmt: skip
    print(f"largest difference of values: {difference:.1e} {where}")
    print("loop, seconds per object by metric: "
          + ", ".join(f"{k} {v / options.loop:.2f}" for k, v in watch.seconds.items()))  # fmt: skip
    print("second protocol, share of the first: "
          + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))  # fmt: skip
    print("memory at intervals, MiB: " + " ".join(f"{each:.0f}" for each in memory))
    flat = max(memory) <= 1.1 * memory[0]
    return 0 if difference <= TOLERANCE and flat else 1


if __name__ == "__main__":
    sys.exit(main())
