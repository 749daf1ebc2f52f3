"""A sheet that two views see edge-on is drawn into them; views that disagree otherwise stay."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.edge_on import show_edge_on
from mmpart_core.reconstruct.hull import VisualHull

ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]
SLACK_PX = 1.5
SIZE = 128


def sign(normal_deg: float) -> trimesh.Trimesh:
    """A sheet without thickness on a round post, which faces the given azimuth."""
    corners = np.array([[0.0, -0.5, 0.0], [0.0, 0.5, 0.0], [0.0, 0.5, 0.7], [0.0, -0.5, 0.7]])
    sheet = trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3], [0, 2, 1], [0, 3, 2]], process=False)
    post = trimesh.creation.cylinder(0.06, segment=[[0, 0, -0.8], [0, 0, 0.0]], sections=24)
    both = trimesh.util.concatenate([sheet, post])
    turn = trimesh.transformations.rotation_matrix(np.radians(normal_deg), (0, 0, 1))
    return both.apply_transform(turn)


@pytest.mark.parametrize(("normal_deg", "pair"), [(0.0, (1, 4)), (120.0, (0, 3))])
def test_sheet_seen_edge_on_is_drawn(
    views_of: ViewsOf, normal_deg: float, pair: tuple[int, int]
) -> None:
    views = views_of(sign(normal_deg), SIZE)
    drawn, changed, words = show_edge_on(views, SLACK_PX)
    assert changed == pair
    assert len(words) == 1
    assert f"views {pair[0]} and {pair[1]}" in words[0]
    kept = [index for index in range(6) if index not in pair]
    np.testing.assert_array_equal(drawn.rgba[kept], views.rgba[kept])
    for index in pair:
        added = (drawn.rgba[index, ..., 3] > 0) & (views.rgba[index, ..., 3] == 0)
        rows, columns = np.nonzero(added)
        assert added.sum() > 0.2 * SIZE
        # A line, straight up: the sheet stands, and the camera looks along it.
        assert np.ptp(columns) <= 1
        assert len(np.unique(rows)) > 0.9 * (np.ptp(rows) + 1)


def test_all_of_the_sheet_is_in_the_hull_then(views_of: ViewsOf) -> None:
    views = views_of(sign(0.0), SIZE)
    grid = np.meshgrid(np.linspace(-0.45, 0.45, 19), np.linspace(0.05, 0.65, 13))
    points = np.stack([np.zeros(grid[0].size), grid[0].ravel(), grid[1].ravel()], axis=1)

    def share(of: PosedViews) -> float:
        cones = VisualHull(of, SLACK_PX).sdf(torch.from_numpy(points).float())
        return float((cones <= 0).float().mean())

    assert share(views) < 0.3
    assert share(show_edge_on(views, SLACK_PX)[0]) == 1.0


def test_its_colour_is_that_of_the_sheet(views_of: ViewsOf) -> None:
    views = views_of(sign(0.0), SIZE)
    drawn, pair, _ = show_edge_on(views, SLACK_PX)
    added = (drawn.rgba[pair[0], ..., 3] > 0) & (views.rgba[pair[0], ..., 3] == 0)
    points = np.random.default_rng(0).uniform((0, -0.45, 0.05), (0, 0.45, 0.65), (500, 3))
    pixels = np.floor(cameras.project(views.cameras[0], points)[0]).astype(int)
    expected = views.rgba[0][pixels[:, 1], pixels[:, 0], :3].mean(axis=0)
    np.testing.assert_allclose(drawn.rgba[pair[0]][added][:, :3].mean(axis=0), expected, atol=20)


def test_views_that_agree_stay(torus_views: PosedViews) -> None:
    assert show_edge_on(torus_views, SLACK_PX) == (torus_views, (), ())


def test_views_that_disagree_for_another_reason_stay(views_of: ViewsOf) -> None:
    slab = trimesh.creation.box((0.3, 0.9, 1.2))
    slab.apply_transform(trimesh.transformations.rotation_matrix(0.6, (1, 0, 0)))
    views = views_of(slab, 96)
    rgba = views.rgba.copy()
    rgba[[1, 4]] = rgba[[1, 4]][:, :, ::-1]
    changed = show_edge_on(PosedViews(rgba, views.cameras), SLACK_PX)
    assert changed[1:] == ((), ())
    np.testing.assert_array_equal(changed[0].rgba, rgba)


def test_two_empty_views_of_a_ball_are_not_taken_for_a_sheet(views_of: ViewsOf) -> None:
    views = views_of(trimesh.creation.icosphere(subdivisions=3, radius=0.7), 96)
    rgba = views.rgba.copy()
    rgba[[1, 4], :, :40] = 0
    rgba[[1, 4], :, 44:] = 0
    assert show_edge_on(PosedViews(rgba, views.cameras), SLACK_PX)[1] == ()


def test_few_views_stay(views_of: ViewsOf) -> None:
    views = views_of(sign(0.0), SIZE)
    few = PosedViews(views.rgba[:4], views.cameras[:4])
    assert show_edge_on(few, SLACK_PX) == (few, (), ())
