"""What makes a trained field unusable."""

import numpy as np
import pytest

from mmpart_core.errors import StageError
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.reconstruct.checks import check_field
from mmpart_core.reconstruct.protocol import TrainedField

ORIGIN, SPACING = np.array([-1.0, -0.8, -0.9]), 0.1


def field(center: tuple[float, float, float], radius: float) -> TrainedField:
    """A ball, sampled on 21 x 17 x 19 corners."""
    axes = [ORIGIN[i] + SPACING * np.arange(count) for i, count in enumerate((21, 17, 19))]
    corners = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    sdf = (np.linalg.norm(corners - np.array(center), axis=-1) - radius).astype(np.float32)
    rgb = np.full((*sdf.shape, 3), 0.5, dtype=np.float32)
    return TrainedField(FieldGrid(sdf, rgb, ORIGIN, SPACING), train_psnr_db=30.0, confidence=1.0)


def test_bounds_enclose_the_ball_by_one_spacing() -> None:
    low, high = check_field(field((0.2, 0.0, 0.1), 0.35), "ball")
    assert np.allclose(low, np.array([0.2, 0.0, 0.1]) - 0.4, atol=1e-6)
    assert np.allclose(high, np.array([0.2, 0.0, 0.1]) + 0.4, atol=1e-6)


def test_no_inside() -> None:
    with pytest.raises(StageError, match=r"part 'ball': .*no inside"):
        check_field(field((0.0, 0.0, 0.0), -0.1), "ball")


@pytest.mark.parametrize("center", [(0.9, 0, 0), (0, -0.7, 0), (0, 0, 0.8)])
def test_inside_at_the_border(center: tuple[float, float, float]) -> None:
    with pytest.raises(StageError, match=r"part 'ball': .*border"):
        check_field(field(center, 0.3), "ball")


@pytest.mark.parametrize("name", ["sdf", "rgb"])
def test_not_finite(name: str) -> None:
    trained = field((0.0, 0.0, 0.0), 0.3)
    getattr(trained.grid, name)[3, 4, 5] = np.nan
    with pytest.raises(StageError, match=r"part 'ball': .*NaN"):
        check_field(trained, "ball")
