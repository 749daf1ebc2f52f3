"""A small photo studio: soft contact shadows, a plain bright ground and a gentle gloss."""

from dataclasses import dataclass

import numpy as np
import trimesh

from mmpart_core.geometry import bounds, cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.shading import KEY_DIRECTION
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

SIZE_PX = 768
FOV_DEG = 30.0
# The object's unit sphere takes this share of the picture.
FRAME_SHARE = 0.86
# The looks below are chosen by eye; lengths are in units of the object's unit sphere.
RAYS = 96  # of each point towards the sky: fewer leave visible steps in the shadows
OCCLUSION_REACH = 0.9  # distance at which an obstacle no longer darkens
# Colours are baked darker by this, so that light does not clip them before the picture is taken.
EXPOSURE = 1.35
# A vertex that sees less of the sky (a share) lies inside another piece.
BURIED = 0.2
SHOULDER = 0.82  # of full brightness: tones above are rolled off
GROUND_CELLS = 200  # of the shadow, along a side
GROUND_REACH = 2.6  # half the side of the square of ground that can be in shadow
BACKDROP_TOP, BACKDROP_BOTTOM = (250, 249, 247), (236, 234, 230)  # sRGB


@dataclass(frozen=True)
class Picture:
    """A rendered example.

    Attributes:
        rgb: uint8 image.
        part_index: which part each pixel shows, -1 for none.
    """

    rgb: np.ndarray
    part_index: np.ndarray


def photograph(parts: dict[str, TriangleMesh], azimuth_deg: float, elevation_deg: float) -> Picture:
    """Render parts as one product picture.

    Args:
        parts: meshes in a common frame, +Z up, front +X.
        azimuth_deg: of the camera.
        elevation_deg: of the camera.
    """
    used = np.concatenate([mesh.vertices for mesh in parts.values()])
    inverse = np.linalg.inv(bounds.points_from_unit(used))
    meshes = [mesh.transformed(inverse) for mesh in parts.values()]
    camera = cameras.orbit_camera(azimuth_deg, elevation_deg, FOV_DEG, SIZE_PX)
    camera = camera.model_copy(update={"focal_px": camera.focal_px * FRAME_SHARE})
    plain = RenderScene(meshes)
    floor = min(float(mesh.vertices[:, 2].min()) for mesh in meshes)
    lit = RenderScene([lit_mesh(mesh, plain, camera, floor) for mesh in meshes])
    view = lit.render(camera, supersample=3, shading=0.75)
    ground = _ground(plain, camera, floor)
    alpha = view.rgba[..., 3:] / 255.0
    rgb = exposed(view.rgba[..., :3]) * alpha + ground * (1.0 - alpha)
    return Picture(np.rint(rgb).clip(0, 255).astype(np.uint8), view.node_index)


def exposed(rgb: np.ndarray) -> np.ndarray:
    """The picture brought to full exposure, its brightest tones rolled off rather than clipped.

    Args:
        rgb: 0 to 255, of a mesh from ``lit_mesh`` drawn.

    Returns:
        Float64 of the same shape, 0 to 255.
    """
    value = rgb.astype(np.float64) * (EXPOSURE / 255.0)
    over = np.maximum(value - SHOULDER, 0.0)
    room = 1.0 - SHOULDER
    return 255.0 * (np.minimum(value, SHOULDER) + room * (1.0 - np.exp(-over / room)))


def _sky(count: int) -> np.ndarray:
    """Directions over the hemisphere, cosine-weighted, by the golden angle."""
    index = np.arange(count) + 0.5
    radius, angle = np.sqrt(index / count), index * np.pi * (3.0 - np.sqrt(5.0))
    height = np.sqrt(1.0 - radius**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def _openness(
    scene: RenderScene, points: np.ndarray, normals: np.ndarray, floor: float
) -> np.ndarray:
    """Share of the sky each point sees; near obstacles count more than far ones."""
    helper = np.where(np.abs(normals[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    aside = np.cross(helper, normals)
    aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
    across = np.cross(normals, aside)
    start = points + 4e-3 * normals
    blocked = np.zeros(len(points))
    for x, y, z in _sky(RAYS):
        direction = x * aside + y * across + z * normals
        distance = scene.cast(start, direction).distance.astype(np.float64)
        down = np.where(direction[:, 2] < -1e-6, direction[:, 2], np.inf)
        to_floor = np.where(np.isfinite(down), (floor - start[:, 2]) / down, np.inf)
        # The ground is bright: it takes away only half of what a body would.
        near = np.maximum(1.0 - distance / OCCLUSION_REACH, 0.0)
        near_floor = 0.5 * np.maximum(1.0 - np.maximum(to_floor, 0.0) / OCCLUSION_REACH, 0.0)
        blocked += np.maximum(near, near_floor)
    return 1.0 - blocked / RAYS


def lit_mesh(mesh: TriangleMesh, scene: RenderScene, camera: Camera, floor: float) -> TriangleMesh:
    """A copy whose colours hold contact shadows and gloss, darker by the exposure than they look.

    Args:
        mesh: with vertex colours; alpha below 255 means that it glows and is not shaded.
        scene: of all that may stand in the light's way.
        camera: that the gloss is for.
        floor: height of the ground.
    """
    normals = np.asarray(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).vertex_normals)
    eye = transforms.to_array(camera.world_from_camera)[:3, 3]
    towards = eye - mesh.vertices
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    openness = _healed(mesh, _openness(scene, mesh.vertices, normals, floor))
    halfway = towards + KEY_DIRECTION
    halfway /= np.linalg.norm(halfway, axis=1, keepdims=True)
    aligned = np.maximum(np.einsum("pc,pc->p", normals, halfway), 0.0)
    gloss = (60.0 * aligned**60 + 16.0 * aligned**10) * openness
    facing = np.maximum(np.einsum("pc,pc->p", normals, towards), 0.0)
    rim = 14.0 * (1.0 - facing) ** 3 * openness
    base = mesh.colors[:, :3].astype(np.float64) if mesh.colors is not None else 128.0
    # Shadows are warmer than black: light that bounced takes the colour of the surface.
    shade = (0.42 + 0.58 * openness[:, None]) ** np.array([[0.90, 1.0, 1.03]])
    glowing = (mesh.colors[:, 3] < 255)[:, None] if mesh.colors is not None else False
    rgb = np.where(glowing, base, base * shade * 1.16 + (gloss + rim)[:, None]) / EXPOSURE
    rgba = np.concatenate([np.rint(rgb).clip(0, 255), np.full((len(rgb), 1), 255.0)], axis=1)
    return TriangleMesh(mesh.vertices, mesh.faces, colors=rgba.astype(np.uint8))


def _healed(mesh: TriangleMesh, openness: np.ndarray) -> np.ndarray:
    """Openness with vertices that lie inside another piece given their neighbours' value.

    Without it the shadow of the inside would bleed out along edges, in the shape of the triangles.
    """
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    value, buried = openness.copy(), openness < BURIED
    for _ in range(4):
        known = ~buried[edges[:, 1]]
        total = np.bincount(edges[known, 0], value[edges[known, 1]], len(value))
        count = np.bincount(edges[known, 0], minlength=len(value))
        mend = buried & (count > 0)
        value[mend] = total[mend] / count[mend]
        buried &= ~mend
    return np.maximum(value, BURIED)


def _ground(scene: RenderScene, camera: Camera, floor: float) -> np.ndarray:
    """The backdrop with the object's soft shadow on it, float RGB."""
    size = camera.width_px
    ramp = np.linspace(0.0, 1.0, size)[:, None, None]
    backdrop = np.array(BACKDROP_TOP) * (1 - ramp) + np.array(BACKDROP_BOTTOM) * ramp
    backdrop = np.broadcast_to(backdrop, (size, size, 3))
    axis = np.linspace(-GROUND_REACH, GROUND_REACH, GROUND_CELLS)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, floor - 2e-3)], axis=1)
    up = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    openness = _openness(scene, points, up, floor - 1.0).reshape(x.shape)
    columns, rows = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    origins, directions = cameras.pixel_rays(camera, columns.ravel(), rows.ravel())
    reach = (floor - origins[:, 2]) / np.minimum(directions[:, 2], -1e-6)
    where = origins + reach[:, None] * directions
    cell = (where[:, :2] + GROUND_REACH) / (2 * GROUND_REACH) * (GROUND_CELLS - 1)
    shade = _bilinear(openness, cell)
    shade = np.where(np.abs(where[:, :2]).max(axis=1) < GROUND_REACH, shade, 1.0)
    return backdrop * (1.0 - 0.62 * (1.0 - shade.reshape(size, size, 1)))


def _bilinear(grid: np.ndarray, at: np.ndarray) -> np.ndarray:
    at = np.clip(at, 0.0, len(grid) - 1.001)
    low = at.astype(np.int64)
    part = at - low
    i, j = low[:, 0], low[:, 1]
    u, v = part[:, 0], part[:, 1]
    upper = grid[i, j] * (1 - v) + grid[i, j + 1] * v
    lower = grid[i + 1, j] * (1 - v) + grid[i + 1, j + 1] * v
    return upper * (1 - u) + lower * u
