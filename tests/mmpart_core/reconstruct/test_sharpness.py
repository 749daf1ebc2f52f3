"""How sharp a part is trained, by its thickness."""

import pytest
import torch

from mmpart_core.reconstruct.part_scene import sharpness_for


@pytest.mark.parametrize(
    ("thickness", "first", "last"),
    [(1.0, 50.0, 500.0), (0.24, 100.0, 707.1), (0.02, 200.0, 1000.0)],
)
def test_thin_parts_are_trained_sharper(thickness: float, first: float, last: float) -> None:
    height = torch.linspace(-1.0, 1.0, 401).expand(3, 3, 401)
    slab = height.abs() - thickness / 2
    assert sharpness_for(slab, (50.0, 500.0), 24.0) == pytest.approx((first, last), rel=1e-3)
    assert sharpness_for(slab, (50.0, 500.0), 0.0) == (50.0, 500.0)
