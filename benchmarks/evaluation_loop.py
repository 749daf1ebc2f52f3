"""What the evaluator is measured against: a plain loop, metric by metric, like published scripts.

The loop samples anew and builds k-d trees anew for each metric, splits faces in four until they
are small and compares Python sets of cells, voxelises both parts of each pair, as PartCrafter's
scripts do with trimesh 4. Penetration and rotation, which no published script has, are the
evaluator's own functions.
"""

import time
from collections.abc import Callable

import numpy as np
import trimesh
from scipy.spatial import KDTree
from trimesh.voxel import VoxelGrid
from trimesh.voxel.encoding import SparseBinaryEncoding

from evaluation import functional
from evaluation.functional.counts import label_of
from evaluation.functional.penetration import penetration_pct, penetration_volume, solid_volume
from evaluation.functional.placement import rotation_error_deg, surface_centroid
from evaluation.functional.sampling import sample_surface
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import Protocol

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
        forward, forward_index = KDTree(b).query(a)
        backward, backward_index = KDTree(a).query(b)
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
        faces = faces[long]
        if len(faces):
            vertices, faces = trimesh.remesh.subdivide(vertices, faces)[:2]
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
