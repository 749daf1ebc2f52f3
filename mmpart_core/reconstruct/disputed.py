"""Hollows need witnesses: what is taken from a shape about which all views agree comes back.

Densities and carving dig wherever colours allow it, and plain colours allow it anywhere: a prism of
one colour looks the same with a dent in each face. A point of the true surface has one colour,
whoever sees it; so a hollow is kept only where views disagree about the surface that it takes away.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.carving import keep_carved
from mmpart_core.reconstruct.first_shape import FirstShape
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.openings import Witnesses

# By hand: on this share of the surface that a hollow takes, of what several views see, they
# disagree at least; hollows of fewer corners are noise.
_PROOF, _LEAST = 0.045, 8
# How far around hollows the shape may change, object units: their mouths widen.
_REACH = 0.14
# Growth elsewhere is kept where it is so many times as far as what carving may always do.
_GROWN = 2.0


def disputed(
    views: PosedViews,
    spec: GridSpec,
    first: Float[Tensor, "X Y Z"],
    cut: Float[Tensor, "X Y Z"],
) -> Bool[Tensor, "X Y Z"]:
    """Corners in and around hollows that views speak for.

    Args:
        views: images that agree.
        spec: the grid.
        first: distances of a shape on it.
        cut: the same with hollows.
    """
    gone = (first.numpy() < 0.0) & (cut.numpy() >= 0.0)
    labels, count = ndimage.label(gone, np.ones((3, 3, 3)))  # pyright: ignore[reportGeneralTypeIssues]
    hollow = np.asarray(labels, dtype=np.int64)
    witnesses = Witnesses(views, spec, first.numpy())
    place, points, normals = witnesses.surface()
    at_odds, several = witnesses.at_odds(points, normals)
    size, odds, told = (
        np.bincount(some, minlength=count + 1)
        for some in (hollow.ravel(), hollow[place][at_odds], hollow[place][several])
    )
    kept = (size >= _LEAST) & (odds > 0) & (odds >= _PROOF * told)
    kept[0] = False
    if not kept.any():
        return torch.zeros(first.shape, dtype=torch.bool)
    away = np.asarray(ndimage.distance_transform_edt(~kept[hollow], sampling=spec.spacing))
    return torch.from_numpy(away <= _REACH)


def cut_disputed(
    start: FirstShape,
    cut: FirstShape,
    views: PosedViews,
    grid: tuple[GridSpec, Float[Tensor, "X Y Z"]],
) -> FirstShape:
    """A first shape with the free space that views speak for.

    Args:
        start: the shape without free space.
        cut: the shape with it.
        views: images that agree.
        grid: on which free space is known, and the visual hull's distances there.
    """
    if cut.free is None:
        return cut
    where = disputed(views, grid[0], start.on(*grid), cut.on(*grid))
    return replace(cut, free=cut.free.only(where))


def keep_disputed(
    views: PosedViews,
    spec: GridSpec,
    first: Float[Tensor, "X Y Z"],
    carved: Float[Tensor, "X Y Z"],
    threshold: float,
) -> Float[Tensor, "X Y Z"]:
    """A carved shape near hollows that views speak for; elsewhere the first, but for far growth.

    Args:
        views: images that agree.
        spec: the grid.
        first: distances of the shape that training started from.
        carved: the same after carving.
        threshold: as ``keep_carved`` has it, object units.
    """
    where = disputed(views, spec, first, carved)
    grown = keep_carved(first, carved.minimum(first), _GROWN * threshold)
    return torch.where(where, carved, grown)
