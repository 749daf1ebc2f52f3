"""All metrics of one part."""

import numpy as np

from evaluation.functional.boxes import THINNEST_SHARE, bbox_iou
from evaluation.functional.placement import (
    centroid_error_pct,
    rotation_error_deg,
    scale_error_pct,
)
from evaluation.prepared import PreparedMesh
from evaluation.protocol import Protocol
from evaluation.scoring.collected import Collected
from evaluation.scoring.context import Comparison
from evaluation.scoring.shape import score_shape, score_shape_alone, shape_metric_names

_ROTATION_POINTS = 1_000
_PLACEMENT = ("centroid_error_pct", "scale_error_pct", "rotation_error_deg")


def score_part(
    comparison: Comparison, made: PreparedMesh, truth: PreparedMesh, into: Collected
) -> None:
    """Shape, placement, shape alone and surface quality of a part."""
    protocol = comparison.protocol
    score_shape(comparison, made, truth, protocol.points, into)
    score_boxes(comparison, made, truth, into)
    if protocol.takes("placement"):
        _score_placement(comparison, made, truth, into)
    if protocol.takes("shape_alone"):
        score_shape_alone(comparison, made, truth, protocol.points, into)
    if protocol.takes("topology"):
        into.put("watertight", float(made.topology.watertight))
        into.put("components", float(made.topology.components))


def part_metric_names(protocol: Protocol) -> list[str]:
    """Names of all metrics of a part under a protocol."""
    shape = shape_metric_names(protocol)
    names = [*shape, *(["bbox_iou"] if protocol.takes("bbox_iou") else [])]
    if protocol.takes("placement"):
        names += _PLACEMENT
    if protocol.takes("shape_alone"):
        names += [f"shape_{name}" for name in shape]
    if protocol.takes("topology"):
        names += ["watertight", "components"]
    return names


def box_overlap(comparison: Comparison, made: PreparedMesh, truth: PreparedMesh) -> float:
    """Overlap of axis-aligned boxes in the truth's axes, before any alignment.

    What counts as flat is measured by the whole true object, so it is one length for all its parts.
    """
    thinnest = THINNEST_SHARE * comparison.diagonal
    return bbox_iou(*made.moved_bounds(comparison.placed), *truth.bounds, thinnest=thinnest)


def score_boxes(
    comparison: Comparison, made: PreparedMesh, truth: PreparedMesh, into: Collected
) -> None:
    """Overlap of boxes, where the protocol takes it."""
    if comparison.protocol.takes("bbox_iou"):
        into.put("bbox_iou", box_overlap(comparison, made, truth))


def _score_placement(
    comparison: Comparison, made: PreparedMesh, truth: PreparedMesh, into: Collected
) -> None:
    placed, diagonal = comparison.placed, comparison.diagonal
    centroid = placed.apply(made.centroid[None])[0]
    into.put("centroid_error_pct", centroid_error_pct(centroid, truth.centroid, diagonal))
    low, high = made.moved_bounds(placed)
    extents = np.asarray(high - low), np.asarray(truth.bounds[1] - truth.bounds[0])
    into.put("scale_error_pct", scale_error_pct(*extents, diagonal))
    seed = comparison.protocol.seed
    points = placed.apply(made.sample(_ROTATION_POINTS, seed)[0])
    true = truth.sample(_ROTATION_POINTS, seed)[0]
    into.put("rotation_error_deg", rotation_error_deg(points, true))
