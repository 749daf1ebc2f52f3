"""Colours of surface points from posed views, with the field's own colours behind them."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import map_coordinates

from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.mesh.exposure import view_gains
from mmpart_core.records import Camera

# A view that sees the surface at a sharper angle than this says nothing reliable about it.
_LEAST_COSINE = 0.15
# Colour distance, in 0..1 units, at which a view counts half as much as one that agrees.
_AGREEMENT = 0.12
_ROUNDS = 3
# Neighbouring pixels whose depths differ by more cubes than this see different sheets.
_JUMP_CUBES = 4.0
_BESIDE_JUMP = 0.02
# Weight of the field's colour against a view seen head on: settles only what no view sees well.
_FIELD_WEIGHT = 0.01
# Its vote where views contradict each other: breaks a tie of two, loses against two that agree.
_FIELD_VOTE = 0.3
# Weight (cos^2) from which a view has a whole vote: a slanted view may still contradict.
_FULL_VOTE = 0.25
# Least channel from which a colour may be a highlight, and from which it counts as one: those have
# half a vote. It settles ties alone; where all views show white, all of them have half.
_SHINY = (0.8, 0.95)


def blend_views(
    points: Float[np.ndarray, "P 3"],
    normals: Float[np.ndarray, "P 3"],
    scene: RenderScene,
    field: FieldGrid,
    views: PosedViews,
) -> tuple[UInt8[np.ndarray, "P 3"], float]:
    """Colour of each point.

    Views weigh cos^2 of the angle they see the surface at, nothing where it is hidden or outside
    the part's mask. Views of different exposure are brought to their common one first (see
    ``exposure``); colours far from what most agree on are turned down.

    Args:
        points: on the surface, part frame.
        normals: unit, outward.
        scene: the surface, for occlusion.
        field: its colour is taken where no view sees the point.
        views: posed images of the part.

    Returns:
        sRGB colours, and the share of points that at least one view sees.
    """
    weights = np.zeros((len(views.cameras), len(points)), dtype=np.float32)
    colors = np.zeros((len(views.cameras), len(points), 3), dtype=np.float32)
    for index, camera in enumerate(views.cameras):
        weights[index], colors[index] = _look(
            points, normals, scene, camera, views.rgba[index], field.spacing
        )
    shiny = np.clip((colors.min(axis=-1) - _SHINY[0]) / (_SHINY[1] - _SHINY[0]), 0.0, 1.0)
    votes = np.minimum(weights / _FULL_VOTE, 1.0) * (1.0 - shiny / 2.0)
    colors /= view_gains(weights, colors)[:, None].astype(np.float32)
    base = field_colors(field, points).astype(np.float32)
    agreed = _mean(votes, colors, _FIELD_VOTE, base)
    trust, field_trust = np.ones_like(weights), np.ones(len(points))
    for _ in range(_ROUNDS):
        trust, field_trust = _trust(colors - agreed), _trust(base - agreed)
        agreed = _mean(votes * trust, colors, _FIELD_VOTE * field_trust, base)
    mean = _mean(weights * trust, colors, _FIELD_WEIGHT, base)
    seen = float(np.mean(weights.max(axis=0) > 0.0)) if len(points) else 0.0
    return np.rint(np.clip(mean, 0.0, 1.0) * 255.0).astype(np.uint8), seen


def field_colors(field: FieldGrid, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    """The field's sRGB colour in [0, 1] at points, trilinear; the border's outside the grid."""
    place = ((points - field.origin) / field.spacing).T
    channels = [
        map_coordinates(field.rgb[..., channel], place, order=1, mode="nearest")
        for channel in range(3)
    ]
    return np.stack(channels, axis=-1)


def _mean(
    weights: Float[np.ndarray, "N P"],
    colors: Float[np.ndarray, "N P 3"],
    base_weight: float | Float[np.ndarray, "P"],
    base: Float[np.ndarray, "P 3"],
) -> Float[np.ndarray, "P 3"]:
    """Weighted mean of the views' colours and the field's."""
    behind = np.broadcast_to(np.asarray(base_weight, dtype=np.float64), (len(base),))
    total = np.einsum("np,npc->pc", weights, colors) + behind[:, None] * base
    return total / (weights.sum(axis=0) + behind)[:, None]


def _trust(difference: Float[np.ndarray, "*N P 3"]) -> Float[np.ndarray, "*N P"]:
    """1 for colours that agree, next to nothing for those far away (Geman and McClure 1987)."""
    squared = np.sum(difference**2, axis=-1) / _AGREEMENT**2
    return 1.0 / (1.0 + squared) ** 2


def _look(
    points: Float[np.ndarray, "P 3"],
    normals: Float[np.ndarray, "P 3"],
    scene: RenderScene,
    camera: Camera,
    rgba: UInt8[np.ndarray, "H W 4"],
    spacing: float,
) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P 3"]]:
    """Weight and colour that one view gives each point."""
    towards = _directions_to(camera, points)
    cosine = np.einsum("pc,pc->p", normals, towards)
    weight = np.zeros(len(points), dtype=np.float32)
    color = np.zeros((len(points), 3), dtype=np.float32)
    facing = np.flatnonzero(cosine > _LEAST_COSINE)
    place, depth = cameras.project(camera, points[facing])
    inside, sampled = _sample(rgba, _steady(scene, camera, _JUMP_CUBES * spacing), place)
    inside[depth <= 0] = 0.0
    held = inside > 0.0
    facing, inside, sampled = facing[held], inside[held], sampled[held]
    start = points[facing] + 0.5 * spacing * normals[facing]
    free = scene.cast(start, towards[facing]).mesh < 0
    facing, inside, sampled = facing[free], inside[free], sampled[free]
    weight[facing] = cosine[facing] ** 2 * inside
    color[facing] = sampled
    return weight, color


def _directions_to(camera: Camera, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    """Unit directions from points to the camera."""
    pose = transforms.to_array(camera.world_from_camera)
    if camera.projection == "orthographic":
        return np.broadcast_to(pose[:3, 2], points.shape).copy()
    towards = pose[:3, 3] - points
    return towards / np.linalg.norm(towards, axis=-1, keepdims=True)


def _steady(scene: RenderScene, camera: Camera, step: float) -> Float[np.ndarray, "H W"]:
    """1 where a view's neighbouring pixels see one sheet of surface, little where depth jumps.

    Beside a jump a pixel of the views' true shape may show the other sheet.
    """
    depth = scene.render(camera, supersample=1).depth
    depth = np.where(np.isfinite(depth), depth, 0.0).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    jump = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel)
    return np.where(jump > step, _BESIDE_JUMP, 1.0)


def _sample(
    rgba: UInt8[np.ndarray, "H W 4"],
    steady: Float[np.ndarray, "H W"],
    place: Float[np.ndarray, "P 2"],
) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P 3"]]:
    """How surely pixel positions are inside the mask (its rim is cut off), and their colour."""
    # Padded, because the image's border is a rim as well.
    rim = cv2.erode(np.pad(rgba[..., 3], 1), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    stack = np.concatenate(
        [
            rgba[..., :3].astype(np.float32) / 255.0 * alpha,
            alpha,
            (rim / 255.0 * steady)[..., None],
        ],
        axis=-1,
    )
    at = (place[:, ::-1] - 0.5).T
    values = [
        map_coordinates(stack[..., channel], at, order=1, mode="constant") for channel in range(5)
    ]
    color = np.stack(values[:3], axis=-1) / np.maximum(values[3], 1e-3)[:, None]
    return values[4].astype(np.float32), color.astype(np.float32)
