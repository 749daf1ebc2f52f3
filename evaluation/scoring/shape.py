"""Shape metrics of one pair of surfaces: where they stand, and each in its own box."""

from evaluation.alignment import Similarity, box_onto_box, frame_from_truth
from evaluation.functional.chamfer import chamfer_from_distances
from evaluation.functional.distances import NearestDistances
from evaluation.functional.f_score import f_from_distances
from evaluation.functional.normals import normals_from_distances
from evaluation.functional.voxels import VoxelGrid, voxel_f_score, voxel_iou
from evaluation.prepared import PreparedMesh
from evaluation.protocol import Protocol
from evaluation.scoring.collected import Collected
from evaluation.scoring.context import Comparison
from mmpart_core.errors import ArgumentError, GeometryError


def shape_metric_names(protocol: Protocol) -> list[str]:
    """Names of the shape metrics a protocol takes."""
    names = ["chamfer"] if protocol.takes("chamfer") else []
    if protocol.takes("f_score"):
        names += [f"f_{tau:g}" for tau in protocol.taus]
    for metric in ("normal_consistency", "volume_iou", "voxel_f"):
        if protocol.takes(metric):
            names.append(metric)
    return names


def tell_open_truth(truth: PreparedMesh, into: Collected) -> None:
    """Put down whether occupancy compares shells: their IoU and that of solids differ in kind.

    A shell has hardly any volume: shifted by a cell it shares almost nothing with itself, where a
    solid still shares most. Rows of failures say it too, so that counts of shells are complete.
    """
    protocol = into.protocol
    occupancy = protocol.takes("volume_iou") or protocol.takes("voxel_f")
    if occupancy and protocol.voxels_from == "filled":
        into.put("open_truth", float(_is_open(truth)))


def score_shape(
    comparison: Comparison, made: PreparedMesh, truth: PreparedMesh, count: int, into: Collected
) -> None:
    """Shape where the prediction stands, in the protocol's frame."""
    motion, frame = comparison.aligned, comparison.frame
    _score(comparison, made, truth, motion, frame, count, into, prefix="")
    tell_open_truth(truth, into)


def score_shape_alone(
    comparison: Comparison, made: PreparedMesh, truth: PreparedMesh, count: int, into: Collected
) -> None:
    """Shape after each side was brought to [-1, 1] by its own box: placement does not count."""
    if min((high - low).max() for low, high in (made.bounds, truth.bounds)) <= 0:
        raise GeometryError("shape alone: a part has no extent")
    onto = box_onto_box(made.moved_bounds(comparison.placed), truth.bounds)
    motion = onto.after(comparison.placed)
    frame = frame_from_truth(truth.bounds, "truth_box")
    _score(comparison, made, truth, motion, frame, count, into, prefix="shape_")


def _score(
    comparison: Comparison,
    made: PreparedMesh,
    truth: PreparedMesh,
    motion: Similarity,
    frame: Similarity,
    count: int,
    into: Collected,
    *,
    prefix: str,
) -> None:
    protocol = comparison.protocol
    cache, seed = comparison.pair.nearest, protocol.seed
    if protocol.takes("chamfer"):
        found = cache.nearest(made, truth, motion, count, seed, protocol.norm)
        value = chamfer_from_distances(
            found.scaled(frame.scale), squared=protocol.squared, reduction=protocol.reduction
        )
        into.put(f"{prefix}chamfer", value)
    if protocol.takes("f_score") or protocol.takes("normal_consistency"):
        found = cache.nearest(made, truth, motion, count, seed)
        _score_nearest(found, frame.scale, made, truth, motion, count, into, prefix)
    if protocol.takes("volume_iou") or protocol.takes("voxel_f"):
        _score_voxels(made, truth, frame.after(motion), frame, count, into, prefix)


def _score_nearest(
    found: NearestDistances,
    scale: float,
    made: PreparedMesh,
    truth: PreparedMesh,
    motion: Similarity,
    count: int,
    into: Collected,
    prefix: str,
) -> None:
    protocol = into.protocol
    scaled = found.scaled(scale)
    if protocol.takes("f_score"):
        for tau in protocol.taus:
            into.put(f"{prefix}f_{tau:g}", f_from_distances(scaled, tau))
    if protocol.takes("normal_consistency"):
        made_normals = made.sample(count, protocol.seed)[1] @ motion.rotation.T
        true_normals = truth.sample(count, protocol.seed)[1]
        value = normals_from_distances(found, made_normals, true_normals)
        into.put(f"{prefix}normal_consistency", value)


def _score_voxels(
    made: PreparedMesh,
    truth: PreparedMesh,
    made_motion: Similarity,
    true_motion: Similarity,
    count: int,
    into: Collected,
    prefix: str,
) -> None:
    protocol = into.protocol
    try:
        grids = _grids(made, truth, made_motion, true_motion, count, into)
    except ArgumentError as error:
        into.flags.append(f"occupancy counts as none: {error}")
        grids = None
    if protocol.takes("volume_iou"):
        into.put(f"{prefix}volume_iou", voxel_iou(*grids) if grids else 0.0)
    if protocol.takes("voxel_f"):
        into.put(f"{prefix}voxel_f", voxel_f_score(*grids) if grids else 0.0)


def _grids(
    made: PreparedMesh,
    truth: PreparedMesh,
    made_motion: Similarity,
    true_motion: Similarity,
    count: int,
    into: Collected,
) -> tuple[VoxelGrid, VoxelGrid]:
    protocol, pitch = into.protocol, into.protocol.pitch
    if protocol.voxels_from == "points":
        sides = ((made, made_motion), (truth, true_motion))
        first, second = (
            mesh.point_voxels(motion, pitch, count, protocol.seed) for mesh, motion in sides
        )
        return first, second
    filled = not _is_open(truth)
    flag = "open true surface: occupancy compares shells"
    if not filled and flag not in into.flags:
        into.flags.append(flag)
    return (
        made.voxels(made_motion, pitch, filled=filled),
        truth.voxels(true_motion, pitch, filled=filled),
    )


def _is_open(truth: PreparedMesh) -> bool:
    return truth.topology.open_edges > 0
