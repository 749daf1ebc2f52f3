"""Puts placed parts together and measures how well they match the image."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from mmpart_core.assemble import fit_image, sight
from mmpart_core.assemble.protocol import Assembly, AssemblyTask
from mmpart_core.geometry.render import RenderScene
from mmpart_core.records import Camera
from mmpart_core.storage.glb import GlbNode

PREVIEW_SIDE_PX = 768


@dataclass(frozen=True)
class Composed:
    """The assembled object, drawn and measured.

    Attributes:
        nodes: one per part, in the task's order.
        part_ious: per part, overlap of its pixels in the rendering with its visible pixels in
            the source, other parts hiding it in both; None where the source shows none of it.
        object_iou: overlap of the whole silhouette with the foreground; None without foreground.
        preview: uint8 sRGB with straight alpha, the object seen by the input camera.
    """

    nodes: tuple[GlbNode, ...]
    part_ious: tuple[float | None, ...]
    object_iou: float | None
    preview: UInt8[np.ndarray, "H W 4"]


def compose(task: AssemblyTask, assembly: Assembly, camera: Camera) -> Composed:
    """Place the meshes, look at them with the input camera and compare with the source.

    Args:
        task: parts and masks.
        assembly: their placements.
        camera: the input camera, in the world of the placements.
    """
    small = sight.resized_camera(camera, PREVIEW_SIDE_PX)
    meshes = [
        part.mesh.transformed(placed.world_from_part)
        for part, placed in zip(task.parts, assembly.placed, strict=True)
    ]
    view = RenderScene(meshes).render(small)
    ious: list[float | None] = []
    for index, part in enumerate(task.parts):
        visible = _resized(part.visible, small)
        seen = view.node_index == index
        ious.append(fit_image.silhouette_iou(seen, visible) if visible.any() else None)
    foreground = _resized(task.foreground, small)
    whole = fit_image.silhouette_iou(view.node_index >= 0, foreground) if foreground.any() else None
    nodes = tuple(
        GlbNode(
            part.component,
            part.mesh,
            placed.world_from_part,
            {"component": part.component, "placement": placed.method},
        )
        for part, placed in zip(task.parts, assembly.placed, strict=True)
    )
    return Composed(nodes, tuple(ious), whole, view.rgba)


def _resized(mask: Bool[np.ndarray, "H W"], camera: Camera) -> Bool[np.ndarray, "h w"]:
    """A mask of the source at the camera's size; a pixel is set where at least half of it was."""
    if mask.shape == (camera.height_px, camera.width_px):
        return mask
    size = (camera.width_px, camera.height_px)
    share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return share >= 0.5
