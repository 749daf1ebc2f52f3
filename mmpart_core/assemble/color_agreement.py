"""Colours of parts that were made apart, brought to what the source shows of them.

One gain per channel and part (the diagonal model of von Kries, 1902): a part whose views were drawn
in another light keeps the pattern of its texture, and gets the light of the source.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from mmpart_core.assemble.protocol import AssemblyTask, PartEvidence, PlacedPart
from mmpart_core.geometry import cameras, shading
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

Gain = tuple[float, float, float]

_COMPARED_PX = 384  # longer side of the picture that colours are compared in
# By hand, as all here. Pixels this near to an outline mix colours, or lie beside the part.
_EDGE_PX = 2
_LEAST_PX = 48
# Of a part's silhouette; a sliver may lie in a shadow that the rest does not.
_LEAST_SHARE = 0.1
_DARK = 24.0  # of 255: ratios of darker values are noise
_CLIP = 64.0  # differences count no more than this, of 255
# A gain must take away this much of the difference, and at least this many of 255.
_LEAST_IMPROVEMENT, _LEAST_STEP = 0.1, 1.0


def recolored(
    task: AssemblyTask,
    placed: Sequence[PlacedPart],
    world_from_object: Float[np.ndarray, "4 4"],
    limit: float,
) -> tuple[PlacedPart, ...]:
    """Placements with the gains of ``color_gains``.

    Args:
        task: source, visible pixels and meshes.
        placed: where the parts stand.
        world_from_object: from the frame of the task's camera to that of the placements.
        limit: see ``color_gains``.
    """
    poses = [each.world_from_part for each in placed]
    camera = cameras.camera_in_frame(task.camera, world_from_object)
    gains = color_gains(task, poses, camera, limit)
    return tuple(replace(each, color_gain=gain) for each, gain in zip(placed, gains, strict=True))


def color_gains(
    task: AssemblyTask,
    poses: Sequence[Float[np.ndarray, "4 4"]],
    camera: Camera,
    limit: float,
) -> tuple[Gain | None, ...]:
    """Factors on the sRGB values of each part that bring it to what the source shows.

    Per channel the median, over the pixels that show the part in the source and in a drawing of the
    placed parts, two pixels from any outline, of source over drawing; clipped. Ratios are of
    sRGB values, as everywhere colours are compared here.

    Args:
        task: source, visible pixels and meshes.
        poses: world_from_part of every part.
        camera: the input camera in that world.
        limit: largest factor; one over it is the smallest.

    Returns:
        Per part red, green and blue factor; None where too little is seen of it, or where the
        drawing does not get closer to the source by a tenth and by 1 of 255 at least.
    """
    small = cameras.bounded_camera(camera, _COMPARED_PX)
    meshes = [part.mesh.transformed(pose) for part, pose in zip(task.parts, poses, strict=True)]
    drawn = RenderScene(meshes).render(small)
    size = (small.width_px, small.height_px)
    source = cv2.resize(
        np.ascontiguousarray(task.source[..., :3]), size, interpolation=cv2.INTER_AREA
    )
    gains: list[Gain | None] = []
    for index, part in enumerate(task.parts):
        share = cv2.resize(part.visible.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        both = _inside((share >= 0.5) & (drawn.node_index == index))
        if _seen_too_little(part) or int(both.sum()) < _LEAST_PX:
            gains.append(None)
            continue
        gains.append(_gain(drawn.rgba[..., :3][both], source[both], limit))
    return tuple(gains)


def tinted(mesh: TriangleMesh, gain: Gain) -> TriangleMesh:
    """The mesh with its texture or its vertices' colours times a factor per channel of sRGB."""
    if mesh.texture is not None and mesh.uv is not None:
        return replace(mesh, texture=_times(mesh.texture, gain))
    colors = mesh.colors
    if colors is None:
        grey = round(shading.MID_GREY * 255.0)
        colors = np.tile(np.array([grey] * 3 + [255], dtype=np.uint8), (len(mesh.vertices), 1))
    return replace(mesh, colors=_times(colors, gain))


def _gain(
    drawn: UInt8[np.ndarray, "P 3"], source: UInt8[np.ndarray, "P 3"], limit: float
) -> Gain | None:
    have, want = drawn.astype(np.float64), source.astype(np.float64)
    factors = np.ones(3)
    bright = have >= _DARK
    for channel in range(3):
        used = bright[:, channel]
        if int(used.sum()) >= _LEAST_PX:
            factors[channel] = np.median(want[used, channel] / have[used, channel])
    factors = np.clip(factors, 1.0 / limit, limit)
    before = _difference(have, want)
    after = _difference(np.minimum(have * factors, 255.0), want)
    if before - after < max(_LEAST_STEP, _LEAST_IMPROVEMENT * before):
        return None
    red, green, blue = (round(float(factor), 4) for factor in factors)
    return red, green, blue


def _difference(have: Float[np.ndarray, "P 3"], want: Float[np.ndarray, "P 3"]) -> float:
    return float(np.minimum(np.abs(have - want), _CLIP).mean())


def _inside(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """What is left of a mask away from its outline; the picture's border is one."""
    kernel = np.ones((2 * _EDGE_PX + 1, 2 * _EDGE_PX + 1), dtype=np.uint8)
    eroded = cv2.erode(
        mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    return eroded > 0


def _seen_too_little(part: PartEvidence) -> bool:
    whole = int((part.rgba[..., 3] >= 128).sum())
    return int(part.visible.sum()) < _LEAST_SHARE * whole


def _times(colors: UInt8[np.ndarray, "*S C"], gain: Gain) -> UInt8[np.ndarray, "*S C"]:
    """All but a fourth channel times the gain; an image of one or two channels by its mean."""
    channels = colors.shape[-1]
    factors = np.asarray(gain) if channels >= 3 else np.full(1, np.mean(gain))
    made = colors.copy()
    shown = colors[..., : len(factors)].astype(np.float64) * factors
    made[..., : len(factors)] = np.clip(np.rint(shown), 0.0, 255.0).astype(np.uint8)
    return made
