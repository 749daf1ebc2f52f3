"""Where training starts: tight around what the masks show, however wide they are taken."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.convex_body import ConvexBody
from mmpart_core.reconstruct.first_shape import FirstShape
from mmpart_core.reconstruct.hull import VisualHull
from mmpart_core.reconstruct.part_scene import PartScene, prepare_scene

SIZE = (0.16, 1.2, 0.9)
ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]


@pytest.fixture(scope="module")
def slab_views(views_of: ViewsOf) -> PosedViews:
    """A slab that no view meets edge-on."""
    slab = trimesh.creation.box(SIZE)
    slab.apply_transform(trimesh.transformations.rotation_matrix(np.radians(30.0), (0, 0, 1)))
    return views_of(slab, 96)


def prepared(views: PosedViews, slack_px: float, convex_start: bool) -> PartScene:
    """The part on small grids."""
    return prepare_scene(
        views, slack_px=slack_px, margin=0.02, resolutions=(24, 48), convex_start=convex_start
    )


@pytest.fixture(scope="module")
def scene(slab_views: PosedViews) -> PartScene:
    """The slab, with the usual slack."""
    return prepared(slab_views, 1.5, True)


def volume(sdf: torch.Tensor, spacing: float) -> float:
    """Of what is inside."""
    return float((sdf < 0).sum()) * spacing**3


def test_a_slab_starts_as_thick_as_it_is(scene: PartScene) -> None:
    true_volume, spacing = float(np.prod(SIZE)), scene.fine_spec.spacing
    assert volume(scene.fine_first, spacing) == pytest.approx(true_volume, rel=0.25)
    assert volume(scene.limit, spacing) > 2.0 * true_volume
    # Twice the distance of the middle from the surface, which may lie between two corners.
    thickness = -2.0 * float(scene.fine_first.min())
    assert thickness == pytest.approx(SIZE[0], abs=spacing + 0.02)


def test_the_start_lies_within_the_limit_on_both_grids(scene: PartScene) -> None:
    for first, limit in (
        (scene.first, scene.coarse_limit),
        (scene.fine_first, scene.limit),
    ):
        assert first.shape == limit.shape
        assert bool((first >= limit - 1e-6).all())
        assert bool((first < 0).any())


def test_room_for_views_that_disagree_is_no_part_of_the_start(
    scene: PartScene, slab_views: PosedViews
) -> None:
    tight = prepared(slab_views, 1.5, False)
    assert tight.body is None
    masks = VisualHull(slab_views, 0.0).grid(tight.coarse_spec)
    near = tight.coarse_limit < 0
    assert torch.equal(tight.first[near], masks[near])
    # What is asked for beyond the usual slack stays.
    wide = prepared(slab_views, 4.0, False)
    masks = VisualHull(slab_views, 2.5).grid(wide.coarse_spec)
    near = wide.coarse_limit < 0
    assert torch.equal(wide.first[near], masks[near])
    # No slack at all is not turned into less than the masks.
    bare = prepared(slab_views, 0.0, False)
    assert torch.equal(bare.first < 0, bare.coarse_limit < 0)
    spacing = scene.coarse_spec.spacing
    assert volume(scene.first, spacing) < volume(tight.first, spacing)
    assert volume(tight.first, spacing) < volume(tight.coarse_limit, spacing)


def test_a_start_that_is_lost_falls_back_on_wider_ones(
    scene: PartScene, slab_views: PosedViews
) -> None:
    spec, limit = scene.coarse_spec, scene.coarse_limit
    elsewhere = ConvexBody(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([5.0]))
    tight, gone = VisualHull(slab_views, 0.0), VisualHull(slab_views, -40.0)
    masks = tight.grid(spec)
    inside = limit < 0
    alone = FirstShape(tight, elsewhere, None, 0.0).on(spec, limit)
    assert torch.equal(alone[inside], masks[inside])
    assert torch.equal(FirstShape(gone, elsewhere, None, 0.0).on(spec, limit), limit)
