"""Bounding boxes and the unit sphere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmpart_core.errors import GeometryError
from mmpart_core.geometry import bounds


@given(arrays(np.float64, (5, 3), elements=st.floats(-100, 100).map(lambda x: round(x, 3))))
def test_points_fit_the_unit_sphere_centred(points: np.ndarray) -> None:
    if np.ptp(points, axis=0).max() < 1e-3:
        return
    unit = np.linalg.inv(bounds.points_from_unit(points))
    moved = points @ unit[:3, :3].T + unit[:3, 3]
    assert np.linalg.norm(moved, axis=1).max() == pytest.approx(1.0)
    low, high = bounds.bounding_box(moved)
    assert np.allclose(low, -high, atol=1e-9)


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.full((2, 3), np.nan), np.ones((3, 3))])
def test_points_without_extent_are_refused(points: np.ndarray) -> None:
    with pytest.raises(GeometryError):
        bounds.points_from_unit(points)
