"""Views that contradict each other are smoothed more than views that agree."""

from dataclasses import replace

import numpy as np
import pytest

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.backends.nerfstudio import Settings, training_options

pytestmark = pytest.mark.usefixtures("nerfstudio_opened")
STEPS, SEED = 300, 3


def smoothing(views: PosedViews) -> float:
    """By how much more than asked for the views were smoothed."""
    from mmpart_core.reconstruct.training import run_training

    given = training_options(Settings(preset="cpu"), "cpu")
    small = replace(given, steps=STEPS, rays=512, samples=24, resolutions=(24, 32))
    return run_training(views, small, SEED).model.smoothing


def relit(views: PosedViews, strength: float) -> PosedViews:
    """Every view lit from a side of its own, as generators shade."""
    rgba = views.rgba.copy()
    across = np.linspace(-1.0, 1.0, rgba.shape[2])
    for index, view in enumerate(rgba):
        side = across if index % 2 else -across
        view[..., :3] = (view[..., :3] * (1.0 + strength * side[None, :, None])).clip(0, 255)
    return PosedViews(rgba, views.cameras)


def test_smoothing_follows_the_views_disagreement(torus_views: PosedViews) -> None:
    agreeing, little, much = (smoothing(relit(torus_views, by)) for by in (0.0, 0.3, 0.9))
    assert agreeing < 4.0
    assert 2.0 * agreeing < little < much
    assert much == 40.0
