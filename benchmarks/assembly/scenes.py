"""Assembly tasks from known objects: scale and place of each part forgotten, pictures true."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from benchmarks.assembly.condition import FOV_DEG, Condition
from mmpart_core.assemble.protocol import AssemblyTask, PartEvidence
from mmpart_core.geometry import cameras, transforms, truth_scene
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import TruthGeometry
from mmpart_core.records import Camera, InputView

SOURCE_PX, VIEW_PX = 640, 320
_MARGIN = 1.1  # of the framed square around a foreground, about as the planner's
# Makes the mesh that assembly is given from the true one; object, node and azimuth name it.
MeshSource = Callable[[TriangleMesh, str, str, float], TriangleMesh]


@dataclass(frozen=True)
class Scene:
    """One object seen by one camera.

    Attributes:
        object_id: the file's name.
        truth: the parts where they belong.
        azimuth_deg: of the camera.
        elevation_deg: true, and not in the task unless it was assumed rightly.
        camera: the true one, in the truth's frame.
        task: what assembly is given.
        shares: per part, how much of its silhouette is visible.
    """

    object_id: str
    truth: TruthGeometry
    azimuth_deg: float
    elevation_deg: float
    camera: Camera
    task: AssemblyTask
    shares: tuple[float, ...]


def chosen_objects(folder: Path, count: int) -> list[Path]:
    """Files at even steps through the sorted list; all of them for 0."""
    paths = sorted(folder.glob("*.glb"))
    if not count or count >= len(paths):
        return paths
    steps = np.linspace(0, len(paths) - 1, count)
    return [paths[round(step)] for step in steps]


def make_scene(
    path: Path,
    view_deg: tuple[float, float],
    condition: Condition,
    seed: int,
    mesh_of: MeshSource | None = None,
) -> Scene:
    """Draw an object, its parts alone and its views, and spoil them.

    Args:
        path: the object's GLB.
        view_deg: azimuth and elevation of the input camera.
        condition: what is wrong.
        seed: every random choice follows from it.
        mesh_of: makes a part's mesh from the true one; None takes the true one.

    Raises:
        InputError: the file cannot be read.
    """
    truth = truth_scene.read_truth(path.read_bytes(), path.stem)
    return scene_of(truth, path.stem, view_deg, condition, seed, mesh_of)


def scene_of(
    truth: TruthGeometry,
    object_id: str,
    view_deg: tuple[float, float],
    condition: Condition,
    seed: int,
    mesh_of: MeshSource | None = None,
) -> Scene:
    """``make_scene`` of an object in memory."""
    azimuth, elevation = view_deg
    random = np.random.default_rng([seed, round(azimuth), *object_id.encode()])
    low, high = condition.fov_deg
    fov = low if low == high else float(random.uniform(low, high))
    camera = cameras.orbit_camera(azimuth, elevation, fov, SOURCE_PX)
    source = truth.render_scene.render(camera)
    parts: list[PartEvidence] = []
    shares: list[float] = []
    for index, name in enumerate(truth.names):
        alone = RenderScene([truth.part(name)]).render(camera).rgba
        solid = alone[..., 3] >= 128
        if not solid.any():
            continue
        visible = source.node_index == index
        mesh, _ = truth.part_frame(name, azimuth)
        if mesh_of is not None:
            mesh = mesh_of(mesh, object_id, name, azimuth)
        shares.append(float((visible & solid).sum() / solid.sum()))
        part = PartEvidence(name, alone, visible, solid & ~visible, mesh)
        parts.append(_spoilt(part, condition, random))
    foreground = source.rgba[..., 3] >= 128
    assumed = condition.drawn(random)
    given = cameras.orbit_camera(0.0, assumed, FOV_DEG, SOURCE_PX)
    if condition.framed:
        given = _framed(foreground, assumed)
    task = AssemblyTask(
        source=source.rgba,
        foreground=foreground,
        camera=given,
        view=InputView(azimuth_deg=azimuth, elevation_deg=assumed, fov_deg=FOV_DEG),
        parts=tuple(parts),
        whole_views=_whole_views(truth, azimuth, condition, random) if condition.whole else None,
        whole_frame_known=condition.whole and not condition.framed,
    )
    return Scene(object_id, truth, azimuth, elevation, camera, task, tuple(shares))


def _framed(foreground: np.ndarray, elevation_deg: float) -> Camera:
    rows, columns = np.flatnonzero(foreground.any(axis=1)), np.flatnonzero(foreground.any(axis=0))
    side = _MARGIN * max(np.ptp(rows) + 1, np.ptp(columns) + 1)
    center = ((columns[0] + columns[-1] + 1) / 2.0, (rows[0] + rows[-1] + 1) / 2.0)
    height, width = foreground.shape
    return cameras.framed_camera(elevation_deg, FOV_DEG, center, float(side), width, height)


def _spoilt(part: PartEvidence, condition: Condition, random: np.random.Generator) -> PartEvidence:
    """The part's isolated image moved, scaled and relit, and its visible pixels cut by a box."""
    shift = random.uniform(-condition.shift, condition.shift, 2) * SOURCE_PX
    zoom = float(np.exp(random.uniform(*np.log(condition.zoom))))
    gains = random.uniform(*condition.gain, 2)
    off = random.uniform(-condition.cut, condition.cut, 4)
    rgba = part.rgba
    if zoom != 1.0 or shift.any():
        rows, columns = np.nonzero(part.rgba[..., 3] >= 128)
        middle = np.array([columns.mean(), rows.mean()])
        matrix = np.concatenate([zoom * np.eye(2), (middle - zoom * middle + shift)[:, None]], 1)
        moved = cv2.warpAffine(_premultiplied(rgba), matrix, (SOURCE_PX, SOURCE_PX))
        rgba = _straight(moved)
    rgba = _lit(rgba, gains[0])
    visible = part.visible
    rows, columns = np.nonzero(visible)
    if condition.cut and len(rows):
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        box = np.zeros_like(visible)
        top, bottom = rows.min() + off[0] * high, rows.max() + 1 + off[1] * high
        left, right = columns.min() + off[2] * wide, columns.max() + 1 + off[3] * wide
        box[
            max(0, round(top)) : max(0, round(bottom)), max(0, round(left)) : max(0, round(right))
        ] = True
        visible = visible & box
    imagined = (rgba[..., 3] >= 128) & ~visible
    return replace(
        part, rgba=rgba, visible=visible, imagined=imagined, mesh=_painted(part.mesh, gains[1])
    )


def _painted(mesh: TriangleMesh, gain: float) -> TriangleMesh:
    """The mesh in another light: as textures that were baked from views are."""
    if gain == 1.0:
        return mesh
    texture, colors = mesh.texture, mesh.colors
    if texture is not None:
        texture = _lit(texture, gain)
    if colors is not None:
        colors = _lit(colors, gain)
    return replace(mesh, texture=texture, colors=colors)


def _lit(rgba: np.ndarray, gain: float) -> UInt8[np.ndarray, "*S C"]:
    if gain == 1.0:
        return rgba
    lit = rgba.copy()
    lit[..., :3] = np.clip(rgba[..., :3] * gain, 0, 255).astype(np.uint8)
    return lit


def _premultiplied(rgba: np.ndarray) -> np.ndarray:
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    return np.concatenate([rgba[..., :3] * alpha, rgba[..., 3:].astype(np.float32)], axis=-1)


def _straight(premultiplied: np.ndarray) -> np.ndarray:
    alpha = np.maximum(premultiplied[..., 3:] / 255.0, 1e-3)
    color = premultiplied[..., :3] / alpha
    straight = np.concatenate([color, premultiplied[..., 3:]], axis=-1)
    return np.clip(np.rint(straight), 0, 255).astype(np.uint8)


def _whole_views(
    truth: TruthGeometry, azimuth_deg: float, condition: Condition, random: np.random.Generator
) -> PosedViews:
    looking = cameras.zero123plus_cameras("v1.2", VIEW_PX)
    turn = transforms.rotation_z(azimuth_deg)
    views: list[np.ndarray] = []
    for camera in looking:
        rgba = truth.render_scene.render(cameras.camera_in_frame(camera, turn)).rgba
        rgba = _lit(_warped(rgba, condition.warp_px, random), random.uniform(*condition.gain))
        views.append(rgba)
    return PosedViews(np.stack(views), looking)


def _warped(rgba: np.ndarray, warp_px: float, random: np.random.Generator) -> np.ndarray:
    """A smooth random displacement whose largest length is ``warp_px``."""
    if not warp_px:
        return rgba
    coarse = random.normal(size=(5, 5, 2)).astype(np.float32)
    flow = cv2.resize(coarse, (VIEW_PX, VIEW_PX), interpolation=cv2.INTER_CUBIC)
    flow *= warp_px / np.linalg.norm(flow, axis=-1).max()
    columns, rows = np.meshgrid(np.arange(VIEW_PX), np.arange(VIEW_PX))
    at = np.stack([columns, rows], axis=-1).astype(np.float32) + flow
    moved = cv2.remap(_premultiplied(rgba), at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    return _straight(moved)
