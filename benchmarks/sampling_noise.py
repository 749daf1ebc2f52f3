"""What two samples of one surface score against each other: the best that a perfect result gets.

    python -m benchmarks.sampling_noise DATASET [--only ID ...] [--points 10000 50000]

DATASET holds true objects in any layout that ``mmpart evaluate`` reads. Each whole object is
sampled with two seeds, and once more with its faces in another order and the seed kept, in the
frame ``truth_box``. Prints the table of docs/evaluation.md, and how far the two kinds of other
samples are apart at most.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from evaluation import functional
from evaluation.alignment import frame_from_truth
from evaluation.loaders import open_dataset
from evaluation.prepared import PreparedMesh, PreparedSet
from mmpart_core.errors import MMPartError
from mmpart_core.geometry.surface import TriangleMesh

SEED, OTHER_SEED = 0, 1
TAUS = (0.02, 0.05)
COLUMNS = ("Chamfer", *(f"F@{tau:g}" for tau in TAUS), "normals")


def whole_in_frame(parts: dict[str, TriangleMesh]) -> PreparedMesh:
    """All parts as one surface, its longest side from -1 to 1."""
    known = PreparedSet(parts)
    whole = known.union(tuple(parts))
    frame = frame_from_truth(known.bounds, "truth_box")
    return PreparedMesh(frame.apply(whole.vertices), whole.faces)


def shuffled(mesh: PreparedMesh, seed: int) -> PreparedMesh:
    """The same surface with its faces in another order."""
    order = np.random.default_rng(seed).permutation(len(mesh.faces))
    return PreparedMesh(mesh.vertices, mesh.faces[order])


def agreement(
    first: PreparedMesh, first_seed: int, second: PreparedMesh, second_seed: int, count: int
) -> tuple[float, ...]:
    """Scores of one sample against another: values of ``COLUMNS``."""
    points, normals = first.sample(count, first_seed)
    others, other_normals = second.sample(count, second_seed)
    nearest = functional.nearest_distances(others, points)
    return (
        functional.chamfer_from_distances(nearest),
        *(functional.f_from_distances(nearest, tau) for tau in TAUS),
        functional.normals_from_distances(nearest, other_normals, normals),
    )


def rows_of(object_id: str, mesh: PreparedMesh, counts: Sequence[int]) -> tuple[list[str], float]:
    """Lines of the table, and the greatest difference between another seed and another order."""
    lines: list[str] = []
    apart = 0.0
    for count in counts:
        seeded = agreement(mesh, SEED, mesh, OTHER_SEED, count)
        ordered = agreement(mesh, SEED, shuffled(mesh, SEED), SEED, count)
        apart = max(apart, *(abs(a - b) for a, b in zip(seeded, ordered, strict=True)))
        values = (f"{value:.3f}" for value in seeded)
        lines.append(f"| {object_id} | {count} | {' | '.join(values)} |")
    return lines, apart


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 2 where the data cannot be used."""
    parser = argparse.ArgumentParser(description="Two samples of one surface against each other.")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--only", nargs="+", help="objects of these names; all by default")
    parser.add_argument("--points", nargs="+", type=int, default=[10_000, 50_000])
    options = parser.parse_args(arguments)
    print(f"| object | points | {' | '.join(COLUMNS)} |")
    print("|---" * (2 + len(COLUMNS)) + "|")
    apart = 0.0
    try:
        dataset = open_dataset(options.dataset)
        for object_id in options.only or dataset.object_ids():
            mesh = whole_in_frame(dict(dataset.load(object_id).parts))
            lines, own = rows_of(object_id, mesh, options.points)
            print("\n".join(lines), flush=True)
            apart = max(apart, own)
    except MMPartError as error:
        parser.exit(2, f"{error}\n")
    print(f"faces in another order, seed kept: the same within {apart:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
