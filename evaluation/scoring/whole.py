"""Metrics of the whole object: union, overlap of its parts, counts and names."""

import itertools
from collections.abc import Mapping

import numpy as np

from evaluation.functional.counts import name_accuracy, part_count_error
from evaluation.functional.mutual_iou import pair_ious
from evaluation.functional.voxels import VoxelGrid
from evaluation.matching import Pairing
from evaluation.prepared import PreparedMesh
from evaluation.protocol import Metric, Protocol
from evaluation.scoring.collected import Collected
from evaluation.scoring.context import Comparison, PreparedPair
from evaluation.scoring.part import score_boxes
from evaluation.scoring.shape import score_shape, shape_metric_names
from mmpart_core.errors import ArgumentError

NO_PAIR = "fewer than two parts: there is no pair"


def union_metric_names(protocol: Protocol) -> list[str]:
    """Names of all metrics of a union of parts under a protocol."""
    names = shape_metric_names(protocol)
    return [*names, "bbox_iou"] if protocol.takes("bbox_iou") else names


def together_metric_names(protocol: Protocol) -> list[str]:
    """Names of all metrics of an object's parts together under a protocol."""
    taken: tuple[tuple[Metric, tuple[str, ...]], ...] = (
        ("mutual_iou", ("mutual_iou", "mutual_iou_max")),
        ("penetration", ("penetration_pct", "penetration_max_pct")),
        ("names", ("part_count_error", "name_accuracy")),
        ("topology", ("watertight_share",)),
    )
    return [name for metric, names in taken if protocol.takes(metric) for name in names]


def score_union(
    comparison: Comparison,
    made: PreparedMesh,
    truth: PreparedMesh,
    count: int,
    into: Collected,
) -> None:
    """Shape and box of a group or of the whole object."""
    score_shape(comparison, made, truth, count, into)
    score_boxes(comparison, made, truth, into)


def score_independence(
    comparison: Comparison | None, pair: PreparedPair, failed: int, into: Collected
) -> None:
    """How much parts overlap each other; pairs with a failed part count as the worst.

    Args:
        comparison: None when no part is usable.
        pair: what is scored.
        failed: how many parts are missing or failed.
        into: where values go.
    """
    if into.protocol.takes("mutual_iou"):
        grids: list[VoxelGrid | None] = [None] * failed
        if comparison is not None:
            grids += [_grid(comparison, part, into) for part in pair.made.parts.values()]
        _put_pairs(into, ("mutual_iou", "mutual_iou_max"), pair_ious(grids), len(grids))
    if into.protocol.takes("penetration"):
        _score_penetration(pair, failed, into)


def score_counts(
    pair: PreparedPair, pairing: Pairing, fitting: Mapping[str, str | None], into: Collected
) -> None:
    """Number and names of parts, and the share of them that is watertight.

    Args:
        pair: what is scored.
        pairing: how its parts are paired for scoring.
        fitting: true part -> the prediction that fits it, by which names are judged.
        into: where values go.
    """
    expected = len(pair.truth.parts)
    made = {name for name in pairing.matched.values() if name is not None}
    if into.protocol.takes("names"):
        into.put("part_count_error", float(part_count_error(len(pair.made.parts), expected)))
        accuracy = name_accuracy(fitting)
        if accuracy is None:
            into.leave_out("name_accuracy", "no usable true part")
        else:
            into.put("name_accuracy", accuracy)
    if into.protocol.takes("topology"):
        closed = sum(pair.made.parts[name].topology.watertight for name in made)
        into.put("watertight_share", closed / max(expected, 1))


def _score_penetration(pair: PreparedPair, failed: int, into: Collected) -> None:
    names = list(pair.made.parts)
    total = len(names) + failed
    found = [pair.made.penetration(a, b) for a, b in itertools.combinations(names, 2)]
    failed_pairs = total * (total - 1) // 2 - len(found)
    open_pairs = sum(value is None for value in found)
    if open_pairs:
        into.flags.append(f"{open_pairs} of {len(found)} pairs have an open part: no penetration")
    values = [value for value in found if value is not None] + [100.0] * failed_pairs
    metrics = ("penetration_pct", "penetration_max_pct")
    if total >= 2 and not values:
        for metric in metrics:
            into.leave_out(metric, "every pair has an open part: no volume to share")
        return
    _put_pairs(into, metrics, values, total)


def _put_pairs(into: Collected, metrics: tuple[str, str], values: list[float], parts: int) -> None:
    if parts < 2:
        for metric in metrics:
            into.leave_out(metric, NO_PAIR)
        return
    into.put(metrics[0], float(np.mean(values)))
    into.put(metrics[1], float(np.max(values)))


def _grid(comparison: Comparison, part: PreparedMesh, into: Collected) -> VoxelGrid | None:
    motion = comparison.frame.after(comparison.placed)
    try:
        return part.voxels(motion, comparison.protocol.pitch, filled=True)
    except ArgumentError as error:
        into.flags.append(f"mutual IoU counts a part as failed: {error}")
        return None
