"""Puts placed parts together and measures how well they match the image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from mmpart_core.assemble import color_agreement, fit_image
from mmpart_core.assemble.protocol import Assembly, AssemblyTask, PartEvidence, PlacedPart
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.images.silhouette import resized_mask
from mmpart_core.records import Camera
from mmpart_core.records.base import Vector3
from mmpart_core.storage.glb import GlbNode

PREVIEW_SIDE_PX = 768  # longer side of the object's picture at most


@dataclass(frozen=True)
class Composed:
    """The assembled object, drawn and measured.

    Attributes:
        nodes: one per part, in the task's order.
        uncut: the same before overlaps were cut away; None where nothing was cut.
        part_ious: per part, overlap of its pixels in the rendering with its visible pixels in
            the source, other parts hiding it in both; None where the source shows none of it. Of a
            known scene of which only some nodes were asked for, the source counts as drawn of
            these alone.
        part_color_errors: per part, mean difference of sRGB (of 255) between rendering and source
            where both show it; None where nowhere.
        object_color_error: the same where both show the object.
        object_iou: overlap of the whole silhouette with the foreground; None without foreground.
        preview: uint8 sRGB with straight alpha, the object seen by the input camera.
    """

    nodes: tuple[GlbNode, ...]
    uncut: tuple[GlbNode, ...] | None
    part_ious: tuple[float | None, ...]
    object_iou: float | None
    part_color_errors: tuple[float | None, ...]
    object_color_error: float | None
    preview: UInt8[np.ndarray, "H W 4"]


def compose(task: AssemblyTask, assembly: Assembly, camera: Camera) -> Composed:
    """Place the meshes, look at them with the input camera and compare with the source.

    Args:
        task: parts and masks.
        assembly: their placements.
        camera: the input camera, in the world of the placements.
    """
    small = cameras.bounded_camera(camera, PREVIEW_SIDE_PX)
    finished = [
        finished_mesh(part, placed)
        for part, placed in zip(task.parts, assembly.placed, strict=True)
    ]
    meshes = [
        mesh.transformed(placed.world_from_part)
        for mesh, placed in zip(finished, assembly.placed, strict=True)
    ]
    view = RenderScene(meshes).render(small)
    shown, foreground = _shown(task, small)
    apart = _apart(view.rgba, task.source)
    ious: list[float | None] = []
    errors: list[float | None] = []
    for index, visible in enumerate(shown):
        seen = view.node_index == index
        ious.append(fit_image.silhouette_iou(seen, visible) if visible.any() else None)
        errors.append(_mean(apart, seen & visible))
    whole_iou = None
    if foreground.any():
        whole_iou = fit_image.silhouette_iou(view.node_index >= 0, foreground)
    nodes = _nodes(task, assembly, finished)
    uncut = None
    if any(placed.cut is not None for placed in assembly.placed):
        whole = [
            finished_mesh(part, replace(placed, cut=None))
            for part, placed in zip(task.parts, assembly.placed, strict=True)
        ]
        uncut = _nodes(task, assembly, whole)
    whole_error = _mean(apart, (view.node_index >= 0) & foreground)
    return Composed(nodes, uncut, tuple(ious), whole_iou, tuple(errors), whole_error, view.rgba)


def _apart(
    drawn: UInt8[np.ndarray, "h w 4"], source: UInt8[np.ndarray, "H W 4"]
) -> Float[np.ndarray, "h w"]:
    """Mean difference of the three channels, of 255, at the drawing's size."""
    size = (drawn.shape[1], drawn.shape[0])
    shown = np.ascontiguousarray(source[..., :3])
    small = cv2.resize(shown, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.abs(drawn[..., :3].astype(np.float64) - small).mean(axis=-1)


def _mean(values: Float[np.ndarray, "h w"], where: Bool[np.ndarray, "h w"]) -> float | None:
    return float(values[where].mean()) if where.any() else None


def _nodes(
    task: AssemblyTask, assembly: Assembly, meshes: Sequence[TriangleMesh]
) -> tuple[GlbNode, ...]:
    return tuple(
        GlbNode(
            part.component,
            mesh,
            placed.world_from_part,
            {"component": part.component, "placement": placed.method},
        )
        for part, mesh, placed in zip(task.parts, meshes, assembly.placed, strict=True)
    )


def finished_mesh(part: PartEvidence, placed: PlacedPart) -> TriangleMesh:
    """A part's surface as it goes into the object, part frame: stretched, cut, in its light."""
    mesh = stretched_mesh(part.mesh, placed.stretch) if placed.cut is None else placed.cut
    return mesh if placed.color_gain is None else color_agreement.tinted(mesh, placed.color_gain)


def stretched_mesh(mesh: TriangleMesh, stretch: Vector3 | None) -> TriangleMesh:
    """A surface with its vertices stretched along the axes of its frame."""
    return mesh if stretch is None else mesh.transformed(np.diag([*stretch, 1.0]))


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
        shape = (camera.height_px, camera.width_px)
        visible = [resized_mask(part.visible, shape) for part in task.parts]
        return visible, resized_mask(task.foreground, shape)
    chosen = [task.truth.part(name) for name in task.chosen]
    scene_from_object = transforms.rotation_z(task.view.azimuth_deg)
    eye = cameras.camera_in_frame(
        cameras.bounded_camera(task.camera, PREVIEW_SIDE_PX), scene_from_object
    )
    ids = RenderScene(chosen).ids(eye)
    return [ids == task.chosen.index(str(name)) for name in names], ids >= 0
