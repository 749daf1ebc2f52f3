"""Foreground thinner than the grid is brought back, where all masks allow it and nowhere else."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.backends import open_backend
from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.transforms import to_array
from mmpart_core.reconstruct.hull import GridSpec, VisualHull, fit_grid
from mmpart_core.reconstruct.thin_cover import Cover, cover_masks
from mmpart_core.reconstruct.voxel_field import VoxelField

ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]
SLACK_PX = 1.5


def rods() -> trimesh.Trimesh:
    """A ball on two rods, four pixels of a view of 128 wide and less wide than a coarse spacing."""
    ends = np.array([[[0.1, -0.8, -0.5], [0.0, 0.8, 0.45]], [[0.6, 0.1, -0.3], [-0.6, 0.0, 0.7]]])
    bars = [trimesh.creation.cylinder(0.03, segment=segment, sections=16) for segment in ends]
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.3)
    return trimesh.util.concatenate([ball, *bars])


def shape_of(views: PosedViews, resolution: int) -> tuple[GridSpec, torch.Tensor, torch.Tensor]:
    """A grid, the shape that the masks have in common on it, and the room they leave."""
    spec, limit = fit_grid(VisualHull(views, SLACK_PX), resolution, 0.02)
    return spec, torch.maximum(VisualHull(views, 0.0).grid(spec), limit), limit


def missed(views: PosedViews, spec: GridSpec, sdf: torch.Tensor) -> list[float]:
    """Share of each view's wholly covered pixels whose sight line meets nothing; in small steps."""
    field, shares = VoxelField(spec, sdf), []
    low = torch.tensor(spec.origin)
    high = low + (torch.tensor(spec.shape) - 1) * spec.spacing
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        rows, columns = np.nonzero(rgba[..., 3] == 255)
        origin, direction = cameras.pixel_rays(camera, columns + 0.5, rows + 0.5)
        eye = float(np.linalg.norm(to_array(camera.world_from_camera)[:3, 3]))
        places = torch.linspace(eye - 1.2, eye + 1.2, 600, dtype=torch.float64)
        points = torch.from_numpy(origin)[:, None] + (
            torch.from_numpy(direction)[:, None] * places[:, None]
        )
        flat = points.view(-1, 3).float()
        within = ((flat >= low) & (flat <= high)).all(dim=1)
        with torch.no_grad():
            inside = (field.sample_sdf(field.normalized(flat)) < 0) & within
        shares.append(1.0 - float(inside.view(len(rows), -1).any(dim=1).float().mean()))
    return shares


@pytest.fixture(scope="module")
def rod_views(views_of: ViewsOf) -> PosedViews:
    """The rods."""
    return views_of(rods(), 128)


@pytest.fixture(scope="module")
def covered(rod_views: PosedViews) -> Cover:
    """They on a grid whose spacing is wider than they are."""
    return cover_masks(rod_views, *shape_of(rod_views, 32))


def test_wires_between_corners_come_back(rod_views: PosedViews, covered: Cover) -> None:
    spec, sdf, _ = shape_of(rod_views, 32)
    assert spec.spacing > 0.06
    assert max(missed(rod_views, spec, sdf)) > 0.1
    assert max(missed(rod_views, spec, covered.sdf)) < 0.02


def test_nothing_leaves_the_room_of_the_masks(rod_views: PosedViews, covered: Cover) -> None:
    _, sdf, limit = shape_of(rod_views, 32)
    assert bool((covered.sdf >= limit).all())
    assert bool((covered.sdf <= sdf).all())
    assert torch.equal(covered.lowered, covered.sdf < sdf)


def test_what_is_added_lies_on_the_wires(rod_views: PosedViews, covered: Cover) -> None:
    spec, sdf, _ = shape_of(rod_views, 32)
    before, after = (VoxelField(spec, values) for values in (sdf, covered.sdf))
    points = torch.rand((200_000, 3), generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    with torch.no_grad():
        new = (after.sample_sdf(after.normalized(points)) < 0) & (
            before.sample_sdf(before.normalized(points)) >= 0
        )
    added = points[new].double().numpy()
    assert len(added) > 50
    away = np.abs(trimesh.proximity.ProximityQuery(rods()).on_surface(added)[1])
    assert np.quantile(away, 0.95) < spec.spacing


def test_wires_have_the_colour_of_their_pixels(rod_views: PosedViews, covered: Cover) -> None:
    spec, _, _ = shape_of(rod_views, 32)
    corners = spec.positions()[covered.lowered.reshape(-1)].double().numpy()
    expected = 0.5 + 0.35 * np.sin(corners * 9.0 + np.array([0.0, 1.0, 2.0]))
    given = covered.rgb[covered.lowered].numpy()
    # A corner is up to a spacing from the wire, over which the colours change by that much.
    assert np.median(np.abs(given - expected)) < 0.1
    assert not bool(covered.rgb[~covered.lowered].any())


def test_what_is_shown_already_stays(views_of: ViewsOf) -> None:
    views = views_of(trimesh.creation.icosphere(subdivisions=4, radius=0.8), 64)
    spec, limit = fit_grid(VisualHull(views, SLACK_PX), 40, 0.02)
    sdf = torch.maximum(spec.positions().norm(dim=1).view(spec.shape) - 0.8, limit)
    cover = cover_masks(views, spec, sdf, limit)
    assert float((sdf - cover.sdf).max()) < 0.25 * spec.spacing


def test_foreground_that_other_views_deny_grows_nothing(rod_views: PosedViews) -> None:
    rgba = rod_views.rgba.copy()
    rgba[0, 4:14, 4:14] = 255
    spec, sdf, limit = shape_of(rod_views, 32)
    cover = cover_masks(PosedViews(rgba, rod_views.cameras), spec, sdf, limit)
    pixels, _ = cameras.project(
        rod_views.cameras[0], spec.positions()[cover.lowered.reshape(-1)].double().numpy()
    )
    assert not ((pixels < 12.0).all(axis=1)).any()


def test_a_shape_without_a_hole_is_returned_as_it_is(rod_views: PosedViews) -> None:
    spec, _, limit = shape_of(rod_views, 32)
    whole = torch.full(spec.shape, -1.0)
    cover = cover_masks(rod_views, spec, whole, torch.minimum(limit, whole))
    assert torch.equal(cover.sdf, whole)
    assert not bool(cover.lowered.any())


def test_the_back_end_keeps_wires(rod_views: PosedViews) -> None:
    settings = {"device": "cpu", "preset": "preview", "resolution": 32}
    grid = open_backend("reconstruct", "nerfstudio", settings).train(rod_views, 0).grid
    x, y, z = (float(value) for value in grid.origin)
    spec = GridSpec((x, y, z), grid.spacing, tuple(grid.sdf.shape))
    assert max(missed(rod_views, spec, torch.from_numpy(grid.sdf))) < 0.02
