"""Tetrahedral output: no gap and no overlap inside, the surface outside, upright elements."""

from itertools import product

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.mesh import topology
from mmpart_core.mesh.flexicubes import FlexiCubes
from mmpart_core.mesh.flexicubes.tables import shared_patch_faces
from mmpart_core.mesh.flexicubes.tet_tables import tet_tables
from tests.mmpart_core.mesh.test_flexicubes import closed_noise, random_weights, twin_field

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def flexicubes() -> FlexiCubes:
    return FlexiCubes("cpu")


def volumes(points: torch.Tensor, elements: torch.Tensor) -> torch.Tensor:
    """Signed volume of each element, float64."""
    first, *others = points.double()[elements].unbind(dim=1)
    return torch.linalg.det(torch.stack([other - first for other in others], dim=1)) / 6


def turned_alike(faces: np.ndarray) -> set[tuple[int, int, int]]:
    """Triangles with the smallest corner first, their direction kept."""
    turn = np.argmin(faces, axis=1)
    rolled = np.take_along_axis(faces, (turn[:, None] + np.arange(3)) % 3, axis=1)
    return set(map(tuple, rolled.tolist()))


def boundary(elements: torch.Tensor) -> set[tuple[int, int, int]]:
    """Triangles that have no partner the other way, turned outward; none occurs twice."""
    rows = elements.numpy()
    sides = np.concatenate([rows[:, side] for side in ([1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1])])
    directed = turned_alike(sides)
    assert len(directed) == len(sides)
    return directed - {(a, c, b) for a, b, c in directed}


def surface_of(elements: torch.Tensor, faces: int) -> np.ndarray:
    return elements[:faces, 1:].numpy()


def check_filled(points: torch.Tensor, elements: torch.Tensor, faces: torch.Tensor) -> None:
    """Elements meet in whole triangles; what is left over is the surface; volumes add up."""
    surface = surface_of(elements, len(faces))
    assert boundary(elements) == turned_alike(surface)
    assert topology.is_closed(surface)
    enclosed = topology.bare(points.double().numpy(), surface).volume
    assert float(volumes(points, elements).sum()) == pytest.approx(enclosed, rel=1e-9)


def ball(points: torch.Tensor) -> torch.Tensor:
    return points.norm(dim=1) - 0.35


def ring(points: torch.Tensor) -> torch.Tensor:
    return torch.hypot(points[:, :2].norm(dim=1) - 0.3, points[:, 2]) - 0.11


@pytest.mark.parametrize(
    ("shape", "volume"),
    [(ball, 4 / 3 * np.pi * 0.35**3), (ring, 2 * np.pi**2 * 0.3 * 0.11**2)],
)
def test_known_solids_are_filled_with_upright_elements(flexicubes, shape, volume) -> None:
    counts = (32, 28, 36)
    corners, cubes = flexicubes.construct_voxel_grid(counts)
    vertices, faces, _ = flexicubes(corners, shape(corners), cubes, counts)
    points, elements, deviation = flexicubes(
        corners, shape(corners), cubes, counts, output_tetmesh=True
    )
    check_filled(points, elements, faces)
    assert float(volumes(points, elements).min()) > 0.0
    assert float(volumes(points, elements).sum()) == pytest.approx(volume, rel=0.04)
    torch.testing.assert_close(points[: len(vertices)], vertices, rtol=0.0, atol=0.0)
    assert deviation.ndim == 1
    # All but the exchanged diagonals is the surface that is extracted without elements.
    same = turned_alike(faces.numpy()) & turned_alike(surface_of(elements, len(faces)))
    assert len(same) > 0.9 * len(faces)


@pytest.mark.parametrize(("seed", "training"), list(product(range(3), [False, True])))
def test_noise_of_all_cases_is_filled(flexicubes, seed: int, training: bool) -> None:
    counts = (20, 17, 23)
    corners, cubes = flexicubes.construct_voxel_grid(counts)
    field = closed_noise(counts, seed)
    cases = ((field < 0)[cubes] << torch.arange(8)).sum(dim=1)
    assert len(torch.unique(cases)) == 256
    given = {"training": training}
    _, faces, _ = flexicubes(corners, field, cubes, counts, **given)
    points, elements, _ = flexicubes(corners, field, cubes, counts, output_tetmesh=True, **given)
    check_filled(points, elements, faces)
    found = volumes(points, elements)
    if training:  # a quad's centre is where the weights put it, folded or not
        assert float(-found[found < 0].sum() / found.sum()) < 1e-4
        torch.testing.assert_close(elements[: len(faces), 1:], faces)
    else:
        assert float(found.min()) > -1e-12


@pytest.mark.parametrize("training", [False, True])
def test_random_weights_leave_no_gap(flexicubes, training: bool) -> None:
    """Between two sheets that share a cube single elements may turn over; nothing else may."""
    counts = (20, 17, 23)
    corners, cubes = flexicubes.construct_voxel_grid(counts)
    field = closed_noise(counts, 3)
    given = {"training": training, **random_weights(len(cubes), 3)}
    _, faces, _ = flexicubes(corners, field, cubes, counts, **given)
    points, elements, _ = flexicubes(corners, field, cubes, counts, output_tetmesh=True, **given)
    check_filled(points, elements, faces)
    if not training:
        assert int((volumes(points, elements) < -1e-12).sum()) < 1e-4 * len(elements)


@pytest.mark.parametrize("case", [case for case in range(256) if shared_patch_faces(case)])
def test_passages_between_exchanged_cubes_are_filled(flexicubes, case: int) -> None:
    counts = (6, 6, 6)
    corners, cubes = flexicubes.construct_voxel_grid(counts)
    field = twin_field(case)
    _, faces, _ = flexicubes(corners, field.reshape(-1), cubes, counts)
    points, elements, _ = flexicubes(corners, field.reshape(-1), cubes, counts, output_tetmesh=True)
    check_filled(points, elements, faces)
    assert float(volumes(points, elements).min()) > -1e-12


def test_gradients_pull_the_volume(flexicubes) -> None:
    """The volume of a ball changes with its radius as its area."""
    corners, cubes = flexicubes.construct_voxel_grid(24)
    radius = torch.tensor(0.35, dtype=torch.float64, requires_grad=True)
    field = corners.double().norm(dim=1) - radius
    points, elements, _ = flexicubes(corners.double(), field, cubes, 24, output_tetmesh=True)
    volumes(points, elements).sum().backward()
    assert radius.grad is not None
    assert float(radius.grad) == pytest.approx(4 * np.pi * 0.35**2, rel=0.02)


def test_a_solid_that_touches_the_border_keeps_its_side_of_it(flexicubes) -> None:
    """Elements need four cubes round an edge or two, never fewer: none names a missing point."""
    corners, cubes = flexicubes.construct_voxel_grid(8)
    points, elements, _ = flexicubes(corners, corners[:, 2] + 0.01, cubes, 8, output_tetmesh=True)
    assert int(elements.min()) >= 0
    assert int(elements.max()) < len(points)
    assert float(volumes(points, elements).min()) > 0.0


def test_no_inside_no_elements(flexicubes) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(4)
    points, elements, _ = flexicubes(
        corners, torch.ones(len(corners)), cubes, 4, output_tetmesh=True
    )
    assert (points.shape, elements.shape) == ((0, 3), (0, 4))


def test_two_sheets_in_a_cube_have_an_element_between_them() -> None:
    """Outside at two opposite corners: the six edges between see one sheet on either side."""
    beside = tet_tables().edge_patches[0, 255 - (1 | 1 << 7)]
    assert (
        sorted(map(tuple, beside[(beside >= 0).all(axis=1)].tolist()))
        == [(0, 1)] * 3 + [(1, 0)] * 3
    )


def test_elements_agree_with_a_library_on_volume(flexicubes) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(16)
    points, elements, _ = flexicubes(corners, ball(corners), cubes, 16, output_tetmesh=True)
    hull = trimesh.convex.convex_hull(points.numpy())
    assert float(volumes(points, elements).sum()) == pytest.approx(hull.volume, rel=0.01)
