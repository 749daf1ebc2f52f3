"""Placement from the input image alone: outlines give scale and position, order gives depth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble import depth_order, eyes, fit_image, outline_fit, sight
from mmpart_core.assemble.depth_search import DepthSearch, FittedPart, SearchSettings
from mmpart_core.assemble.mirror_planes import MirrorPlane, MirrorShape, mirror_planes
from mmpart_core.assemble.outline_fit import OutlinePart
from mmpart_core.assemble.protocol import AssemblyTask
from mmpart_core.assemble.twins import twins_of
from mmpart_core.geometry.render import RenderScene
from mmpart_core.records import Camera

_ALPHA_THRESHOLD = 128  # half of 255


@dataclass(frozen=True)
class OneImage:
    """Parts placed by one image.

    Attributes:
        poses: scale and centre of each, object frame.
        spread: per part, how far apart depths of nearly the same energy lie, object units.
        told: per part, whether anything in the image tells its depth.
        mirrored: per part, whether the object's symmetry does.
    """

    poses: Float[np.ndarray, "K 4"]
    spread: tuple[float, ...]
    told: tuple[bool, ...]
    mirrored: tuple[bool, ...]


@dataclass(frozen=True)
class ImageSettings:
    """How thoroughly one image is looked at.

    Attributes:
        window_px: side of the window a silhouette is compared in.
        fit_rounds: rounds of silhouette fitting.
        order_px: side of the window that shows who hides whom.
        search: of the depths.
    """

    window_px: int
    fit_rounds: int
    order_px: int
    search: SearchSettings


def place_by_image(
    task: AssemblyTask,
    camera: Camera,
    outlines: Sequence[OutlinePart],
    settings: ImageSettings,
    seed: int,
) -> OneImage:
    """Place all parts.

    Args:
        task: pictures and meshes.
        camera: the input camera, object frame.
        outlines: the parts with their isolated images.
        settings: how thoroughly.
        seed: for thinning out large overlaps.
    """
    parts: list[FittedPart] = []
    for part, outline in zip(task.parts, outlines, strict=True):
        start = outline_fit.fit_part(outline, camera, eyes.eye_distance(camera)).pose
        wanted = part.rgba[..., 3] >= _ALPHA_THRESHOLD
        fit = fit_image.SilhouetteFit(part.mesh, camera, wanted, settings.window_px)
        pose, _ = fit.refine(start, settings.fit_rounds)
        parts.append(
            FittedPart(pose, RenderScene([part.mesh]), outline.facets.outline, int(wanted.sum()))
        )
    pairs = _pairs(task, camera, parts, settings.order_px, seed)
    twins = twins_of([part.mesh for part in task.parts], seed)
    planes = _planes(task, camera, parts, seed) if settings.search.related else ()
    search = DepthSearch(camera, parts, pairs, settings.search, twins, planes)
    factors = search.run()
    poses = [
        outline_fit.frame_pose(part.pose.moved(factor), camera)
        for part, factor in zip(parts, factors, strict=True)
    ]
    told = tuple(
        any(pair.ordered or pair.touching for key, pair in pairs.items() if index in key)
        for index in range(len(parts))
    )
    mirrored = tuple(any(at in plane.mirrored for plane in planes) for at in range(len(parts)))
    return OneImage(np.stack(poses), tuple(search.spread), told, mirrored)


def _planes(
    task: AssemblyTask, camera: Camera, parts: list[FittedPart], seed: int
) -> tuple[MirrorPlane, ...]:
    """Planes that mirror the object, as parts stand at its middle depth."""
    shapes = [
        MirrorShape.of(
            each.mesh, part.pose.scale, float(part.pose.object_from_part(camera)[2, 3]), seed + at
        )
        for at, (each, part) in enumerate(zip(task.parts, parts, strict=True))
    ]
    return mirror_planes(shapes, np.array([float(part.area_px) for part in parts]))


def _pairs(
    task: AssemblyTask, camera: Camera, parts: list[FittedPart], order_px: int, seed: int
) -> dict[tuple[int, int], depth_order.PairEvidence]:
    shown = np.any([part.rgba[..., 3] >= _ALPHA_THRESHOLD for part in task.parts], axis=0)
    box = sight.mask_box(shown)
    if box is None or len(parts) < 2:
        return {}
    window = sight.crop(camera, box, margin=0.05, side_px=order_px)
    layers = [depth_order.sight_layers(part.scene, part.pose, window) for part in parts]
    visible = [window.sample(part.visible) for part in task.parts]
    pairs = {
        (one, two): depth_order.compare_pair(
            (layers[one], layers[two]), (visible[one], visible[two]), seed
        )
        for two in range(len(parts))
        for one in range(two)
    }
    said = task.touching
    if said is None:
        return pairs
    return {key: pair if key in said else pair.without_contact() for key, pair in pairs.items()}
