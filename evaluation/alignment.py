"""Frames and alignment: where truth and prediction stand when they are compared.

All comparisons happen in the truth's own coordinates, and lengths are then multiplied into the
protocol's frame: a similarity moves no nearest neighbour. So trees of points are built once per
shape, whatever protocols it is scored by.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from evaluation.functional.f_score import f_score
from evaluation.functional.placement import CUBE_ROTATIONS
from evaluation.objects import Prediction
from evaluation.protocol import Frame
from mmpart_core.errors import GeometryError
from mmpart_core.geometry import transforms

_GOOD_FIT = 0.8

Bounds = tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]


@dataclass(frozen=True)
class Similarity:
    """``p -> scale * rotation @ p + translation``; the default moves nothing."""

    scale: float = 1.0
    rotation: Float[np.ndarray, "3 3"] = field(default_factory=lambda: np.eye(3))
    translation: Float[np.ndarray, "3"] = field(default_factory=lambda: np.zeros(3))

    def apply(self, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
        """Points moved; exactly the same points where nothing moves."""
        turned = points if self.turns_nothing else points @ self.rotation.T
        return self.scale * turned + self.translation

    def after(self, first: "Similarity") -> "Similarity":
        """This one applied after another."""
        return Similarity(
            self.scale * first.scale,
            self.rotation @ first.rotation,
            self.scale * self.rotation @ first.translation + self.translation,
        )

    def inverse(self) -> "Similarity":
        """The motion back."""
        turned = self.rotation.T @ self.translation
        return Similarity(1.0 / self.scale, self.rotation.T, -turned / self.scale)

    @property
    def turns_nothing(self) -> bool:
        """Whether the rotation is exactly the identity."""
        return bool(np.array_equal(self.rotation, np.eye(3)))

    def key(self) -> bytes:
        """Equal for equal motions; for caches."""
        return np.concatenate([[self.scale], self.rotation.ravel(), self.translation]).tobytes()

    def matrix(self) -> Float[np.ndarray, "4 4"]:
        """The motion as a 4x4 matrix."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.scale * self.rotation, self.translation
        return matrix


def longest_side(box: Bounds) -> float:
    """Longest side of a box.

    Raises:
        GeometryError: a box without extent.
    """
    side = float((box[1] - box[0]).max())
    if not side > 0:
        raise GeometryError("frame: the object has no extent; a mesh with area was expected")
    return side


def box_onto_box(moving: Bounds, fixed: Bounds) -> Similarity:
    """Brings the centre and the longest side of one box to those of another.

    Raises:
        GeometryError: a box without extent.
    """
    scale = longest_side(fixed) / longest_side(moving)
    center, target = (moving[0] + moving[1]) / 2.0, (fixed[0] + fixed[1]) / 2.0
    return Similarity(scale, translation=target - scale * center)


def frame_from_truth(truth: Bounds, frame: Frame) -> Similarity:
    """From the truth's coordinates to the protocol's frame.

    Raises:
        GeometryError: a truth without extent.
    """
    if frame == "as_stored":
        return Similarity()
    side = 1.0 if frame == "truth_half_box" else 2.0
    scale = side / longest_side(truth)
    return Similarity(scale, translation=-scale * (truth[0] + truth[1]) / 2.0)


def truth_from_prediction(
    prediction: Prediction,
    prediction_vertices: Float[np.ndarray, "P 3"],
    truth_vertices: Float[np.ndarray, "Q 3"],
    frame: Frame,
) -> Similarity:
    """From the prediction's coordinates to the truth's, before any alignment.

    Args:
        prediction: says what its coordinates are.
        prediction_vertices: all its vertices that faces use.
        truth_vertices: all true vertices that faces use.
        frame: ``own_box`` brings box onto box whatever the prediction says.

    Raises:
        GeometryError: a shape without extent.
    """
    truth = truth_vertices.min(axis=0), truth_vertices.max(axis=0)
    if frame == "own_box" or prediction.frame == "own":
        made = prediction_vertices.min(axis=0), prediction_vertices.max(axis=0)
        return box_onto_box(made, truth)
    if prediction.frame == "truth":
        return Similarity()
    center = (truth[0] + truth[1]) / 2.0
    if prediction.frame == "unit_sphere":
        scale = float(np.linalg.norm(truth_vertices - center, axis=-1).max())
    else:
        scale = longest_side(truth) / (2.0 if prediction.frame == "unit_box" else 1.0)
    return Similarity(scale, translation=center)


def turned_about(center: Float[np.ndarray, "3"], azimuth_deg: float) -> Similarity:
    """Rotation about the upright axis through a point."""
    rotation = transforms.rotation_z(azimuth_deg)[:3, :3].round(15)
    return Similarity(rotation=rotation, translation=center - rotation @ center)


def rigid(matrix: Float[np.ndarray, "4 4"]) -> Similarity:
    """A rigid 4x4 matrix as a similarity."""
    return Similarity(1.0, matrix[:3, :3], matrix[:3, 3])


def better_axes(
    prediction: Float[np.ndarray, "P 3"], truth: Float[np.ndarray, "Q 3"], tau: float
) -> tuple[Float[np.ndarray, "3 3"], float, float]:
    """The cube rotation by which a prediction fits best, with its F-score and that of no rotation.

    Each set is brought to its own box first, so only the axes count.

    Args:
        prediction: points on the prediction, a few hundred.
        truth: points on the truth, a few hundred.
        tau: distance of the F-score, where the longest side spans 2.
    """
    moving, fixed = _own_box(prediction), _own_box(truth)
    scores = [f_score(moving, fixed, (tau,))[tau]]
    if scores[0] < _GOOD_FIT:
        turned = [moving @ rotation.T for rotation in CUBE_ROTATIONS[1:]]
        scores += [f_score(points, fixed, (tau,))[tau] for points in turned]
    best = int(np.argmax(scores))
    return CUBE_ROTATIONS[best], scores[best], scores[0]


def _own_box(points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - (low + high) / 2.0) * (2.0 / max(float((high - low).max()), 1e-12))
