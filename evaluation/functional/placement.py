"""How far a part stands from where it belongs, in position, size and orientation."""

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from evaluation.functional.registration import icp
from mmpart_core.errors import ArgumentError

_TRIED = 300
_ITERATIONS = 20
_REFINED = 2
_SAMPLING_SHARE = 0.5


def surface_centroid(vertices: ArrayLike, faces: ArrayLike) -> Float[np.ndarray, "3"]:
    """Centre of mass of a surface: mean of the faces' centres, weighted by area.

    Args:
        vertices: positions, (V, 3).
        faces: vertex indices, (F, 3).

    Raises:
        ArgumentError: no mesh (``arguments.mesh``), or one without area.
    """
    positions, triangles = arguments.mesh("vertices", vertices, "faces", faces)
    corners = positions.take(triangles, axis=0)
    areas = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1
    )
    if not areas.sum() > 0:
        raise ArgumentError("faces: expected at least one face of positive area, got none")
    return (corners.mean(axis=1) * areas[:, None]).sum(axis=0) / areas.sum()


def centroid_error_pct(prediction: ArrayLike, truth: ArrayLike, diagonal: float) -> float:
    """Distance between two centroids in % of the true object's diagonal.

    Args:
        prediction: centroid of the predicted part, (3,).
        truth: centroid of the true part, (3,), same frame.
        diagonal: of the true object's box, above 0.

    Raises:
        ArgumentError: no finite numbers, or no diagonal.
    """
    apart = arguments.vector("prediction", prediction) - arguments.vector("truth", truth)
    return 100.0 * float(np.linalg.norm(apart)) / arguments.number("diagonal", diagonal, above=0.0)


def scale_error_pct(
    prediction_extent: ArrayLike, truth_extent: ArrayLike, diagonal: float
) -> float:
    """Difference of the diagonals of two parts' boxes in % of the true object's diagonal.

    Args:
        prediction_extent: sides of the predicted part's box, (3,).
        truth_extent: sides of the true part's box, (3,).
        diagonal: of the true object's box, above 0.

    Raises:
        ArgumentError: no finite numbers, a side below 0, or no diagonal.
    """
    sides = {"prediction_extent": prediction_extent, "truth_extent": truth_extent}
    extents = {name: arguments.vector(name, value) for name, value in sides.items()}
    for name, extent in extents.items():
        if extent.min() < 0:
            raise ArgumentError(
                f"{name}: expected sides from 0 up, got {extent.tolist()}; take high - low"
            )
    first, second = (float(np.linalg.norm(extent)) for extent in extents.values())
    return 100.0 * abs(first - second) / arguments.number("diagonal", diagonal, above=0.0)


def rotation_error_deg(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Angle by which a part is turned away from the truth, in degrees, 0 to 180.

    Both sets are centred and brought to one size (root mean square radius). The 24 rotations of
    the cube are tried, the best refined by rigid ICP; of all that fit about as well as the best,
    the smallest angle counts, so turning a shape onto itself is no error.

    Args:
        prediction: points on the predicted surface, (P, 3), at least two, in random order.
        truth: points on the true surface, (Q, 3), at least two, in random order.

    Raises:
        ArgumentError: no such finite points.
    """
    moving = _centred(arguments.points("prediction", prediction, least=2))
    fixed = _centred(arguments.points("truth", truth, least=2))
    tree = KDTree(fixed)
    few = moving[:_TRIED]
    turned = np.einsum("rij,pj->rpi", CUBE_ROTATIONS, few)
    distances = np.asarray(tree.query(turned.reshape(-1, 3))[0]).reshape(len(turned), -1)
    cost = (distances**2).mean(axis=1)
    promising = {0, *np.argsort(cost, kind="stable")[:_REFINED].tolist()}
    refined = [icp(few @ CUBE_ROTATIONS[i].T, tree, _ITERATIONS, turn_only=True) for i in promising]
    angles = [
        np.rad2deg(Rotation.from_matrix(fit.rotation @ CUBE_ROTATIONS[i]).magnitude())
        for i, fit in zip(promising, refined, strict=True)
    ]
    # Two samples of one surface are not the same points: costs that differ by less than that fit
    # alike.
    halves = np.asarray(KDTree(fixed[::2]).query(fixed[1::2][:_TRIED])[0])
    limit = min(fit.cost for fit in refined) + _SAMPLING_SHARE * float((halves**2).mean())
    return float(
        min(angle for angle, fit in zip(angles, refined, strict=True) if fit.cost <= limit)
    )


def _centred(points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    moved = points - points.mean(axis=0)
    radius = float(np.sqrt((moved**2).sum(axis=-1).mean()))
    return moved / max(radius, 1e-12)


def _cube_rotations() -> Float[np.ndarray, "24 3 3"]:
    matrices = Rotation.create_group("O").as_matrix().round()
    order = np.argsort([-np.trace(matrix) for matrix in matrices], kind="stable")
    return matrices[order]


CUBE_ROTATIONS: Float[np.ndarray, "24 3 3"] = _cube_rotations()
"""The rotations that carry a cube onto itself; the first is the identity."""
