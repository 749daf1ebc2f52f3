"""Inputs and results that kaolin's own tests publish, which ours must give too.

Source: NVIDIAGameWorks/kaolin, tests/python/kaolin/ops/conversions/test_flexicubes.py (Apache 2.0).
Vertices come in kaolin's order there; of faces only the corners and the direction count.
"""

from itertools import product

import numpy as np
import pytest
import torch

from mmpart_core.mesh.flexicubes import FlexiCubes

# Of a cube's eight vertices, in the order of ``product``.
FACES = [
    (0, 1, 2), (2, 1, 3), (0, 2, 4), (4, 2, 6), (2, 3, 6), (6, 3, 7),
    (4, 5, 0), (0, 5, 1), (5, 7, 1), (1, 7, 3), (6, 7, 4), (4, 7, 5),
]  # fmt: skip
CORNERS = torch.tensor(list(product((-0.0667, 0.0667), repeat=3)))


@pytest.fixture(scope="module")
def flexicubes() -> FlexiCubes:
    return FlexiCubes("cpu")


def ball(corners: torch.Tensor) -> torch.Tensor:
    """Distance to a ball of radius 0.2 with four digits; one corner of the grid is inside."""
    return torch.round((corners.norm(dim=1) - 0.2) * 1e4) / 1e4


def turned_alike(rows: torch.Tensor) -> set[tuple[int, ...]]:
    """Faces with the smallest corner first, their direction kept."""
    shifts = rows.argmin(dim=1).tolist()
    return {tuple(row[at:] + row[:at]) for row, at in zip(rows.tolist(), shifts, strict=True)}


def test_grid_of_two_cubes_a_side(flexicubes: FlexiCubes) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(2)
    expected = torch.tensor(list(product((-0.5, 0.0, 0.5), repeat=3)))
    torch.testing.assert_close(corners, expected, rtol=0.0, atol=1e-4)
    assert cubes.tolist() == [
        [0, 9, 3, 12, 1, 10, 4, 13], [1, 10, 4, 13, 2, 11, 5, 14],
        [3, 12, 6, 15, 4, 13, 7, 16], [4, 13, 7, 16, 5, 14, 8, 17],
        [9, 18, 12, 21, 10, 19, 13, 22], [10, 19, 13, 22, 11, 20, 14, 23],
        [12, 21, 15, 24, 13, 22, 16, 25], [13, 22, 16, 25, 14, 23, 17, 26],
    ]  # fmt: skip


@pytest.mark.parametrize("resolution", [4, [4, 4, 4], (4, 4, 4)])
def test_ball_round_one_corner(flexicubes: FlexiCubes, resolution: int | list[int]) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(resolution)
    vertices, faces, _, features = flexicubes(
        corners, ball(corners), cubes, resolution, voxelgrid_features=corners + 0.5
    )
    torch.testing.assert_close(vertices, CORNERS, rtol=0.0, atol=1e-4)
    torch.testing.assert_close(features, CORNERS + 0.5, rtol=0.0, atol=1e-4)
    assert turned_alike(faces) == turned_alike(torch.tensor(FACES))


def test_tetrahedra_of_the_ball_meet_in_its_middle(flexicubes: FlexiCubes) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(4)
    points, elements, _ = flexicubes(corners, ball(corners), cubes, 4, output_tetmesh=True)
    expected = torch.cat([CORNERS, torch.zeros(1, 3)])
    torch.testing.assert_close(points, expected, rtol=0.0, atol=1e-4)
    assert len(elements) == len(FACES)
    # Which end of an element its inner corner stands at is not what kaolin's list is about.
    found = {tuple(sorted(row)) for row in elements.tolist()}
    assert found == {tuple(sorted((*face, 8))) for face in FACES}


def test_elements_of_a_ball_stay_within_neighbouring_cubes(flexicubes: FlexiCubes) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(16)
    points, elements, _ = flexicubes(
        corners, corners.norm(dim=1) - 0.3, cubes, 16, output_tetmesh=True
    )
    edges = points[elements][:, [0, 0, 0, 1, 1, 2]] - points[elements][:, [1, 2, 3, 2, 3, 3]]
    assert float(edges.norm(dim=-1).max()) < 3 / 16


def box(points: torch.Tensor) -> torch.Tensor:
    """Negative within the unit cube, 0 on it and beyond."""
    return -(0.5 - points.abs()).clamp(min=0.0).prod(dim=1)


def box_gradient(points: torch.Tensor) -> torch.Tensor:
    """Along each axis on which a point is outermost."""
    far = points.abs()
    return torch.where(far == far.amax(dim=1, keepdim=True), points.sign(), 0.0)


def test_tangent_planes_of_a_box_meet_in_its_corners(flexicubes: FlexiCubes) -> None:
    """A vertex at each place of a grid over the faces, and every quad cut along one diagonal."""
    corners, cubes = flexicubes.construct_voxel_grid(3)
    vertices, faces, deviation = flexicubes(corners, box(corners), cubes, 3, grad_func=box_gradient)
    assert deviation.tolist() == [0.0]
    places = [place for place in product((-0.5, 0.0, 0.5), repeat=3) if any(place)]
    torch.testing.assert_close(vertices, torch.tensor(places), rtol=0.0, atol=1e-4)
    assert len(faces) == 2 * 24
    cut = vertices.numpy()[faces.numpy()]
    normals = np.cross(cut[:, 1] - cut[:, 0], cut[:, 2] - cut[:, 0])
    # Half of a square of the grid each, which faces along one axis, away from the middle.
    np.testing.assert_allclose(np.sort(np.abs(normals), axis=1), [[0.0, 0.0, 0.25]] * 48, atol=1e-4)
    assert ((normals * cut.mean(axis=1)).sum(axis=1) > 0.0).all()
    assert len({tuple(sorted(face)) for face in faces.tolist()}) == 48
