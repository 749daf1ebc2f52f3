"""The convex body that outlines ask for, on bodies whose visual hull bulges."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.geometry.cameras import zero123plus_cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.convex_body import ConvexBody
from mmpart_core.reconstruct.frontier import supported_body
from mmpart_core.reconstruct.hull import VisualHull, fit_grid

ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]


def turned_box(size: tuple[float, float, float], degrees: float) -> trimesh.Trimesh:
    """A box turned about +Z, so that no view meets its faces edge-on."""
    box = trimesh.creation.box(size)
    box.apply_transform(trimesh.transformations.rotation_matrix(np.radians(degrees), (0, 0, 1)))
    return box


def volumes(views: PosedViews, body: ConvexBody) -> tuple[float, float]:
    """Volume of the visual hull, and of what the convex body leaves of it."""
    spec, sdf = fit_grid(VisualHull(views, 0.5), 64, 0.02)
    cut = torch.maximum(sdf, body.sdf(spec.positions()).view(spec.shape))
    return tuple(float((each < 0).sum()) * spec.spacing**3 for each in (sdf, cut))  # pyright: ignore[reportReturnType]


def pixel_size(views: PosedViews) -> float:
    """Of the views at the origin, object units."""
    camera = views.cameras[0]
    return float(np.linalg.norm([row[3] for row in camera.world_from_camera[:3]])) / camera.focal_px


@pytest.mark.parametrize(
    ("size", "degrees", "hull_excess", "excess"),
    [
        ((0.1, 1.4, 1.0), 30.0, 2.5, 0.6),
        ((1.1, 1.1, 0.9), 30.0, 0.25, 0.12),
        ((1.0, 1.2, 0.8), 20.0, 0.2, 0.12),
    ],
)
def test_flat_faces_are_where_they_are_and_lose_their_phantoms(
    views_of: ViewsOf,
    size: tuple[float, float, float],
    degrees: float,
    hull_excess: float,
    excess: float,
) -> None:
    box = turned_box(size, degrees)
    views = views_of(box, 160)
    body = supported_body(views)
    assert body is not None
    true_volume = float(np.prod(size))
    hull, cut = volumes(views, body)
    assert hull > (1.0 + hull_excess) * true_volume
    assert 0.95 * true_volume < cut < (1.0 + excess) * true_volume
    points, _ = trimesh.sample.sample_surface(box, 4000, seed=1)
    outside = body.sdf(torch.from_numpy(np.array(points)).float()) / pixel_size(views)
    # The body's own face is this many pixels inside the true one (outside, if negative).
    assert -0.75 < float(outside.median()) < 0.3
    assert float((outside.abs() < 1.25).float().mean()) > 0.95


def test_corners_of_a_box_are_kept(views_of: ViewsOf) -> None:
    box = turned_box((1.0, 1.2, 0.8), 20.0)
    body = supported_body(views_of(box, 160))
    assert body is not None
    corners = torch.from_numpy(np.asarray(box.vertices)).float()
    assert float(body.sdf(corners).max()) < 0.03


def test_a_ball_keeps_its_roundness(views_of: ViewsOf) -> None:
    body = supported_body(views_of(trimesh.creation.icosphere(subdivisions=4, radius=0.8), 160))
    assert body is not None
    directions = torch.from_numpy(np.random.default_rng(0).normal(size=(2000, 3))).float()
    on_ball = 0.8 * torch.nn.functional.normalize(directions, dim=1)
    # Between the rims of the views the body is a chord.
    away = body.sdf(on_ball)
    assert float(away.abs().mean()) < 0.012
    assert float(away.max()) < 0.04


def test_a_torus_keeps_its_hole(torus_views: PosedViews) -> None:
    spec, sdf = fit_grid(VisualHull(torus_views, 0.5), 48, 0.02)
    body = supported_body(torus_views)
    assert body is not None
    cut = torch.maximum(sdf, body.sdf(spec.positions()).view(spec.shape))
    centre = spec.positions().norm(dim=1).argmin()
    assert float(cut.view(-1)[centre]) > 0
    assert float((cut < 0).sum()) > 0.6 * float((sdf < 0).sum())


def test_same_views_same_body(torus_views: PosedViews) -> None:
    one, two = supported_body(torus_views), supported_body(torus_views)
    assert one is not None
    assert two is not None
    assert torch.equal(one.normals, two.normals)
    assert torch.equal(one.offsets, two.offsets)


def test_masks_that_disagree_still_give_a_body(torus_views: PosedViews) -> None:
    rgba = torus_views.rgba.copy()
    rgba[[0, 2, 4]] = np.roll(rgba[[0, 2, 4]], 10, axis=2)
    body = supported_body(PosedViews(rgba, torus_views.cameras))
    assert body is not None
    assert float(body.sdf(torch.zeros((1, 3)))) < 0


def test_points_without_volume_give_none() -> None:
    rgba = np.zeros((2, 32, 32, 4), np.uint8)
    rgba[:, 16, 16] = 255
    assert supported_body(PosedViews(rgba, zero123plus_cameras("v1.2", 32)[:2])) is None


def test_distance_is_that_of_the_farthest_half_space() -> None:
    cube = ConvexBody(torch.cat([torch.eye(3), -torch.eye(3)]), torch.full((6,), -0.5))
    points = torch.tensor([[0.0, 0.0, 0.0], [0.4, 0.0, 0.1], [0.9, 0.0, 0.0], [0.0, -0.5, 0.2]])
    assert cube.sdf(points).tolist() == pytest.approx([-0.5, -0.1, 0.4, 0.0], abs=1e-6)
