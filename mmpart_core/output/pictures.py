"""Pictures of the assembled object: the input camera's view on a ground, and views around it."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from scipy import ndimage

from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

# How the pictures look is our own choice, made by eye on the examples; no figure of a result
# depends on it. Shading: enough to see form, little enough to see the texture's own colours.
SHADING = 0.6
# A paper white that white parts still stand out from (1.13 to 1 against pure white), a little
# lighter at the top of the picture than at its foot.
GROUND_RGB = (241.0, 241.0, 239.0)
_HORIZON_RGB = (247.0, 247.0, 245.0)
# The field of view of Zero123++ v1.2, so that views and pictures show a part alike.
_FOV_DEG = 30.0
# Nearer to the pole "up" in the picture turns with the smallest change of azimuth.
_STEEPEST_DEG = 80.0
_SHADOW_PX = 128
# The shadow has no fine detail: it is worked out on every third pixel and spread.
_SHADOW_COARSENESS = 3
# The square of ground that is shaded, in half widths of the object: beyond it there is room for
# nearly four radii of the wide blur.
_SHADOW_REACH = 1.35
# The share of the ground's brightness that the darkest shadow takes.
_SHADOW_STRENGTH = 0.42
# Height above the ground, as a share of the object's own, at which the shadow is a third (1/e).
_SHADOW_FADE = 0.22
# Blur of the wide and of the contact shadow, as shares of the shaded square, and their weights;
# the weights add up to more than one, so that what stands on the ground is darkest there.
_SOFT_BLUR, _CONTACT_BLUR = 0.035, 0.012
_SOFT_WEIGHT, _CONTACT_WEIGHT = 0.6, 0.55


def camera_around(
    camera: Camera,
    meshes: Sequence[TriangleMesh],
    turn_deg: float,
    size_px: tuple[int, int],
    margin: float = 0.06,
) -> Camera:
    """A camera turned about the vertical axis from another one, the meshes filling its frame.

    Args:
        camera: where to start from; its elevation is kept (at most 80 degrees).
        meshes: what to look at, world frame.
        turn_deg: counter-clockwise seen from above.
        size_px: width and height.
        margin: free border, as a share of the frame.
    """
    points = np.concatenate([mesh.vertices for mesh in meshes])
    low, high = points.min(axis=0), points.max(axis=0)
    center, radius = (low + high) / 2.0, float(np.linalg.norm(high - low)) / 2.0
    backward = transforms.to_array(camera.world_from_camera)[:3, 2]
    azimuth = math.degrees(math.atan2(backward[1], backward[0])) + turn_deg
    steep = math.degrees(math.asin(float(np.clip(backward[2], -1.0, 1.0))))
    elevation = float(np.clip(steep, -_STEEPEST_DEG, _STEEPEST_DEG))
    orbit = cameras.orbit_camera(azimuth, elevation, _FOV_DEG, size_px[0])
    placed = cameras.camera_in_frame(
        orbit, transforms.scale_then_translate(max(radius, 1e-9), center)
    )
    return _fitted(placed, points, size_px, margin)


def _fitted(
    camera: Camera, points: Float[np.ndarray, "P 3"], size_px: tuple[int, int], margin: float
) -> Camera:
    """The same eye with its image zoomed and shifted so that the points fill the frame."""
    pixels, _ = cameras.project(camera, points)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    extent = np.maximum(high - low, 1e-9)
    zoom = float(((1.0 - 2.0 * margin) * np.array(size_px) / extent).min())
    principal = (np.array(camera.principal_px) - (low + high) / 2.0) * zoom
    principal += np.array(size_px) / 2.0
    return camera.model_copy(
        update={
            "focal_px": camera.focal_px * zoom,
            "principal_px": (float(principal[0]), float(principal[1])),
            "width_px": size_px[0],
            "height_px": size_px[1],
        }
    )


def render_on_clear(scene: RenderScene, camera: Camera) -> UInt8[np.ndarray, "H W 4"]:
    """The shaded scene on a transparent ground; rays go only where the scene is."""
    clear = np.zeros((camera.height_px, camera.width_px, 4), dtype=np.uint8)
    points = np.concatenate([mesh.vertices for mesh in scene.meshes])
    pixels, depth = cameras.project(camera, points)
    box = (0, 0, camera.width_px, camera.height_px)
    if camera.projection == "orthographic" or bool((depth > 1e-6).all()):
        low = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - 1, 0)
        high = np.ceil(pixels.max(axis=0)).astype(int) + 1
        box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    left, top = box[0], box[1]
    right, bottom = min(box[2], camera.width_px), min(box[3], camera.height_px)
    if right <= left or bottom <= top:
        return clear
    window = camera.model_copy(
        update={
            "principal_px": (camera.principal_px[0] - left, camera.principal_px[1] - top),
            "width_px": right - left,
            "height_px": bottom - top,
        }
    )
    clear[top:bottom, left:right] = scene.render(window, supersample=2, shading=SHADING).rgba
    return clear


def render_on_ground(
    scene: RenderScene, camera: Camera
) -> tuple[UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W 4"]]:
    """The shaded scene on a neutral ground with a soft shadow where it stands.

    Returns:
        The picture, and the same without the ground on transparent.
    """
    clear = render_on_clear(scene, camera)
    rows = np.linspace(0.0, 1.0, camera.height_px)[:, None, None]
    ground = (1.0 - rows) * np.array(_HORIZON_RGB) + rows * np.array(GROUND_RGB)
    ground = np.broadcast_to(ground, (*clear.shape[:2], 3))
    ground = ground * (1.0 - ground_shadow(scene, camera)[..., None])
    return over(clear, ground), clear


def over(
    rgba: UInt8[np.ndarray, "H W 4"], ground: Float[np.ndarray, "H W 3"]
) -> UInt8[np.ndarray, "H W 3"]:
    """An image laid over an opaque ground (0 to 255), both sRGB."""
    alpha = rgba[..., 3:].astype(np.float64) / 255.0
    mixed = rgba[..., :3] * alpha + ground * (1.0 - alpha)
    return np.rint(mixed).astype(np.uint8)


def ground_shadow(scene: RenderScene, camera: Camera) -> Float[np.ndarray, "H W"]:
    """How dark the ground plane under the scene is at each pixel, 0 to 1.

    A soft contact shadow: the plane lies at the lowest point, and the lower a surface is above
    it, the darker it is below. Zero where the camera looks from below the plane.
    """
    points = np.concatenate([mesh.vertices for mesh in scene.meshes])
    low, high = points.min(axis=0), points.max(axis=0)
    size_px = (camera.width_px, camera.height_px)
    camera = cameras.bounded_camera(camera, max(size_px) // _SHADOW_COARSENESS + 1)
    pose = transforms.to_array(camera.world_from_camera)
    if pose[2, 3] <= low[2] or pose[2, 2] <= 0.0:
        return np.zeros((size_px[1], size_px[0]))
    center = (low + high) / 2.0
    reach = _SHADOW_REACH * float(max(high[0] - low[0], high[1] - low[1], 1e-6)) / 2.0
    darkness = _darkness_below(scene, center, reach, float(low[2]), float(high[2]))
    columns, rows = np.meshgrid(
        np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5, indexing="xy"
    )
    origins, directions = cameras.pixel_rays(camera, columns.ravel(), rows.ravel())
    falling = np.minimum(directions[:, 2], -1e-9)
    met = origins + directions * ((low[2] - origins[:, 2]) / falling)[:, None]
    texel = ((met[:, :2] - center[:2]) / reach + 1.0) / 2.0 * _SHADOW_PX - 0.5
    found = ndimage.map_coordinates(darkness, texel.T, order=1, mode="constant", cval=0.0)
    found[directions[:, 2] >= -1e-6] = 0.0
    coarse = Image.fromarray(found.reshape(camera.height_px, camera.width_px).astype(np.float32))
    smooth = np.asarray(coarse.resize(size_px, Image.Resampling.BILINEAR), dtype=np.float64)
    return _SHADOW_STRENGTH * smooth


def _darkness_below(
    scene: RenderScene, center: Float[np.ndarray, "3"], reach: float, low: float, high: float
) -> Float[np.ndarray, "X Y"]:
    """Blurred nearness of the scene to its ground plane, over a square of the plane."""
    steps = ((np.arange(_SHADOW_PX) + 0.5) / _SHADOW_PX * 2.0 - 1.0) * reach
    x, y = np.meshgrid(center[0] + steps, center[1] + steps, indexing="ij")
    below = low - 0.01 * max(high - low, reach)
    origins = np.stack([x.ravel(), y.ravel(), np.full(x.size, below)], axis=1)
    upward = np.broadcast_to(np.array([0.0, 0.0, 1.0]), origins.shape).copy()
    hits = scene.cast(origins, upward)
    height = np.where(hits.mesh >= 0, hits.distance + below - low, np.inf)
    near = np.exp(-np.maximum(height, 0.0) / (_SHADOW_FADE * max(high - low, 1e-6)))
    near = near.reshape(_SHADOW_PX, _SHADOW_PX)
    soft = ndimage.gaussian_filter(near, _SHADOW_PX * _SOFT_BLUR)
    contact = ndimage.gaussian_filter(near**3, _SHADOW_PX * _CONTACT_BLUR)
    return np.clip(_SOFT_WEIGHT * soft + _CONTACT_WEIGHT * contact, 0.0, 1.0)
