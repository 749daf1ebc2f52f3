"""Which predicted part is compared with which true part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from evaluation.functional.counts import plain_name
from evaluation.protocol import Matching

PairScore = Callable[[str, str], float]
NAME_BENEFIT = 0.05
"""How much better another part must fit before a name is disbelieved; fits go from 0 to 1.

Samples of coinciding or symmetric parts fit each other alike, up to chance.
"""


@dataclass(frozen=True)
class Pairing:
    """True parts and what each is compared with.

    Attributes:
        matched: true part -> predicted part, or None.
        how: true part -> ``name``, ``shape``, ``box``, or empty where nothing was found.
        surplus: predicted parts that nothing true was paired with.
    """

    matched: dict[str, str | None]
    how: dict[str, str]
    surplus: tuple[str, ...]


def match_parts(
    truth: Sequence[str],
    prediction: Sequence[str],
    matching: Matching,
    *,
    f_score: PairScore,
    box_iou: PairScore,
) -> Pairing:
    """Pair parts the protocol's way; no predicted part serves two true ones.

    Args:
        truth: names of the true parts.
        prediction: names of the predicted parts.
        matching: see ``Protocol``.
        f_score: true and predicted name -> F-score; called only for parts left to pair by shape.
        box_iou: true and predicted name -> overlap of bounding boxes.
    """
    matched: dict[str, str | None] = dict.fromkeys(truth)
    how = dict.fromkeys(truth, "")
    if matching in ("name", "name_then_shape", "name_then_box"):
        for name, found in match_names(truth, prediction).items():
            matched[name], how[name] = found, "name"
    taken = set(matched.values())
    open_truth = [name for name in truth if matched[name] is None]
    open_prediction = [name for name in prediction if name not in taken]
    if matching in ("shape", "name_then_shape"):
        pairs, label = best_assignment(open_truth, open_prediction, f_score), "shape"
    elif matching == "name_then_box":
        pairs, label = greedy_assignment(open_truth, open_prediction, box_iou), "box"
    else:
        pairs, label = {}, ""
    for name, found in pairs.items():
        matched[name], how[name] = found, label
    used = set(matched.values())
    return Pairing(matched, how, tuple(name for name in prediction if name not in used))


def match_names(truth: Sequence[str], prediction: Sequence[str]) -> dict[str, str]:
    """Pairs of equal names: exact ones first, then alike up to case, spaces and separators.

    Example:
        >>> match_names(["Front wheel", "body"], ["body", "front_wheel"])
        {'body': 'body', 'Front wheel': 'front_wheel'}
    """
    pairs = {name: name for name in truth if name in set(prediction)}
    free: dict[str, list[str]] = {}
    for name in prediction:
        if name not in pairs:
            free.setdefault(plain_name(name), []).append(name)
    for name in truth:
        if name not in pairs and free.get(plain_name(name)):
            pairs[name] = free[plain_name(name)].pop(0)
    return pairs


@dataclass(frozen=True)
class NameCheck:
    """Whether names stand on the shapes they belong to.

    Attributes:
        named: true part -> the prediction that bears its name; parts without are left out.
        fitting: true part -> the prediction that shapes give it, or None.
        fit: true and predicted name -> how well they fit, 0 to 1.
    """

    named: dict[str, str]
    fitting: dict[str, str | None]
    fit: dict[tuple[str, str], float]


def check_names(truth: Sequence[str], prediction: Sequence[str], fit: PairScore) -> NameCheck:
    """Pair all parts by how well they fit, whatever paired them for scoring (Hungarian).

    A name is believed unless another part fits better by more than ``NAME_BENEFIT``; so it is
    where nothing fits.

    Args:
        truth: names of the true parts.
        prediction: names of the predicted parts.
        fit: true and predicted name -> 0 to 1; called for every pair.
    """
    named = match_names(truth, prediction)

    # Kept as numbers: ``fit`` may belong to what keeps this check, and would keep both alive.
    fits = {(true, made): fit(true, made) for true in truth for made in prediction}

    def score(true: str, predicted: str) -> float:
        return fits[true, predicted] + (NAME_BENEFIT if named.get(true) == predicted else 0.0)

    found = best_assignment(truth, prediction, score)
    return NameCheck(named, {name: found.get(name) for name in truth}, fits)


def best_assignment(
    truth: Sequence[str], prediction: Sequence[str], score: PairScore
) -> dict[str, str]:
    """Pairs with the greatest sum of scores (Hungarian); pairs that score 0 are no pairs."""
    table = _table(truth, prediction, score)
    rows, columns = linear_sum_assignment(-table)
    return {
        truth[int(i)]: prediction[int(j)]
        for i, j in zip(rows, columns, strict=True)
        if table[i, j] > 0
    }


def greedy_assignment(
    truth: Sequence[str], prediction: Sequence[str], score: PairScore
) -> dict[str, str]:
    """Pairs taken best first; pairs that score 0 are no pairs."""
    table = _table(truth, prediction, score)
    pairs: dict[str, str] = {}
    while table.size and table.max() > 0:
        i, j = np.unravel_index(int(table.argmax()), table.shape)
        pairs[truth[int(i)]] = prediction[int(j)]
        table[i, :] = table[:, j] = -1.0
    return pairs


def _table(
    truth: Sequence[str], prediction: Sequence[str], score: PairScore
) -> Float[np.ndarray, "K L"]:
    values = [[score(true, predicted) for predicted in prediction] for true in truth]
    return np.array(values, dtype=np.float64).reshape(len(truth), len(prediction))
