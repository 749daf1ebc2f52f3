"""Colours of surface points from posed views, with the field's own colours behind them."""

import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import map_coordinates

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.mesh.exposure import view_gains
from mmpart_core.mesh.view_look import ViewLook

# Colour distance, in 0..1 units, at which a view counts half as much as one that agrees.
_AGREEMENT = 0.12
_ROUNDS = 3
# Weight of the field's colour against a view seen head on: settles only what no view sees well.
_FIELD_WEIGHT = 0.01
# Its vote where views contradict each other: breaks a tie of two, loses against two that agree.
_FIELD_VOTE = 0.3
# Weight (cos^2) from which a view has a whole vote: a slanted view may still contradict.
_FULL_VOTE = 0.25
# Least channel from which a colour may be a highlight, and from which it counts as one: those have
# half a vote. It settles ties alone; where all views show white, all of them have half.
_SHINY = (0.8, 0.95)
# Points times views that are looked at together: bounds memory, no more.
_AT_ONCE = 1 << 19
# Points that views are compared at to know how bright each is.
_COMPARED = 20_000


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
    looks = [
        ViewLook.of(scene, camera, rgba, field.spacing)
        for rgba, camera in zip(views.rgba, views.cameras, strict=True)
    ]
    some = slice(None, None, max(1, len(points) // _COMPARED))
    gains = view_gains(*_look_all(looks, points[some], normals[some])).astype(np.float32)
    blended = np.zeros((len(points), 3), dtype=np.uint8)
    seen = 0
    step = max(1, _AT_ONCE // len(looks))
    for start in range(0, len(points), step):
        part = slice(start, start + step)
        weights, colors = _look_all(looks, points[part], normals[part])
        blended[part] = _blend(weights, colors, gains, field_colors(field, points[part]))
        seen += int(np.count_nonzero(weights.max(axis=0) > 0.0))
    return blended, seen / len(points) if len(points) else 0.0


def _look_all(
    looks: list[ViewLook], points: Float[np.ndarray, "P 3"], normals: Float[np.ndarray, "P 3"]
) -> tuple[Float[np.ndarray, "N P"], Float[np.ndarray, "N P 3"]]:
    """Weights and colours that all views give some points."""
    weights, colors = zip(*(each.look(points, normals) for each in looks), strict=True)
    return np.stack(weights), np.stack(colors)


def _blend(
    weights: Float[np.ndarray, "N P"],
    colors: Float[np.ndarray, "N P 3"],
    gains: Float[np.ndarray, "N 3"],
    base: Float[np.ndarray, "P 3"],
) -> UInt8[np.ndarray, "P 3"]:
    """Colours of points from those of the views, and the field's."""
    shiny = np.clip((colors.min(axis=-1) - _SHINY[0]) / (_SHINY[1] - _SHINY[0]), 0.0, 1.0)
    votes = np.minimum(weights / _FULL_VOTE, 1.0) * (1.0 - shiny / 2.0)
    evened, base = colors / gains[:, None], base.astype(np.float32)
    agreed = _mean(votes, evened, _FIELD_VOTE, base)
    trust, field_trust = np.ones_like(weights), np.ones(len(base))
    for _ in range(_ROUNDS):
        trust, field_trust = _trust(evened - agreed), _trust(base - agreed)
        agreed = _mean(votes * trust, evened, _FIELD_VOTE * field_trust, base)
    mean = _mean(weights * trust, evened, _FIELD_WEIGHT, base)
    return np.rint(np.clip(mean, 0.0, 1.0) * 255.0).astype(np.uint8)


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
