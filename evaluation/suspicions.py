"""Signs that a prediction is in other axes, at another scale, or named otherwise than is said.

A suspicion is told and never acted upon: scores stand as they are.
"""

import itertools
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from evaluation import alignment
from evaluation.matching import NameCheck
from evaluation.objects import DataIssue
from evaluation.scoring.context import Comparison
from mmpart_core.geometry import transforms

_AXES_POINTS = 400
_AXES_TAU = 0.1
_AXES_GAIN = 0.15
_SIZE_RATIO = 2.0
_NAME_GAIN = 0.1
_NAMES_TOLD = 6


def suspect_frame(comparison: Comparison) -> list[DataIssue]:
    """Signs that a prediction is in other axes, or at another scale, than it is said to be."""
    pair, seed = comparison.pair, comparison.protocol.seed
    made = np.concatenate([
        comparison.aligned.apply(part.sample(_AXES_POINTS, seed)[0])
        for part in pair.made.parts.values()
    ])  # fmt: skip
    true = np.concatenate(
        [part.sample(_AXES_POINTS, seed)[0] for part in pair.truth.parts.values()]
    )
    source = pair.prediction.source if pair.prediction else ""
    found = (_size_or_place(made, true), _axes(made, true, source))
    return [DataIssue(source or pair.truth_object.object_id, text) for text in found if text]


def suspect_names(check: NameCheck, file: str) -> list[DataIssue]:
    """Names that stand on another part's shape, exchanged ones as a pair.

    Args:
        check: how well parts fit, from ``matching.check_names``.
        file: of the prediction.
    """
    doubted = {
        true: fitting
        for true, fitting in check.fitting.items()
        if fitting is not None
        and (named := check.named.get(true)) is not None
        and fitting != named
        and check.fit[true, fitting] > check.fit[true, named] + _NAME_GAIN
    }
    texts: list[str] = []
    told: set[str] = set()
    for first, second in itertools.combinations(doubted, 2):
        exchanged = (check.named[second], check.named[first])
        if (doubted[first], doubted[second]) == exchanged:
            texts.append(
                f"names of '{first}' and '{second}' look exchanged: each fits the other's truth "
                "better"
            )
            told |= {first, second}
    texts += [
        f"name of '{check.named[true]}' looks wrong: '{fitting}' fits the truth of '{true}' better "
        f"(fit {check.fit[true, check.named[true]]:.2f} -> {check.fit[true, fitting]:.2f})"
        for true, fitting in doubted.items()
        if true not in told
    ]
    if len(texts) > _NAMES_TOLD:
        texts = [*texts[:_NAMES_TOLD], f"{len(texts) - _NAMES_TOLD} more names look wrong"]
    return [DataIssue(file, text) for text in texts]


def _size_or_place(made: Float[np.ndarray, "P 3"], true: Float[np.ndarray, "Q 3"]) -> str:
    side = float(np.ptp(true, axis=0).max())
    ratio = float(np.ptp(made, axis=0).max()) / side
    if not 1.0 / _SIZE_RATIO < ratio < _SIZE_RATIO:
        return (
            f"scale suspected: the prediction's box is {float(f'{ratio:.3g}'):g} times the "
            "truth's; see --frame"
        )
    if (made.min(axis=0) > true.max(axis=0)).any() or (made.max(axis=0) < true.min(axis=0)).any():
        centers = [(each.min(axis=0) + each.max(axis=0)) / 2.0 for each in (made, true)]
        away = float(np.linalg.norm(centers[0] - centers[1])) / side
        return (
            f"frame suspected: the prediction's box does not touch the truth's and lies "
            f"{float(f'{away:.3g}'):g} times its longest side away; see --frame"
        )
    return ""


def _axes(made: Float[np.ndarray, "P 3"], true: Float[np.ndarray, "Q 3"], source: str) -> str:
    few_made, few_true = (points[:: max(1, len(points) // _AXES_POINTS)] for points in (made, true))
    rotation, best, plain = alignment.better_axes(few_made, few_true, _AXES_TAU)
    if best <= plain + _AXES_GAIN:
        return ""
    world, gltf = transforms.WORLD_FROM_GLTF[:3, :3], transforms.GLTF_FROM_WORLD[:3, :3]
    turn = gltf @ rotation @ world
    text = (
        f"wrong axes suspected: fits better turned by {_turn_in_words(turn)} (F@{_AXES_TAU:g} in "
        f"boxes of one size {plain:.2f} -> {best:.2f})"
    )
    upright = turn @ [0.0, 0.0, 1.0]
    if not np.allclose(upright, [0.0, 1.0, 0.0]):
        return text
    ending = Path(source).suffix.lower()
    if ending in (".glb", ".gltf"):
        return f"{text}: written Z up? glTF is +Y up, whatever --up says: write it so"
    return f"{text}: written Z up? see --up{'' if ending else ', for formats other than glTF'}"


def _turn_in_words(turn: Float[np.ndarray, "3 3"]) -> str:
    """A rotation of the cube by its angle and axis, in glTF's axes (+Y up, front +Z)."""
    vector = Rotation.from_matrix(turn).as_rotvec()
    angle = float(np.linalg.norm(vector))
    axis = np.round(vector / angle, 6)
    along = np.flatnonzero(axis)
    degrees = round(np.rad2deg(angle))
    if len(along) > 1:
        steps = " ".join(f"{value:g}" for value in np.round(axis / np.abs(axis).max()))
        return f"{degrees} degrees about the axis ({steps}) of glTF's axes"
    if axis[along[0]] < 0:
        degrees = -degrees if degrees != 180 else degrees
    return f"{degrees} degrees about {'XYZ'[along[0]]} of glTF's axes"
