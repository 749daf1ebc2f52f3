"""The deepest place of lines in convex bodies against a dense search."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from mmpart_core.reconstruct.kernels import sight

SAMPLES = 4001


def random_body(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Normals and offsets of the convex hull of random points about the origin."""
    equations = ConvexHull(generator.normal(size=(40, 3)) * 0.5).equations
    return np.ascontiguousarray(equations[:, :3]), np.ascontiguousarray(equations[:, 3])


def lines(generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Through the body and past it: their nearest points to the origin, and unit directions."""
    directions = generator.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    origins = generator.normal(size=(count, 3)) * 0.6
    origins -= (origins * directions).sum(axis=1, keepdims=True) * directions
    return origins, directions


def depths_along(
    body: tuple[np.ndarray, np.ndarray], origin: np.ndarray, direction: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Signed distances to a body at places of a line."""
    points = origin + direction * at[:, None]
    return (points @ body[0].T + body[1]).max(axis=1)


@pytest.mark.parametrize("stretches", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_deepest_place_is_that_of_a_dense_search(stretches: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    body = random_body(generator)
    origins, directions = lines(generator, 200)
    ends = np.sort(generator.uniform(-1.2, 1.2, (200, 2 * stretches)), axis=1)
    lows, highs = ends[:, ::2].copy(), ends[:, 1::2].copy()
    bounds = np.arange(201) * stretches
    places, depths = np.zeros(200), np.zeros(200)
    sight.deepest(
        origins, directions, bounds, lows.reshape(-1), highs.reshape(-1), *body, places, depths
    )
    for ray in range(200):
        at = np.concatenate(
            [np.linspace(lows[ray, i], highs[ray, i], SAMPLES) for i in range(stretches)]
        )
        dense = depths_along(body, origins[ray], directions[ray], at)
        step = max(highs[ray] - lows[ray]) / (SAMPLES - 1)
        # No sample is deeper, and the nearest sample is no farther away than a step is long.
        assert depths[ray] <= dense.min() + 1e-8
        assert depths[ray] >= dense.min() - step
        within = (places[ray] >= lows[ray] - 1e-12) & (places[ray] <= highs[ray] + 1e-12)
        assert within.any()
        here = depths_along(body, origins[ray], directions[ray], places[ray : ray + 1])
        assert depths[ray] == pytest.approx(here[0], abs=1e-12)
    assert 0.1 < (depths < 0).mean() < 0.9


def test_lines_have_as_many_stretches_as_they_have() -> None:
    cube = (np.concatenate([np.eye(3), -np.eye(3)]), np.full(6, -0.5))
    origins = np.array([[0.0, 0.0, 0.3], [0.0, 0.4, 0.0], [0.0, 0.0, 0.9]])
    directions = np.array([[1.0, 0.0, 0.0]] * 3)
    bounds = np.array([0, 1, 3, 4])
    lows, highs = np.array([0.4, -1.0, 0.45, -1.0]), np.array([0.8, -0.48, 0.9, 1.0])
    places, depths = np.zeros(3), np.zeros(3)
    sight.deepest(origins, directions, bounds, lows, highs, *cube, places, depths)
    # The first begins beyond the middle; the second is deeper in its second stretch, at its
    # begin; the third passes the cube above.
    assert places[:2] == pytest.approx([0.4, 0.45])
    assert depths == pytest.approx([-0.1, -0.05, 0.4])
    assert abs(places[2]) <= 0.9 + 1e-9


def test_a_stretch_without_length_is_its_place() -> None:
    cube = (np.concatenate([np.eye(3), -np.eye(3)]), np.full(6, -0.5))
    places, depths = np.zeros(1), np.zeros(1)
    one = np.array([0.2])
    sight.deepest(
        np.zeros((1, 3)),
        np.array([[0.0, 1.0, 0.0]]),
        np.array([0, 1]),
        one,
        one,
        *cube,
        places,
        depths,
    )
    assert (places[0], depths[0]) == pytest.approx((0.2, -0.3))
