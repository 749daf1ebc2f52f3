"""Which view contradicts the others altogether: their masks have a body, and not with its mask."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.images.silhouette import FOREGROUND
from mmpart_core.reconstruct.hull import DOMAIN_RADIUS, VisualHull

# Set by hand, on known parts whose views were bent, mirrored and exchanged, and on real grids.
# Corners along a side of the grid that stands for space, and pixels along a side of a view that
# its projection is compared in: a corner must not fall between pixels.
_CORNERS, _PIXELS = 64, 32
# With fewer views two that contradict each other cannot be told apart.
_LEAST_VIEWS = 4
# Share of the foreground that all views together leave without a body, from which on one of them
# is suspected; and the share of it that must come back without that view.
_SUSPECT, _EXPLAINED = 0.04, 0.6


def wrong_view(views: PosedViews, slack_px: float) -> int | None:
    """The view that is left out for the others' sake.

    The visual hull of masks that agree covers each of them. A mask of something else cuts away
    what the others hold in common; without it they are covered again.

    Args:
        views: alpha is the mask.
        slack_px: by how many pixels masks are widened.

    Returns:
        Its index; none where the views agree, or no single one of them explains that they do not.
    """
    count = len(views.cameras)
    if count < _LEAST_VIEWS:
        return None
    axis = torch.linspace(-DOMAIN_RADIUS, DOMAIN_RADIUS, _CORNERS)
    points = torch.cartesian_prod(axis, axis, axis)
    # A corner stands for its cell: a body thinner than the cells' spacing is not lost.
    reach = float(axis[1] - axis[0])
    inside = torch.stack([cone <= reach for cone in VisualHull(views, slack_px).cones(points)])
    outside = count - inside.sum(dim=0)
    lost = lost_shares(views, points[outside == 0])
    if lost.max() < _SUSPECT:
        return None
    without = [
        lost_shares(views, points[(outside - (~inside[view]).int()) == 0]) for view in range(count)
    ]
    others = [np.delete(shares, view).sum() for view, shares in enumerate(without)]
    before = [np.delete(lost, view).sum() for view in range(count)]
    gains = [1.0 - after / max(full, 1e-9) for after, full in zip(others, before, strict=True)]
    best = int(np.argmin(others))
    return best if gains[best] > _EXPLAINED and before[best] > _SUSPECT else None


def lost_shares(views: PosedViews, points: Float[Tensor, "P 3"]) -> Float[np.ndarray, "N"]:
    """Share of each view's foreground that no point projects to, on a raster of coarse pixels."""
    shares: list[float] = []
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        mask = _coarse(rgba[..., 3] >= FOREGROUND)
        covered = np.zeros_like(mask)
        if len(points):
            pixels, depths = cameras.project(camera, points.double().numpy())
            scale = np.array([_PIXELS / camera.width_px, _PIXELS / camera.height_px])
            column, row = np.floor(pixels[depths > 0] * scale).astype(int).T
            kept = (column >= 0) & (column < _PIXELS) & (row >= 0) & (row < _PIXELS)
            covered[row[kept], column[kept]] = True
        shares.append(float((mask & ~covered).sum()) / max(int(mask.sum()), 1))
    return np.array(shares)


def _coarse(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "S S"]:
    """Coarse pixels of which at least half is foreground; any, where that is nowhere."""
    height, width = mask.shape
    rows, columns = (np.linspace(0, size, _PIXELS + 1).astype(int) for size in (height, width))
    sums = np.add.reduceat(np.add.reduceat(mask.astype(int), rows[:-1], axis=0), columns[:-1], 1)
    areas = np.diff(rows)[:, None] * np.diff(columns)[None]
    half = sums * 2 >= areas
    return half if half.any() else sums > 0
