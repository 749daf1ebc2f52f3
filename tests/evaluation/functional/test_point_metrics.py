"""Chamfer, F-score and normal consistency against brute force, and by laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from evaluation import functional

SEEDS = st.integers(0, 10_000)


def _cloud(seed: int, count: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3))


def _table(a: np.ndarray, b: np.ndarray, norm: str) -> np.ndarray:
    difference = np.abs(a[:, None] - b[None])
    return difference.sum(-1) if norm == "l1" else np.sqrt((difference**2).sum(-1))


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_chamfer_agrees_with_brute_force(norm: str, squared: bool, reduction: str) -> None:
    a, b = _cloud(1), _cloud(2, 150)
    table = _table(a, b, norm) ** (2 if squared else 1)
    expected = table.min(1).mean() + table.min(0).mean()
    expected = expected / 2 if reduction == "mean" else expected
    found = functional.chamfer_distance(a, b, norm=norm, squared=squared, reduction=reduction)
    assert found == pytest.approx(expected, abs=1e-12)


def test_f_score_agrees_with_brute_force() -> None:
    a, b = _cloud(3), _cloud(4, 150)
    table = _table(a, b, "l2")
    for tau, value in functional.f_score(a, b, (0.1, 0.3, 1.0)).items():
        precision, recall = (table.min(1) < tau).mean(), (table.min(0) < tau).mean()
        expected = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        assert value == pytest.approx(expected, abs=1e-12)


def test_f_score_is_strict_and_0_where_nothing_is_near() -> None:
    a, b = np.zeros((1, 3)), np.array([[0.5, 0.0, 0.0]])
    assert functional.f_score(a, b, (0.5,)) == {0.5: 0.0}
    assert functional.f_score(a, b, (0.5000001,)) == {0.5000001: 1.0}
    assert functional.f_score(a, b + 100.0, (0.5,)) == {0.5: 0.0}


def test_normals_agree_with_brute_force() -> None:
    a, b = _cloud(5), _cloud(6, 150)
    a_normals, b_normals = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    table = _table(a, b, "l2")
    forward = np.abs((a_normals * b_normals[table.argmin(1)]).sum(1)).mean()
    backward = np.abs((b_normals * a_normals[table.argmin(0)]).sum(1)).mean()
    found = functional.normal_consistency(a, a_normals, b, b_normals)
    assert found == pytest.approx((forward + backward) / 2, abs=1e-12)


def test_normals_ignore_the_sign_and_see_a_right_angle() -> None:
    points = _cloud(7)
    up, side = np.tile([0.0, 0.0, 1.0], (200, 1)), np.tile([1.0, 0.0, 0.0], (200, 1))
    assert functional.normal_consistency(points, up, points, -up) == pytest.approx(1.0)
    assert functional.normal_consistency(points, up, points, side) == pytest.approx(0.0)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_identical_sets_are_perfect(seed: int) -> None:
    points = _cloud(seed, 50)
    assert functional.chamfer_distance(points, points[::-1]) == 0.0
    assert functional.f_score(points, points[::-1], (1e-9,)) == {1e-9: 1.0}


@given(SEEDS, st.sampled_from(["l1", "l2"]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_order_does_not_matter_and_chamfer_is_symmetric(
    seed: int, norm: str, squared: bool
) -> None:
    a, b = _cloud(seed, 40), _cloud(seed + 1, 60)
    shuffled = np.random.default_rng(seed).permutation(a)
    value = functional.chamfer_distance(a, b, norm=norm, squared=squared)
    for other in ((shuffled, b), (b, a)):
        again = functional.chamfer_distance(*other, norm=norm, squared=squared)
        assert again == pytest.approx(value, rel=1e-12)


@given(SEEDS, st.floats(-5, 5), st.floats(0.1, 10))
@settings(max_examples=25, deadline=None)
def test_moving_both_changes_nothing_and_scale_goes_through(
    seed: int, shift: float, scale: float
) -> None:
    a, b = _cloud(seed, 40), _cloud(seed + 1, 60)
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    moved = [scale * points @ turn.T + shift for points in (a, b)]
    before = functional.nearest_distances(a, b)
    after = functional.nearest_distances(*moved)
    assert np.allclose(after.to_truth, before.scaled(scale).to_truth, atol=1e-9)
    assert np.allclose(after.to_prediction, before.scaled(scale).to_prediction, atol=1e-9)


@given(SEEDS, st.floats(0.01, 0.3), st.floats(1.05, 4.0))
@settings(max_examples=25, deadline=None)
def test_a_larger_shift_never_scores_better(seed: int, shift: float, more: float) -> None:
    # points of a lattice, shifted by less than half its step: the nearest is the own point
    points = np.stack(np.meshgrid(*[np.arange(4.0) * 4.0] * 3), -1).reshape(-1, 3)
    direction = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()[0]
    near, far = points + shift * direction, points + shift * more * direction
    assert functional.chamfer_distance(near, points) < functional.chamfer_distance(far, points)
    for tau in (0.1, 0.5):
        near_f, far_f = (functional.f_score(p, points, (tau,))[tau] for p in (near, far))
        assert near_f >= far_f
