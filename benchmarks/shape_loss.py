"""What reconstructed parts lack: surface that no view sees, too much matter, or too little.

    python -m benchmarks.shape_loss RUN OBJECTS [--method ours-cpu]

RUN is the folder of ``python -m benchmarks.reconstruction run OBJECTS ... --keep``. True surface
that our surface misses by more than a tolerance (in shares of the part's longest side) is

- *unseen*: no training view sees it;
- *covered*: a view sees it, and our matter stands before it by more than the tolerance there;
- *worn*: seen, not covered.

*Too much* is the share of our own surface that is wrong and stands before the truth in a view, as
hollows that stay filled and faces that swell do. Two figures tell what F would be if the covered
surface, or all that is seen, were right and all else as it is: the latter is the most that these
views allow, as what no view sees is a guess.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.parts import load_part
from benchmarks.reconstruction.rows import read_condition, read_rows
from benchmarks.reconstruction.truth import KnownTruth, known_truth
from evaluation import functional
from mmpart_core.errors import InputError, MMPartError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb

TOLERANCES = (0.01, 0.02)
POINTS, DENSE = 20_000, 100_000
_OFF_SURFACE = 1e-4
Points = Float[np.ndarray, "P 3"]
Eye = Float[np.ndarray, "3"]


@dataclass(frozen=True)
class Loss:
    """Shares of one part's surface at one tolerance; see the module."""

    f: float
    unseen: float
    covered: float
    worn: float
    too_much: float
    f_uncovered: float
    f_seen_right: float


def lines_of_sight(
    points: Points, own: RenderScene, other: RenderScene, eyes: Sequence[Eye]
) -> tuple[Bool[np.ndarray, "V P"], Float[np.ndarray, "V P"]]:
    """Whether a surface is seen at some points, and how much farther away another one is there.

    Args:
        points: on ``own``.
        own: their surface.
        other: what the same lines of sight meet instead.
        eyes: places of the cameras.

    Returns:
        By camera and point: seen; length along the line of sight, negative where the other is
        nearer, infinite where there is none.
    """
    seen, farther = np.zeros((2, len(eyes), len(points)))
    for view, eye in enumerate(eyes):
        way = points - eye
        length = np.linalg.norm(way, axis=1)
        start = points - _OFF_SURFACE * way / length[:, None]
        seen[view] = own.cast(start, eye - start).distance >= 1.0
        first = other.cast(np.repeat(eye[None], len(points), axis=0), way).distance
        farther[view] = (first - 1.0) * length
    return seen.astype(bool), farther


def losses(
    made: TriangleMesh, true: TriangleMesh, truth: KnownTruth, eyes: Sequence[Eye]
) -> dict[float, Loss]:
    """What a mesh lacks, by tolerance.

    Args:
        made: the result, part frame.
        true: the part.
        truth: points of its outer surface.
        eyes: places of the training cameras.
    """
    unit = float(truth.unit[0])
    chosen = np.random.default_rng(0).permutation(len(truth.points))[:POINTS]
    of_truth, seen = truth.points[chosen].astype(float), truth.seen[chosen]
    dense, _ = functional.sample_surface(made.vertices, made.faces, DENSE, seed=1)
    of_made = dense[np.random.default_rng(1).permutation(len(dense))[:POINTS]]
    missed_by = unit * np.asarray(KDTree(dense).query(of_truth)[0])
    wrong_by = unit * np.asarray(KDTree(truth.points.astype(float)).query(of_made)[0])
    true_scene, made_scene = RenderScene([true]), RenderScene([made])
    true_seen, ours_farther = lines_of_sight(of_truth, true_scene, made_scene, eyes)
    made_seen, truth_farther = lines_of_sight(of_made, made_scene, true_scene, eyes)
    found: dict[float, Loss] = {}
    for tolerance in TOLERANCES:
        missed, wrong = missed_by >= tolerance, wrong_by >= tolerance
        nearer = (true_seen & (unit * ours_farther < -tolerance)).any(axis=0)
        behind = np.isfinite(truth_farther) & (unit * truth_farther > tolerance)
        covered = missed & seen & nearer
        too_much = wrong & (made_seen & behind).any(axis=0)
        precision, recall = 1.0 - wrong.mean(), 1.0 - missed.mean()
        found[tolerance] = Loss(
            f=_f_score(precision, recall),
            unseen=float((missed & ~seen).mean()),
            covered=float(covered.mean()),
            worn=float((missed & seen & ~covered).mean()),
            too_much=float(too_much.mean()),
            f_uncovered=_f_score(precision + too_much.mean(), recall + covered.mean()),
            f_seen_right=_f_score(
                1.0 - (wrong & ~made_seen.any(axis=0)).mean(), 1.0 - (missed & ~seen).mean()
            ),
        )
    return found


def _f_score(precision: float, recall: float) -> float:
    both = precision + recall
    return float(2.0 * precision * recall / both) if both else 0.0


def main() -> None:
    """Print a line for each part and the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("objects", type=Path)
    parser.add_argument("--method", default="ours-cpu")
    options = parser.parse_args()
    try:
        told = measured(options.run, options.objects, options.method)
    except MMPartError as error:
        sys.exit(str(error))
    names = [field.name for field in fields(Loss)]
    print("tolerance  " + "  ".join(f"{name:>12s}" for name in names))
    for tolerance in TOLERANCES:
        for part, found in told.items():
            print(f"{tolerance:9.2f}  {_figures(found[tolerance])}  {part}")
        values = [list(asdict(found[tolerance]).values()) for found in told.values()]
        mean = Loss(*np.mean(values, axis=0).tolist())
        print(f"{tolerance:9.2f}  {_figures(mean)}  mean of {len(told)}")


def measured(run: Path, objects: Path, method: str) -> dict[str, dict[float, Loss]]:
    """The losses of all meshes that a run kept, by part.

    Raises:
        InputError: the run kept none of that method.
    """
    condition: Condition = read_condition(run)
    eyes = [
        transforms.to_array(camera.world_from_camera)[:3, 3]
        for camera in condition.training_cameras()
    ]
    told: dict[str, dict[float, Loss]] = {}
    for row in read_rows(run):
        path = run / "meshes" / row.method / f"{row.part.object_id}-{row.part.part}-{row.seed}.glb"
        if row.method == method and row.seed == 0 and path.is_file():
            made = glb.decode_glb(path.read_bytes())[0].mesh
            true = load_part(objects, row.part)
            told[str(row.part)] = losses(made, true, known_truth(true, condition), eyes)
    if not told:
        raise InputError(f"run '{run}': no meshes of method '{method}'; make it with --keep")
    return told


def _figures(loss: Loss) -> str:
    return "  ".join(f"{value:12.3f}" for value in asdict(loss).values())


if __name__ == "__main__":
    main()
