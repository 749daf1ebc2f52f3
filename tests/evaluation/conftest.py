"""Shapes with known answers."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from mmpart_core.geometry.surface import TriangleMesh

Corner = tuple[float, float, float]


def _surface(mesh: trimesh.Trimesh) -> TriangleMesh:
    return TriangleMesh(np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int64))


def _box(low: Corner, high: Corner) -> TriangleMesh:
    low_array, high_array = np.array(low, dtype=float), np.array(high, dtype=float)
    mesh = trimesh.creation.box(extents=high_array - low_array)
    mesh.apply_translation((low_array + high_array) / 2.0)
    return _surface(mesh)


@pytest.fixture(scope="session")
def box() -> Callable[[Corner, Corner], TriangleMesh]:
    """Makes a closed box between two corners."""
    return _box


@pytest.fixture(scope="session")
def as_surface() -> Callable[[trimesh.Trimesh], TriangleMesh]:
    """A trimesh as one of ours."""
    return _surface


@pytest.fixture(scope="session")
def chair() -> dict[str, TriangleMesh]:
    """A seat, a back and two legs that touch but do not overlap; off centre, not of unit size."""
    return {
        "seat": _box((2.0, 2.0, 3.0), (6.0, 6.0, 3.5)),
        "back": _box((2.0, 2.0, 3.5), (2.5, 6.0, 8.0)),
        "leg_1": _box((2.0, 2.0, 0.0), (2.6, 2.6, 3.0)),
        "leg_2": _box((5.4, 5.4, 0.0), (6.0, 6.0, 3.0)),
    }
