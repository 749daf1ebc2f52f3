import numpy as np
import pytest
import trimesh

from evaluation.functional import distances, sampling


def _cloud(seed: int, count: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3))


def test_equal_sets_are_perfect() -> None:
    points = _cloud(0)
    nearest = distances.nearest_distances(points, points)
    assert distances.chamfer_distance(nearest) == 0.0
    assert distances.f_score(nearest, 1e-9) == 1.0


def test_values_agree_with_brute_force() -> None:
    a, b = _cloud(1), _cloud(2, 300)
    table = np.linalg.norm(a[:, None] - b[None], axis=-1)
    nearest = distances.nearest_distances(a, b)
    expected = table.min(1).mean() + table.min(0).mean()
    assert distances.chamfer_distance(nearest) == pytest.approx(expected, abs=1e-12)
    precision, recall = (table.min(1) < 0.3).mean(), (table.min(0) < 0.3).mean()
    expected_f = 2 * precision * recall / (precision + recall)
    assert distances.f_score(nearest, 0.3) == pytest.approx(expected_f, abs=1e-12)


def test_order_and_common_motion_change_nothing() -> None:
    a, b = _cloud(3), _cloud(4)
    motion = trimesh.transformations.random_rotation_matrix(np.array([0.1, 0.5, 0.7]))[:3, :3]
    before = distances.nearest_distances(a, b)
    after = distances.nearest_distances(a[::-1] @ motion.T + 2.0, b @ motion.T + 2.0)
    assert distances.chamfer_distance(after) == pytest.approx(distances.chamfer_distance(before))


def test_far_sets_score_zero_without_a_division_by_zero() -> None:
    nearest = distances.nearest_distances(_cloud(5), _cloud(6) + 100.0)
    assert distances.f_score(nearest, 0.1) == 0.0


def test_normal_consistency_ignores_the_sign_and_sees_a_right_angle() -> None:
    points = _cloud(7)
    up = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    side = np.tile([1.0, 0.0, 0.0], (len(points), 1))
    nearest = distances.nearest_distances(points, points)
    assert distances.normal_consistency(nearest, up, -up) == pytest.approx(1.0)
    assert distances.normal_consistency(nearest, up, side) == pytest.approx(0.0)


def test_samples_follow_the_seed_and_lie_on_the_surface() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=4)
    first, normals = sampling.sample_surface(sphere.vertices, sphere.faces, 500, seed=1)
    again, _ = sampling.sample_surface(sphere.vertices, sphere.faces, 500, seed=1)
    other, _ = sampling.sample_surface(sphere.vertices, sphere.faces, 500, seed=2)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(np.linalg.norm(first, axis=1) - 1.0).max() < 0.01
    assert (np.sum(normals * first, axis=1) > 0.9).all()


def test_a_sphere_inside_a_sphere_is_not_seen() -> None:
    outer, inner = trimesh.creation.icosphere(), trimesh.creation.icosphere(radius=0.4)
    both = trimesh.util.concatenate([outer, inner])
    points, _ = sampling.sample_surface(both.vertices, both.faces, 2000, seed=0)
    seen = sampling.seen_from_outside(both.vertices, both.faces, points)
    is_outer = np.linalg.norm(points, axis=1) > 0.7
    assert np.array_equal(seen, is_outer)


def test_a_mesh_without_area_is_refused() -> None:
    with pytest.raises(ValueError, match="positive area"):
        sampling.sample_surface(np.zeros((3, 3)), np.array([[0, 1, 2]]), 10, seed=0)
