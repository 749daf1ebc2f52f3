"""Puts placed parts together and measures how well they match the image."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from mmpart_core.assemble import fit_image, sight
from mmpart_core.assemble.protocol import Assembly, AssemblyTask
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.records import Camera
from mmpart_core.storage.glb import GlbNode

PREVIEW_SIDE_PX = 768  # longer side of the object's picture at most


@dataclass(frozen=True)
class Composed:
    """The assembled object, drawn and measured.

    Attributes:
        nodes: one per part, in the task's order.
        part_ious: per part, overlap of its pixels in the rendering with its visible pixels in
            the source, other parts hiding it in both; None where the source shows none of it. Of a
            known scene of which only some nodes were asked for, the source counts as drawn of
            these alone.
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
    shown, foreground = _shown(task, small)
    ious: list[float | None] = []
    for index, visible in enumerate(shown):
        seen = view.node_index == index
        ious.append(fit_image.silhouette_iou(seen, visible) if visible.any() else None)
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


def _shown(
    task: AssemblyTask, camera: Camera
) -> tuple[list[Bool[np.ndarray, "h w"]], Bool[np.ndarray, "h w"]]:
    """What the source shows of each part and of all, at the camera's size.

    The source of a known scene shows all of it. Where only some of its nodes were asked for, the
    others would hide parts in the source and not in the result, and add to its outline; so the
    chosen nodes are drawn alone.
    """
    names = [part.truth_node for part in task.parts]
    whole = task.truth is None or not task.chosen or set(task.chosen) >= set(task.truth.names)
    if task.truth is None or whole or None in names:
        visible = [_resized(part.visible, camera) for part in task.parts]
        return visible, _resized(task.foreground, camera)
    chosen = [task.truth.part(name) for name in task.chosen]
    scene_from_object = transforms.rotation_z(task.view.azimuth_deg)
    eye = cameras.camera_in_frame(
        sight.resized_camera(task.camera, PREVIEW_SIDE_PX), scene_from_object
    )
    ids = RenderScene(chosen).ids(eye)
    return [ids == task.chosen.index(str(name)) for name in names], ids >= 0


def _resized(mask: Bool[np.ndarray, "H W"], camera: Camera) -> Bool[np.ndarray, "h w"]:
    """A mask of the source at the camera's size; a pixel is set where at least half of it was."""
    if mask.shape == (camera.height_px, camera.width_px):
        return mask
    size = (camera.width_px, camera.height_px)
    share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return share >= 0.5
