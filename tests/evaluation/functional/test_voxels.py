"""Occupancy against repeated splitting, trimesh, scipy; PartCrafter's numbers for contact."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from evaluation import functional
from evaluation.functional.mutual_iou import pair_ious
from evaluation.functional.voxels import VoxelGrid
from mmpart_core.errors import ArgumentError
from mmpart_core.geometry.surface import TriangleMesh

PITCH = 2.0 / 64.0
MakeBox = Callable[..., TriangleMesh]


def _cells(grid: VoxelGrid) -> set[tuple[int, ...]]:
    return set(map(tuple, (np.argwhere(grid.cells) + grid.origin).tolist()))


def _split_until_small(triangle: np.ndarray, limit: float) -> list[np.ndarray]:
    """The published way: a face with an edge over the limit becomes four, again and again."""
    edges = np.linalg.norm(triangle - np.roll(triangle, 1, axis=0), axis=1)
    if not (edges > limit).any():
        return list(triangle)
    a, b, c = triangle
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    found: list[np.ndarray] = []
    for child in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)):
        found += _split_until_small(np.array(child), limit)
    return found


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_a_surface_is_voxelised_as_by_repeated_splitting(seed: int) -> None:
    vertices = np.random.default_rng(seed).uniform(-0.4, 0.4, (6, 3))
    faces = np.array([[0, 1, 2], [3, 4, 5], [0, 3, 4]])
    pitch = 0.1
    expected: set[tuple[int, ...]] = set()
    for face in faces:
        points = np.array(_split_until_small(vertices[face], pitch / 2))
        expected |= set(map(tuple, np.rint(points / pitch).astype(int).tolist()))
    assert _cells(functional.voxelize_surface(vertices, faces, pitch)) == expected


@pytest.mark.parametrize("shape", ["sphere", "torus"])
def test_filled_cells_are_those_of_trimesh(shape: str) -> None:
    mesh = {
        "sphere": trimesh.creation.icosphere(subdivisions=3, radius=0.6),
        "torus": trimesh.creation.torus(0.5, 0.2),
    }[shape]
    reference = mesh.voxelized(PITCH).fill().points / PITCH
    expected = set(map(tuple, np.rint(reference).astype(int).tolist()))
    found = _cells(functional.occupancy(mesh.vertices, mesh.faces, PITCH))
    # trimesh 5 splits edges where the published version split faces: corners of cells differ
    assert len(found ^ expected) <= 0.005 * len(expected)


@given(st.integers(0, 1000), st.floats(0.3, 0.8))
@settings(max_examples=25, deadline=None)
def test_filling_equals_scipy(seed: int, density: float) -> None:
    cells = np.random.default_rng(seed).random((7, 6, 8)) < density
    filled = functional.fill_voxels(VoxelGrid(np.zeros(3, dtype=np.int64), cells))
    assert np.array_equal(filled.cells, ndimage.binary_fill_holes(cells))


def test_volume_of_a_box_and_a_shift_by_half_of_it(box: MakeBox) -> None:
    # cells are centred on multiples of the pitch: from -16 to 16 along each axis
    one = box((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))
    grid = functional.occupancy(one.vertices, one.faces, PITCH)
    assert grid.count == 33**3
    shifted = functional.volume_iou(
        one.vertices, one.faces, one.vertices + np.array([0.5, 0.0, 0.0]), one.faces
    )
    assert shifted == pytest.approx((17 * 33**2) / (2 * 33**3 - 17 * 33**2))
    same = functional.volume_iou(one.vertices, one.faces, one.vertices, one.faces[::-1])
    assert same == 1.0


def test_an_open_shape_stays_a_shell(box: MakeBox) -> None:
    closed = box((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))
    top = closed.vertices[closed.faces][:, :, 2].min(axis=1) > 0.4
    assert top.sum() == 2
    opened = closed.faces[~top]
    grid = functional.occupancy(closed.vertices, opened, PITCH)
    shell = functional.occupancy(closed.vertices, opened, PITCH, filled=False)
    assert grid.count == shell.count


def test_iou_and_f_of_known_cells() -> None:
    def grid(*cells: tuple[int, int, int]) -> VoxelGrid:
        return functional.voxelize_points(np.array(cells, dtype=float), 1.0)

    first, second = grid((0, 0, 0), (1, 0, 0), (2, 0, 0)), grid((1, 0, 0), (2, 0, 0), (9, 9, 9))
    assert functional.voxel_iou(first, second) == pytest.approx(2 / 4)
    assert functional.voxel_f_score(first, second) == pytest.approx(2 * 2 / 6)
    assert functional.voxel_iou(first, grid((-5, 0, 0))) == 0.0


def test_partcrafter_numbers_for_contact(box: MakeBox) -> None:
    def mutual(*parts: TriangleMesh) -> float | None:
        return functional.mutual_iou([functional.occupancy(p.vertices, p.faces) for p in parts])

    halves = box((-1, -1, -1), (0, 1, 1)), box((0, -1, -1), (1, 1, 1))
    assert mutual(*halves) == pytest.approx(0.0154, abs=5e-5)
    slab, plate = box((-1, -1, -1), (1, 1, -0.5)), box((-1, -1, -0.5), (1, 1, -0.48))
    assert mutual(slab, plate) == pytest.approx(0.056, abs=5e-4)
    plates = box((-1, -1, 0.01), (1, 1, 0.03)), box((-1, -1, 0.03), (1, 1, 0.05))
    assert mutual(*plates) == pytest.approx(0.333, abs=5e-4)
    apart = box((-1, -1, -0.03), (1, 1, -0.01)), box((-1, -1, 0.03), (1, 1, 0.05))
    assert mutual(*apart) == 0.0


def test_mutual_iou_is_the_mean_over_pairs_and_has_none_for_one_part(box: MakeBox) -> None:
    a, b, c = (
        functional.occupancy(m.vertices, m.faces)
        for m in (
            box((0, 0, 0), (1, 1, 1)),
            box((0.5, 0, 0), (1.5, 1, 1)),
            box((5, 5, 5), (6, 6, 6)),
        )
    )
    expected = [functional.voxel_iou(a, b), 0.0, 0.0]
    assert sorted(pair_ious([a, b, c])) == sorted(expected)
    assert functional.mutual_iou([a, b, c]) == pytest.approx(expected[0] / 3)
    assert functional.mutual_iou([a]) is None
    assert functional.mutual_iou([]) is None


def test_too_large_a_shape_is_refused_before_memory_is() -> None:
    vertices = np.array([[0.0, 0, 0], [1e6, 0, 0], [0, 1e6, 0]])
    with pytest.raises(ArgumentError, match="at most 512"):
        functional.voxelize_surface(vertices, np.array([[0, 1, 2]]), PITCH)
