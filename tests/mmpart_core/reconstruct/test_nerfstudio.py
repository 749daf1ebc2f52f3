"""The back-end on simple bodies: accuracy, repeatability, threads, side effects."""

import io
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from scipy import ndimage

from mmpart_core.backends import check_settings, open_backend
from mmpart_core.errors import BackendError, ConfigError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.checks import check_field
from mmpart_core.reconstruct.protocol import FieldTrainer, TrainedField

SMALL: dict[str, Any] = {
    "device": "cpu", "steps": 120, "rays": 1024, "samples": 32,
    "coarse_resolution": 32, "resolution": 48,
}  # fmt: skip


def opened(**settings: Any) -> FieldTrainer:
    """The back-end, ready."""
    return open_backend("reconstruct", "nerfstudio", settings)


def sampled(grid: FieldGrid, values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Trilinear samples of a grid."""
    return ndimage.map_coordinates(values, ((points - grid.origin) / grid.spacing).T, order=1)


def same(one: TrainedField, two: TrainedField) -> bool:
    """Equal bit for bit."""
    return (
        one.grid.sdf.tobytes() == two.grid.sdf.tobytes()
        and one.grid.rgb.tobytes() == two.grid.rgb.tobytes()
        and one.train_psnr_db == two.train_psnr_db
    )


@pytest.fixture(scope="module")
def trained(torus_views: PosedViews) -> TrainedField:
    return opened(**SMALL).train(torus_views, 3)


def test_training_finds_the_torus(trained: TrainedField, torus_points: np.ndarray) -> None:
    low, high = check_field(trained, "torus")
    spacing = trained.grid.spacing
    assert np.allclose(low, [-0.22, -0.82, -0.82], atol=2.5 * spacing)
    assert np.allclose(high, [0.22, 0.82, 0.82], atol=2.5 * spacing)
    away = np.abs(sampled(trained.grid, trained.grid.sdf, torus_points))
    assert np.median(away) < 0.02
    assert (away < 0.05).mean() > 0.9
    assert trained.train_psnr_db > 20.0
    assert 0.5 < trained.confidence <= 1.0


def test_colour_is_learned_and_spread_beyond_the_surface(
    trained: TrainedField, torus_points: np.ndarray
) -> None:
    expected = 0.5 + 0.35 * np.sin(torus_points * 9.0 + np.array([0.0, 1.0, 2.0]))
    outside = torus_points * 1.04
    for points, tolerance in ((torus_points, 0.09), (outside, 0.13)):
        channels = [sampled(trained.grid, trained.grid.rgb[..., i], points) for i in range(3)]
        assert np.abs(np.stack(channels, axis=1) - expected).mean() < tolerance
    assert trained.grid.rgb.min() > 0.02


def test_training_improves_on_the_hull(
    trained: TrainedField, torus_views: PosedViews, torus_points: np.ndarray
) -> None:
    hull = opened(preset="preview", resolution=48, device="cpu").train(torus_views, 3)
    check_field(hull, "torus")
    errors = [
        np.abs(sampled(field.grid, field.grid.sdf, torus_points)).mean()
        for field in (trained, hull)
    ]
    assert errors[0] < 0.8 * errors[1]
    assert hull.train_psnr_db > 15.0
    assert hull.grid.rgb.min() > 0.02


def test_the_field_stays_within_the_hull(trained: TrainedField, torus_views: PosedViews) -> None:
    from mmpart_core.reconstruct.hull import GridSpec, VisualHull

    grid = trained.grid
    x, y, z = grid.origin.tolist()
    limit = VisualHull(torus_views, 1.5).grid(GridSpec((x, y, z), grid.spacing, grid.sdf.shape))
    assert (grid.sdf >= limit.numpy() - 1e-6).all()


def test_same_seed_same_bits_other_seed_other_field(
    trained: TrainedField, torus_views: PosedViews
) -> None:
    torch.manual_seed(99)
    again = opened(**SMALL).train(torus_views, 3)
    assert same(trained, again)
    assert not same(trained, opened(**SMALL).train(torus_views, 4))


@pytest.mark.long
def test_two_threads_train_as_if_alone(trained: TrainedField, torus_views: PosedViews) -> None:
    backend = opened(**SMALL)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda seed: backend.train(torus_views, seed), (3, 4)))
    assert same(both[0], trained)
    assert not same(both[1], trained)


def test_nothing_is_left_behind(
    torus_views: PosedViews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nerfstudio.utils import profiler, writer

    backend = opened(**{**SMALL, "steps": 4, "threads": 1})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(2)
    state, threads = torch.get_rng_state(), set(threading.enumerate())
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        backend.train(torus_views, 0)
    assert (out.getvalue(), err.getvalue()) == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == 2
    assert set(threading.enumerate()) <= threads
    assert (writer.EVENT_STORAGE, writer.EVENT_WRITERS, profiler.PROFILER) == ([], [], [])
    torch.set_num_threads(1)


def test_box_with_a_hole(views_of: Callable[[trimesh.Trimesh, int], PosedViews]) -> None:
    box = trimesh.creation.box((1.2, 0.5, 1.2))
    bore = trimesh.creation.cylinder(radius=0.35, height=2.0)
    bore.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
    field = opened(**SMALL).train(views_of(box.difference(bore).subdivide(), 96), 0)
    probes = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.5], [0.4, 0.4, 0.5]])
    assert np.sign(sampled(field.grid, field.grid.sdf, probes)).tolist() == [1, -1, -1, 1]


def test_two_bodies_stay_two(views_of: Callable[[trimesh.Trimesh, int], PosedViews]) -> None:
    balls = [trimesh.creation.icosphere(subdivisions=3, radius=0.3) for _ in range(2)]
    balls[0].apply_translation((0.0, -0.6, 0.0))
    balls[1].apply_translation((0.0, 0.6, 0.2))
    field = opened(**SMALL).train(views_of(trimesh.util.concatenate(balls), 96), 0)
    _, bodies = ndimage.label(ndimage.binary_opening(field.grid.sdf < 0.0))
    assert bodies == 2


def test_disagreeing_views_lower_confidence(trained: TrainedField, torus_views: PosedViews) -> None:
    rgba = torus_views.rgba.copy()
    rgba[[0, 2, 4]] = np.roll(rgba[[0, 2, 4]], 10, axis=2)
    moved = opened(**SMALL).train(PosedViews(rgba, torus_views.cameras), 3)
    assert moved.confidence < trained.confidence - 0.1
    assert any("disagree" in warning for warning in moved.warnings)


def test_empty_view_is_refused(torus_views: PosedViews) -> None:
    rgba = torus_views.rgba.copy()
    rgba[5] = 0
    with pytest.raises(BackendError, match=r"view 5 \(0\.0 %\)"):
        opened(**SMALL).train(PosedViews(rgba, torus_views.cameras), 0)


def test_preset_fills_in_and_enters_the_key_by_its_values() -> None:
    gpu = check_settings("reconstruct", "nerfstudio", {"preset": "gpu", "rays": 2048})
    spelled = check_settings(
        "reconstruct",
        "nerfstudio",
        {"steps": 2000, "rays": 2048, "samples": 64, "coarse_resolution": 64, "resolution": 192,
         "device": "cpu", "threads": 4},
    )  # fmt: skip
    assert gpu.key_settings() == spelled.key_settings()
    with pytest.raises(ConfigError, match="preset"):
        check_settings("reconstruct", "nerfstudio", {"preset": "fast"})


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without CUDA")
def test_cuda_without_cuda_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"reconstruct\.device 'cuda': expected a device of this"):
        opened(**{**SMALL, "device": "cuda"})


@pytest.fixture(scope="module")
def part_data() -> ModuleType:
    opened(**SMALL)
    from mmpart_core.reconstruct import part_data

    return part_data


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
def test_rays_are_nerfstudio_s(part_data: ModuleType) -> None:
    given = cameras.zero123plus_cameras("v1.2", 40)
    bundle = part_data.nerfstudio_cameras(given).generate_rays(camera_indices=4)
    rows, columns = np.mgrid[0:40, 0:40] + 0.5
    origins, directions = cameras.pixel_rays(given[4], columns.ravel(), rows.ravel())
    assert np.allclose(bundle.origins.reshape(-1, 3).numpy(), origins, atol=1e-5)
    assert np.allclose(bundle.directions.reshape(-1, 3).numpy(), directions, atol=1e-5)
