"""The evaluator against a plain loop, metric by metric, in the style of published scripts.

    python -m benchmarks.evaluation [--objects 1000] [--loop 8] [--points 10000] [--faces 4]

Synthetic objects of five closed parts each, with perturbed predictions, in CPU seconds of one
thread. ``--objects`` is how many the evaluator scores; the loop, which takes ten seconds an
object, runs on ``--loop`` of them, spread evenly, and its time for all is that of the sample
scaled. The output names the sample; figures are printed as they come, so that a run that is ended
early has told what it found. On one quiet core 1000 objects take about 20 minutes. Four questions;
the exit status says whether all hold:

1. Speed: under the default protocol, on the sample, at least ten times that of the loop
   (``benchmarks.evaluation_loop``).
2. Equal values: the largest difference over all values of all rows of the sample, at most 1e-6.
3. A second protocol on an object that was scored already takes less than half of the first.
4. Memory at ten intervals: at most 10 % more than after the first.

The published metrics alone (Chamfer, F, normals, volume IoU, box IoU, mutual IoU) are timed too.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import trimesh

from benchmarks.evaluation_loop import Scores, Stopwatch, loop_scores
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
LEAST_RATIO = 10.0
MOST_SECOND = 0.5


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


@dataclass(frozen=True)
class Progress:
    """What the evaluator has done so far: objects, rows, CPU seconds; and its memory then."""

    objects: int
    rows: int
    seconds: float
    memory_mib: float


def scored_in_turn(indices: Sequence[int], detail: int, protocol: Protocol) -> Iterator[Progress]:
    """The evaluator's state at ten intervals; objects are made one at a time and let go."""
    seconds, rows, count = 0.0, 0, len(indices)
    for done, index in enumerate(indices, start=1):
        truth, prediction = synthetic(index, detail)
        start = time.process_time()
        rows += len(score_object(truth, prediction, (protocol,)))
        seconds += time.process_time() - start
        if done * INTERVALS // count > (done - 1) * INTERVALS // count:
            yield Progress(done, rows, seconds, resident_mib())


def timed_loop(
    sample: Sequence[int], detail: int, protocol: Protocol
) -> tuple[Stopwatch, float, float, str]:
    """Time of the loop and of the evaluator on the same objects, and their largest difference."""
    watch, own, worst = Stopwatch(), 0.0, (0.0, "")
    for index in sample:
        truth, prediction = synthetic(index, detail)
        loop = loop_scores(truth, prediction, protocol, watch)
        start = time.process_time()
        rows = score_object(truth, prediction, (protocol,))
        own += time.process_time() - start
        worst = max(worst, largest_difference(rows, loop))
    return watch, own, *worst


def timed_second(sample: Sequence[int], detail: int, protocol: Protocol) -> dict[str, float]:
    """Time of further protocols on a prepared object, as a share of the first one's."""
    first, later = 0.0, dict.fromkeys((other.name for other in OTHERS), 0.0)
    for index in sample:
        for other in OTHERS:
            pair = prepare_pair(*synthetic(index, detail))
            start = time.process_time()
            score_pair(pair, protocol)
            middle = time.process_time()
            score_pair(pair, other.model_copy(update={"points": protocol.points}))
            later[other.name] += time.process_time() - middle
            first += (middle - start) / len(OTHERS)
    return {name: seconds / first for name, seconds in later.items()}


def spread(objects: int, count: int) -> list[int]:
    """Numbers of some objects, evenly over all; never more than there are."""
    return np.unique(np.linspace(0, objects - 1, min(count, objects)).astype(int)).tolist()


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="The evaluator against a plain loop.")
    parser.add_argument("--objects", type=int, default=1000, help="objects for the evaluator")
    parser.add_argument("--loop", type=int, default=8, help="objects of those for the loop")
    parser.add_argument("--points", type=int, default=10_000, help="per part; five times as whole")
    parser.add_argument("--faces", type=int, default=4, help="detail: about 20 * 4^N faces a part")
    options = parser.parse_args()
    for name, least in (("objects", 1), ("loop", 1), ("points", 1), ("faces", 1)):
        if getattr(options, name) < least:
            parser.error(f"--{name}: at least {least} was expected, got {getattr(options, name)}")
    return options


def print_times(watch: Stopwatch, own: float, published: float, count: int) -> None:
    """Table of the sample: the loop's seconds beside the evaluator's, for all metrics and some."""
    loop = sum(watch.seconds.values())
    loop_published = sum(watch.seconds.get(metric, 0.0) for metric in PUBLISHED)
    print(f"{'':34}{'loop':>12}{'evaluator':>12}{'ratio':>8}")
    print(f"{'seconds per object, all metrics':34}{loop / count:12.2f}{own / count:12.2f}"
          f"{loop / own:8.1f}")  # fmt: skip
    print(f"{'the same, published metrics':34}{loop_published / count:12.2f}"
          f"{published / count:12.2f}{loop_published / published:8.1f}")  # fmt: skip
    print("loop, seconds per object by metric: "
          + ", ".join(f"{k} {v / count:.2f}" for k, v in watch.seconds.items()))  # fmt: skip


def main() -> int:
    """Measure, print a table; 0 where speed, values, second protocol and memory all hold."""
    options = parsed()
    sizes = {"points": options.points, "whole_points": 5 * options.points}
    metrics = tuple(metric for metric in MMPART.metrics if metric != "appearance")
    full = MMPART.model_copy(update={**sizes, "metrics": metrics})
    published = MMPART.model_copy(update={**sizes, "metrics": PUBLISHED})
    sample = spread(options.objects, options.loop)
    print(f"{options.objects} objects of {len(PARTS)} parts for the evaluator; the loop on "
          f"{len(sample)} of them, numbers {', '.join(map(str, sample))}", flush=True)  # fmt: skip
    score_object(*synthetic(0, options.faces), (full,))
    watch, own, difference, where = timed_loop(sample, options.faces, full)
    part = list(scored_in_turn(sample, options.faces, published))[-1].seconds
    shares = timed_second(sample[:4], options.faces, full)
    loop, count = sum(watch.seconds.values()), len(sample)
    print_times(watch, own, part, count)
    print(f"largest difference of values: {difference:.1e} {where}", flush=True)
    found = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    print(f"second protocol, share of the first: {found}", flush=True)
    memory: list[float] = []
    for so_far in scored_in_turn(range(options.objects), options.faces, full):
        memory.append(so_far.memory_mib)
        print(f"{so_far.objects} objects: {so_far.rows} rows in {so_far.seconds / 60:.1f} min, "
              f"{so_far.rows / so_far.seconds:.1f} rows per second, {memory[-1]:.0f} MiB; "
              f"the loop, by its sample: {loop / count * so_far.objects / 60:.1f} min",
              flush=True)  # fmt: skip
    held = {
        f"{LEAST_RATIO:g} times faster": loop >= LEAST_RATIO * own,
        "equal values": difference <= TOLERANCE,
        "second protocol below half": max(shares.values()) < MOST_SECOND,
        "memory flat": max(memory) <= 1.1 * memory[0],
    }
    print("; ".join(f"{name}: {'yes' if holds else 'NO'}" for name, holds in held.items()))
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
