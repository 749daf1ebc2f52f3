"""The visual hull against shapes whose distances are known."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.errors import BackendError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.cameras import orbit_camera
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.images.silhouette import silhouette_distance
from mmpart_core.reconstruct import hull as hulls
from mmpart_core.reconstruct.masks import check_masks
from mmpart_core.records import Camera


def disc(size: int, radius: float) -> np.ndarray:
    """Antialiased alpha of a centred disc."""
    fine = (np.arange(size * 8) + 0.5) / 8.0 - size / 2.0
    inside = np.hypot(fine[:, None], fine[None]) < radius
    return (inside.reshape(size, 8, size, 8).mean(axis=(1, 3)) * 255.0).round().astype(np.uint8)


def test_silhouette_distance_is_subpixel() -> None:
    size, radius = 64, 20.3
    centres = np.arange(size) + 0.5 - size / 2.0
    expected = np.hypot(centres[:, None], centres[None]) - radius
    measured = silhouette_distance(disc(size, radius))
    near = np.abs(expected) < 10.0
    assert np.abs(measured - expected)[near].max() < 0.75
    assert abs((measured - expected)[near].mean()) < 0.15


def orthographic(azimuth_deg: float) -> Camera:
    """Forty pixels to the unit, 96 pixels wide, off-centre principal point."""
    pose = transforms.to_array(orbit_camera(azimuth_deg, 0.0, 30.0, 96).world_from_camera)
    return Camera(
        world_from_camera=transforms.to_tuple(pose),
        focal_px=40.0,
        principal_px=(48.0, 48.0),
        width_px=96,
        height_px=96,
        projection="orthographic",
    )


def test_orthographic_discs_intersect_in_a_steinmetz_solid() -> None:
    alpha = disc(96, 24.0)
    rgba = np.repeat(alpha[..., None], 4, axis=2)
    views = PosedViews(np.stack([rgba, rgba]), (orthographic(0.0), orthographic(90.0)))
    hull = hulls.VisualHull(views, slack_px=0.0)
    points = torch.tensor(
        np.random.default_rng(1).uniform(-0.9, 0.9, (4000, 3)), dtype=torch.float32
    )
    x, y, z = points.unbind(dim=1)
    # Cameras on +X and +Y see cylinders of radius 24 px / (40 px per unit) along x and along y.
    expected = torch.maximum(torch.hypot(y, z), torch.hypot(x, z)) - 0.6
    near = (expected.abs() < 0.25) & (points.norm(dim=1) < 1.0)
    assert (hull.sdf(points) - expected).abs()[near].max() < 0.02


def test_hull_holds_the_body_and_little_more(
    torus_views: PosedViews, torus_points: np.ndarray
) -> None:
    points = torch.from_numpy(torus_points).float()
    tight = hulls.VisualHull(torus_views, slack_px=0.0).sdf(points)
    slack = hulls.VisualHull(torus_views, slack_px=1.5).sdf(points)
    assert float(slack.max()) < 0.0
    assert float(tight.max()) < 0.02
    # Four views look through the hole.
    assert float(hulls.VisualHull(torus_views, 0.0).sdf(torch.zeros((1, 3)))) > 0.1


def test_fit_grid_is_anisotropic_and_encloses_the_hull(torus_views: PosedViews) -> None:
    spec, sdf = hulls.fit_grid(hulls.VisualHull(torus_views, 1.5), 48, 0.02)
    assert max(spec.shape) == 48
    assert spec.shape[0] < 32
    assert sdf.shape == spec.shape
    inner = torch.nn.functional.pad(torch.zeros(tuple(n - 2 for n in spec.shape)), [1] * 6, value=1)
    border = sdf[inner > 0]
    assert float(border.min()) > 0.0
    corners = spec.positions().view(*spec.shape, 3)
    assert corners[1, 2, 3].tolist() == pytest.approx(
        [
            spec.origin[0] + spec.spacing,
            spec.origin[1] + 2 * spec.spacing,
            spec.origin[2] + 3 * spec.spacing,
        ],
        abs=1e-5,
    )


def test_thin_rod_is_found(views_of: Callable[[trimesh.Trimesh, int], PosedViews]) -> None:
    rod = trimesh.creation.cylinder(radius=0.02, height=1.9, sections=24)
    spec, sdf = hulls.fit_grid(hulls.VisualHull(views_of(rod, 160), 1.5), 96, 0.02)
    inside = spec.positions()[(sdf < 0).flatten()]
    assert float(inside[:, 2].max() - inside[:, 2].min()) == pytest.approx(1.9, abs=0.08)
    assert float(inside[:, :2].norm(dim=1).max()) < 0.08


def test_masks_without_common_body_are_refused(torus_views: PosedViews) -> None:
    rgba = torus_views.rgba.copy()
    rgba[0] = 0
    rgba[0, :12, :12] = 255
    moved = PosedViews(rgba, torus_views.cameras)
    check_masks(moved)
    with pytest.raises(BackendError, match="no common body"):
        hulls.fit_grid(hulls.VisualHull(moved, 0.0), 32, 0.02)


def test_empty_masks_are_named(torus_views: PosedViews) -> None:
    rgba = torus_views.rgba.copy()
    rgba[[1, 4], ..., 3] = 0
    rgba[4, 0, :2, 3] = 255
    with pytest.raises(BackendError, match=r"less than 0.05% of view 1 \(0\.0 %\), view 4 \("):
        check_masks(PosedViews(rgba, torus_views.cameras))


def test_a_sheet_seen_edge_on_is_allowed_but_not_in_every_view(torus_views: PosedViews) -> None:
    rgba = torus_views.rgba.copy()
    rgba[1, ..., 3] = 0
    rgba[1, 20:60, 40, 3] = 255
    check_masks(PosedViews(rgba, torus_views.cameras))
    rgba[..., 3] = rgba[1, ..., 3]
    with pytest.raises(BackendError, match="at least 1% of some view"):
        check_masks(PosedViews(rgba, torus_views.cameras))


def test_full_mask_is_named(torus_views: PosedViews) -> None:
    rgba = torus_views.rgba.copy()
    rgba[2, ..., 3] = 255
    with pytest.raises(BackendError, match=r"more than 98% of view 2 .*background removal"):
        check_masks(PosedViews(rgba, torus_views.cameras))


def test_cut_views_are_warned_about(torus_views: PosedViews) -> None:
    assert check_masks(torus_views) == ()
    rgba = torus_views.rgba.copy()
    height = rgba.shape[1]
    rgba[3, height // 4 : 3 * height // 4, :40, 3] = 255
    (warning,) = check_masks(PosedViews(rgba, torus_views.cameras))
    assert "view 3" in warning


def test_a_ball_that_fills_the_unit_sphere_is_not_cut() -> None:
    """It overflows Zero123++'s frame by design."""
    camera = orbit_camera(0.0, 0.0, 30.0, 256)
    x, y = np.meshgrid(np.arange(256) + 0.5 - 128, np.arange(256) + 0.5 - 128)
    # tan(asin(1 / d)) / tan(15 deg) with d = 1 / tan(15 deg), the orbit's distance.
    radius = 128 * np.tan(np.arcsin(np.tan(np.pi / 12))) / np.tan(np.pi / 12)
    rgba = np.zeros((2, 256, 256, 4), dtype=np.uint8)
    rgba[..., 3] = np.where(np.hypot(x, y) < radius, 255, 0)
    touched = (rgba[0, 0, :, 3] > 0).mean()
    assert 0.2 < touched < 0.3
    assert check_masks(PosedViews(rgba, (camera, camera))) == ()


def test_views_and_cameras_must_pair(torus_views: PosedViews) -> None:
    with pytest.raises(BackendError, match="6 images and 5 cameras"):
        check_masks(PosedViews(torus_views.rgba, torus_views.cameras[:5]))


def test_a_part_cut_by_the_frame_keeps_what_lies_beyond() -> None:
    alpha = np.zeros((64, 64), dtype=np.uint8)
    alpha[20:44, 30:] = 255
    rgba = np.repeat(alpha[..., None], 4, axis=2)
    camera = orbit_camera(0.0, 0.0, 30.0, 64)
    views = PosedViews(np.stack([rgba, rgba]), (camera, camera))
    hull = hulls.VisualHull(views, slack_px=0.0)
    # Camera on +X: its right is +Y; the frame spans -1 to 1.
    beyond, other_side = torch.tensor([[0.0, 1.05, 0.0]]), torch.tensor([[0.0, -1.05, 0.0]])
    assert float(hull.sdf(beyond)) < 0.0
    assert float(hull.sdf(other_side)) > 0.5
