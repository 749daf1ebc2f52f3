"""How sharp a part is trained, by its thickness."""

import dataclasses

import pytest
import torch

from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.part_training import sharpness_for

OPTIONS = TrainingOptions(
    steps=1, rays=64, samples=8, resolutions=(16, 16), slack_px=0.5, margin=0.1, convex_start=True,
    sdf_rate=0.01, color_rate=0.01, sharpness=(50.0, 500.0), thin_widths=24.0, mask_weight=0.5,
    eikonal_weight=0.01, laplacian_weights=(0.01, 0.1), color_smoothing=0.1, device="cpu",
)  # fmt: skip


@pytest.mark.parametrize(
    ("thickness", "first", "last"),
    [(1.0, 50.0, 500.0), (0.24, 100.0, 707.1), (0.02, 200.0, 1000.0)],
)
def test_thin_parts_are_trained_sharper(thickness: float, first: float, last: float) -> None:
    height = torch.linspace(-1.0, 1.0, 401).expand(3, 3, 401)
    slab = height.abs() - thickness / 2
    assert sharpness_for(slab, OPTIONS) == pytest.approx((first, last), rel=1e-3)
    never = dataclasses.replace(OPTIONS, thin_widths=0.0)
    assert sharpness_for(slab, never) == (50.0, 500.0)
