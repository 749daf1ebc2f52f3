"""A picture of one reconstruction from real views: what went in and what came out."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mmpart_core.geometry import transforms
from mmpart_core.geometry.cameras import orbit_camera
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

MAGENTA = (255, 0, 255)  # no object here has it: what shines through is seen
PAPER = (236, 236, 236)
TILE_PX = 240
_TITLE_PX = 26
# Azimuth and elevation of views that no generator drew, two from above and two from below.
NOVEL_DEG = ((0.0, 5.0), (180.0, 5.0), (45.0, 60.0), (225.0, 60.0), (120.0, -50.0), (300.0, -50.0))


def draw_grid_sheet(
    views: PosedViews, mesh: TriangleMesh, title: str, distance: float
) -> UInt8[np.ndarray, "H W 3"]:
    """Rows of six: the matte, the mesh and its bare shape at the same poses and at new ones.

    Args:
        views: matted views, part frame.
        mesh: made from them, part frame.
        title: a line of ASCII above them.
        distance: of the cameras of ``views`` over that of Zero123++; new ones stand as far away.
    """
    novel = [_novel_camera(azimuth, elevation, distance) for azimuth, elevation in NOVEL_DEG]
    textured = RenderScene([mesh])
    bare = RenderScene([TriangleMesh(mesh.vertices, mesh.faces)])
    rows = [
        [over(rgba.astype(np.float32) / 255.0, MAGENTA) for rgba in views.rgba],
        [_drawn(textured, pose, 0.0) for pose in views.cameras],
        [_drawn(bare, pose, 1.0) for pose in views.cameras],
        [_drawn(textured, pose, 0.0) for pose in novel],
        [_drawn(bare, pose, 1.0) for pose in novel],
    ]
    pictures = np.concatenate([np.concatenate([_tile(t) for t in row], 1) for row in rows])
    head = np.full((_TITLE_PX, pictures.shape[1], 3), 255, dtype=np.uint8)
    cv2.putText(head, title, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([head, pictures])


def over(
    rgba: Float[np.ndarray, "H W 4"], ground: tuple[int, int, int]
) -> Float[np.ndarray, "H W 3"]:
    """A picture with straight alpha on one colour; all in [0, 1] but the colour."""
    alpha = rgba[..., 3:]
    return rgba[..., :3] * alpha + np.array(ground, np.float32) / 255.0 * (1.0 - alpha)


def _novel_camera(azimuth_deg: float, elevation_deg: float, distance: float) -> Camera:
    camera = orbit_camera(azimuth_deg, elevation_deg, 30.0, 320)
    return camera_at(camera, distance)


def camera_at(camera: Camera, distance: float) -> Camera:
    """A camera that looks at the origin, moved along its axis by a factor."""
    pose = transforms.to_array(camera.world_from_camera)
    pose[:3, 3] *= distance
    return camera.model_copy(update={"world_from_camera": transforms.to_tuple(pose)})


def _drawn(scene: RenderScene, camera: Camera, shading: float) -> Float[np.ndarray, "H W 3"]:
    rgba = scene.render(camera, supersample=2, shading=shading).rgba
    return over(rgba.astype(np.float32) / 255.0, PAPER)


def _tile(picture: Float[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "T T 3"]:
    small = cv2.resize(picture, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(small, 0.0, 1.0) * 255.0).astype(np.uint8)
