"""Fairing: bumps go where views disagree, bodies keep their size, and nothing else changes."""

import numpy as np
import pytest
import trimesh

from mmpart_core.mesh.fairing import fair_surface
from mmpart_core.mesh.topology import bare


@pytest.fixture
def bumpy() -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=4)
    noise = np.random.default_rng(0).normal(scale=0.01, size=len(ball.vertices))
    return bare(np.asarray(ball.vertices) * (1.0 + noise[:, None]), np.asarray(ball.faces))


def bumps(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Mean angle between faces side by side, degrees."""
    return float(np.degrees(bare(vertices, faces).face_adjacency_angles.mean()))


def test_doubt_takes_bumps_and_leaves_the_body(bumpy: trimesh.Trimesh) -> None:
    before = bumps(bumpy.vertices, bumpy.faces)
    some, few = fair_surface(bumpy.vertices, bumpy.faces, 4.0, 10)
    most, all_of_them = fair_surface(bumpy.vertices, bumpy.faces, 9.0, 10)
    assert (few, all_of_them) == (5, 10)
    assert bumps(most, bumpy.faces) < bumps(some, bumpy.faces) < 0.6 * before
    assert bare(most, bumpy.faces).volume == pytest.approx(bumpy.volume, rel=0.005)


@pytest.mark.parametrize(("doubt", "passes"), [(1.0, 10), (3.0, 10), (9.0, 0)])
def test_views_that_agree_keep_every_place(
    bumpy: trimesh.Trimesh, doubt: float, passes: int
) -> None:
    kept, made = fair_surface(bumpy.vertices, bumpy.faces, doubt, passes)
    assert made == 0
    np.testing.assert_array_equal(kept, bumpy.vertices)
