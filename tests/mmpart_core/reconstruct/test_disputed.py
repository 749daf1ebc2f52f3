"""A hollow stays where views disagree about the surface it takes; a dent in plain colour goes."""

from collections.abc import Callable

import pytest
import torch
import trimesh
from jaxtyping import Float
from torch import Tensor

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.disputed import cut_disputed, disputed, keep_disputed
from mmpart_core.reconstruct.first_shape import FirstShape
from mmpart_core.reconstruct.free_space import FreeSpace
from mmpart_core.reconstruct.frontier import supported_body
from mmpart_core.reconstruct.hull import GridSpec, VisualHull, fit_grid

SIZE_PX = 160
SIZE = (1.2, 1.0, 0.6)
OPEN, DEEP = 0.7, 0.4
THRESHOLD = 0.025
ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]
Distances = Float[Tensor, "X Y Z"]
Seen = tuple[PosedViews, FirstShape, GridSpec, Distances]


def box_with_top(hollow: bool) -> trimesh.Trimesh:
    body = trimesh.creation.box(SIZE)
    if not hollow:
        return body
    pit = trimesh.creation.box((OPEN, OPEN, 2.0 * DEEP))
    pit.apply_translation((0.0, 0.0, SIZE[2] / 2))
    return trimesh.boolean.difference([body, pit], engine="manifold")


def seen(views: PosedViews) -> Seen:
    """The views, the first shape, the grid and the hull's distances on it."""
    hull = VisualHull(views, 0.0)
    spec, limit = fit_grid(hull, 56, 0.02)
    return views, FirstShape(hull, supported_body(views), None, 0.0), spec, limit


@pytest.fixture(scope="module", params=[True, False], ids=["hollow", "whole"])
def either(request: pytest.FixtureRequest, plain_views_of: ViewsOf) -> tuple[bool, Seen]:
    """A box of one colour, with a pit in its top or without."""
    return request.param, seen(plain_views_of(box_with_top(request.param), SIZE_PX))


def pit_on(spec: GridSpec, first: Distances) -> Distances:
    """Distances of the first shape, less the pit."""
    points = spec.positions()
    inside = torch.minimum(
        OPEN / 2 - points[:, :2].abs().amax(dim=1), points[:, 2] - (SIZE[2] / 2 - DEEP)
    )
    return first.maximum(inside.view(first.shape))


def test_a_pit_is_kept_only_where_there_is_one(either: tuple[bool, Seen]) -> None:
    hollow, (views, start, spec, limit) = either
    first = start.on(spec, limit)
    cut = pit_on(spec, first)
    where = disputed(views, spec, first, cut)
    taken = (first < 0.0) & (cut >= 0.0)
    assert bool(taken.any())
    assert bool(where[taken].all()) if hollow else not bool(where.any())


def test_free_space_and_carving_follow(either: tuple[bool, Seen]) -> None:
    hollow, (views, start, spec, limit) = either
    first = start.on(spec, limit)
    cut = pit_on(spec, first)
    free = FreeSpace(spec, torch.where(cut > first, cut, torch.tensor(-0.08)))
    dug = FirstShape(start.hull, start.body, free, 0.0)
    kept = cut_disputed(start, dug, views, (spec, limit)).on(spec, limit)
    wanted = dug.on(spec, limit) if hollow else first
    assert bool(((kept < 0.0) == (wanted < 0.0)).all())
    carved = keep_disputed(views, spec, first, cut, THRESHOLD)
    assert torch.equal(carved < 0.0, (cut if hollow else first) < 0.0)


def test_specks_are_no_hollows(plain_views_of: ViewsOf) -> None:
    views, start, spec, limit = seen(plain_views_of(box_with_top(True), SIZE_PX))
    first = start.on(spec, limit)
    middle = spec.shape[0] // 2, spec.shape[1] // 2
    top = int(torch.nonzero(first[middle] < 0.0).max())
    cut = first.clone()
    cut[middle[0], middle[1], top] = 0.05
    assert not bool(disputed(views, spec, first, cut).any())


def test_only_far_growth_is_kept_elsewhere(plain_views_of: ViewsOf) -> None:
    views, start, spec, limit = seen(plain_views_of(box_with_top(False), SIZE_PX))
    first = start.on(spec, limit)
    for growth, kept in ((THRESHOLD, 0.0), (5.0 * THRESHOLD, 5.0 * THRESHOLD)):
        grown = keep_disputed(views, spec, first, first - growth, THRESHOLD)
        torch.testing.assert_close(grown, first - kept)
