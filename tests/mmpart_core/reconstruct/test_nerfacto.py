"""nerfstudio's nerfacto at toy size on a CPU, and the way from density to a field."""

import io
import math
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.backends import check_settings
from mmpart_core.errors import BackendError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.backends.nerfstudio import Settings, training_options
from mmpart_core.reconstruct.checks import check_field
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.protocol import TrainedField

pytestmark = pytest.mark.usefixtures("nerfstudio_opened")
TOY: dict[str, Any] = {
    "num_levels": 4, "log2_hashmap_size": 12, "max_res": 64, "hidden_dim": 16,
    "hidden_dim_color": 16, "num_proposal_iterations": 1, "num_proposal_samples_per_ray": (24,),
}  # fmt: skip
BALL = 0.6


def options(steps: int) -> TrainingOptions:
    """A short training on a coarse grid."""
    given = {"device": "cpu", "steps": steps, "rays": 256, "samples": 16,
             "coarse_resolution": 32, "resolution": 48}  # fmt: skip
    checked = check_settings("reconstruct", "nerfstudio", given)
    assert isinstance(checked, Settings)
    return training_options(checked, "cpu")


def train(views: PosedViews, steps: int, seed: int) -> TrainedField:
    """A toy nerfacto."""
    from mmpart_core.reconstruct.nerfacto_field import train_nerfacto

    return train_nerfacto(views, options(steps), seed, **TOY)


def same(one: TrainedField, two: TrainedField) -> bool:
    """Equal bit for bit."""
    return (
        one.grid.sdf.tobytes() == two.grid.sdf.tobytes()
        and one.grid.rgb.tobytes() == two.grid.rgb.tobytes()
    )


@pytest.fixture(scope="module")
def ball_views(views_of: Callable[[trimesh.Trimesh, int], PosedViews]) -> PosedViews:
    """A ball at 64 pixels."""
    return views_of(trimesh.creation.icosphere(subdivisions=4, radius=BALL), 64)


class FuzzyBall(torch.nn.Module):
    """What is asked of nerfstudio's fields: density that falls around a radius, and a colour.

    Colour is the direction of sight, so that it shows from where the surface is looked at.
    """

    def __init__(self, radius: float, most: float) -> None:
        super().__init__()
        self.radius = torch.nn.Parameter(torch.tensor(radius))
        self.most = most

    def get_density(self, samples: Any) -> tuple[torch.Tensor, None]:
        """A logistic step, a few hundredths wide."""
        away = samples.frustums.get_positions().norm(dim=-1, keepdim=True) - self.radius
        return self.most * torch.sigmoid(-60.0 * away), None

    def forward(self, samples: Any) -> dict[Any, torch.Tensor]:
        """Colours only."""
        from nerfstudio.field_components.field_heads import FieldHeadNames

        return {FieldHeadNames.RGB: 0.5 + 0.4 * samples.frustums.directions}


def test_toy_nerfacto_finds_the_torus(torus_views: PosedViews, torus_points: np.ndarray) -> None:
    from scipy import ndimage

    trained = train(torus_views, 100, 3)
    check_field(trained, "torus")
    grid = trained.grid
    points = np.concatenate([torus_points, np.zeros((1, 3))])
    at = ((points - grid.origin) / grid.spacing).T
    distances = ndimage.map_coordinates(grid.sdf, at, order=1)
    away = np.abs(distances[:-1])
    assert np.median(away) < 0.03
    assert (away < 0.06).mean() > 0.9
    assert distances[-1] > 0.2  # the hole
    assert trained.train_psnr_db > 10.0
    assert any("agrees poorly" in warning for warning in trained.warnings)


def test_equal_seeds_equal_bits_even_side_by_side(ball_views: PosedViews) -> None:
    from mmpart_core.reconstruct.nerfacto import (
        StockTraining,
        nerfacto_model,
        nerfacto_optimizers,
        train_stock,
    )
    from mmpart_core.reconstruct.nerfacto_field import sample_density

    points = torch.rand((500, 3), generator=torch.Generator().manual_seed(0)) - 0.5

    def density(seed: int) -> torch.Tensor:
        model = nerfacto_model("cpu", num_nerf_samples_per_ray=8, **TOY)
        training = StockTraining(model, nerfacto_optimizers(), 4, 64, "cpu")
        return sample_density(train_stock(ball_views, training, seed).field, points)

    alone = density(3)
    with ThreadPoolExecutor(2) as pool:
        beside = list(pool.map(density, (3, 4)))
    assert torch.equal(beside[0], alone)
    assert not torch.equal(beside[1], alone)


def test_a_training_that_is_looked_at_and_ended_is_one_of_so_many_batches(
    ball_views: PosedViews,
) -> None:
    from mmpart_core.reconstruct.nerfacto import (
        StockTraining,
        nerfacto_model,
        nerfacto_optimizers,
        train_stock,
    )
    from mmpart_core.reconstruct.nerfacto_field import sample_density

    points = torch.rand((200, 3), generator=torch.Generator().manual_seed(0)) - 0.5
    model = nerfacto_model("cpu", num_nerf_samples_per_ray=8, **TOY)
    found: dict[int, torch.Tensor] = {}

    def ends(batches: int, trained: torch.nn.Module) -> bool:
        found[batches] = sample_density(trained.eval().field, points)
        return batches == 3

    def density(steps: int, ends: Callable[[int, Any], bool] | None) -> torch.Tensor:
        training = StockTraining(model, nerfacto_optimizers(), steps, 64, "cpu", ends)
        return sample_density(train_stock(ball_views, training, 3).field, points)

    assert torch.equal(density(9, ends), found[3])
    assert torch.equal(density(2, None), found[2])
    assert sorted(found) == [1, 2, 3]


def test_nothing_is_left_behind(
    ball_views: PosedViews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nerfstudio.utils import profiler, writer
    from torchmetrics.image import lpip

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    state, threads = torch.get_rng_state(), set(threading.enumerate())
    metric = lpip.LearnedPerceptualImagePatchSimilarity
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(BackendError, match="density"):
        train(ball_views, 1, 0)
    assert (out.getvalue(), err.getvalue()) == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(torch.get_rng_state(), state)
    assert set(threading.enumerate()) <= threads
    assert lpip.LearnedPerceptualImagePatchSimilarity is metric
    assert (writer.EVENT_STORAGE, writer.EVENT_WRITERS, profiler.PROFILER) == ([], [], [])


def test_density_becomes_distance_and_colour_from_above(ball_views: PosedViews) -> None:
    from mmpart_core.reconstruct.nerfacto_field import field_of
    from mmpart_core.reconstruct.part_scene import prepare_scene

    scene = prepare_scene(
        ball_views, slack_px=1.5, margin=0.02, resolutions=(32, 48), convex_start=True
    )
    trained = field_of(FuzzyBall(BALL, 40.0), scene, samples=48, sharpness=500.0)
    spec = scene.fine_spec
    radius = spec.positions().norm(dim=1).view(spec.shape).numpy()
    near = np.abs(radius - BALL) < 1.5 * spec.spacing
    assert np.abs(trained.grid.sdf - (radius - BALL))[near].max() < 0.3 * spec.spacing
    assert (trained.grid.sdf >= scene.limit.numpy() - 1e-6).all()
    outward = spec.positions().numpy().reshape(*spec.shape, 3)[near] / radius[near][:, None]
    colors = trained.grid.rgb[near]
    assert np.abs(colors - (0.5 - 0.4 * outward)).mean() < 0.03
    assert trained.confidence < 0.9  # directions are not the ball's colours


def test_the_level_is_where_silhouettes_fit(ball_views: PosedViews) -> None:
    from mmpart_core.reconstruct.nerfacto_field import sample_density, surface_level
    from mmpart_core.reconstruct.part_scene import prepare_scene

    scene = prepare_scene(
        ball_views, slack_px=3.0, margin=0.02, resolutions=(32, 48), convex_start=True
    )
    spec, rays = scene.fine_spec, scene.rays

    def share(at_surface: float) -> float:
        """Of light, at the level that is found, with a known density where the ball ends."""
        field = FuzzyBall(BALL, 2.0 * at_surface)
        density = sample_density(field, spec.positions()).view(spec.shape)
        return -math.expm1(-surface_level(density, spec, rays) * spec.spacing)

    for absorbed in (0.2, 0.5, 0.8):
        assert share(-math.log1p(-absorbed) / spec.spacing) == pytest.approx(absorbed, abs=0.11)
    with pytest.raises(BackendError, match=r"density is at most 0\.\d+ .*reconstruct\.steps"):
        share(0.1)


def test_distance_is_exact_near_and_grows_far_away() -> None:
    from mmpart_core.reconstruct.nerfacto_field import distance_to_level

    spec = GridSpec((-1.0, -0.9, -0.8), 0.05, (41, 37, 33))
    radius = spec.positions().norm(dim=1).view(spec.shape)
    density = 50.0 * torch.exp(-40.0 * (radius - 0.5))
    wrong = (distance_to_level(density, 50.0, spec) - (radius - 0.5)).abs()
    near = (radius - 0.5).abs() < 2.0 * spec.spacing
    assert float(wrong[near].max()) < 0.1 * spec.spacing
    assert float(wrong.max()) < 1.0 * spec.spacing
