"""Samples: seeded, nested, uniform by area, on the surface."""

import numpy as np
import pytest
import trimesh

from evaluation import functional


def test_samples_follow_the_seed_and_lie_on_the_surface() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=4)
    first, normals = functional.sample_surface(sphere.vertices, sphere.faces, 500, seed=1)
    again, _ = functional.sample_surface(sphere.vertices, sphere.faces, 500, seed=1)
    other, _ = functional.sample_surface(sphere.vertices, sphere.faces, 500, seed=2)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(np.linalg.norm(first, axis=1) - 1.0).max() < 0.01
    assert (np.sum(normals * first, axis=1) > 0.9).all()
    assert np.allclose(np.linalg.norm(normals, axis=1), 1.0)


def test_a_small_sample_is_the_beginning_of_a_large_one() -> None:
    mesh = trimesh.creation.torus(1.0, 0.3)
    large, _ = functional.sample_surface(mesh.vertices, mesh.faces, 1000, seed=3)
    small, _ = functional.sample_surface(mesh.vertices, mesh.faces, 200, seed=3)
    assert np.array_equal(large[:200], small)


def test_points_are_uniform_by_area_over_faces_and_inside_them() -> None:
    # a square of two triangles, one of them three times the other's area, plus a face of no area
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [4, 0, 0], [4, 1, 0], [9, 9, 9.0]])
    faces = np.array([[5, 5, 5], [0, 1, 2], [1, 3, 4], [5, 5, 5]])
    points, _ = functional.sample_surface(vertices, faces, 40_000, seed=0)
    share = (points[:, 0] + points[:, 1] < 1.0 + 1e-12).mean()
    assert share == pytest.approx(0.25, abs=0.01)
    corner = points[points[:, 0] + points[:, 1] < 1.0 + 1e-12]
    # the centre of mass of the triangle at the origin
    assert corner.mean(0) == pytest.approx([1 / 3, 1 / 3, 0.0], abs=0.01)
    assert points[:, 2].max() == 0.0


def test_a_sphere_inside_a_sphere_is_not_seen() -> None:
    outer, inner = trimesh.creation.icosphere(), trimesh.creation.icosphere(radius=0.4)
    both = trimesh.util.concatenate([outer, inner])
    points, _ = functional.sample_surface(both.vertices, both.faces, 2000, seed=0)
    seen = functional.seen_from_outside(both.vertices, both.faces, points)
    is_outer = np.linalg.norm(points, axis=1) > 0.7
    assert np.array_equal(seen, is_outer)


def test_a_mesh_without_area_is_refused() -> None:
    with pytest.raises(ValueError, match="positive area"):
        functional.sample_surface(np.zeros((3, 3)), np.array([[0, 1, 2]]), 10, seed=0)
