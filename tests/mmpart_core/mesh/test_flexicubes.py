"""FlexiCubes: closed on any field, right on known ones, differentiable in everything."""

import inspect
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.errors import GeometryError
from mmpart_core.mesh import topology
from mmpart_core.mesh.flexicubes import FlexiCubes
from mmpart_core.mesh.flexicubes.tables import (
    CUBE_EDGES,
    case_patches,
    case_tables,
    shared_patch_faces,
)
from tests.mmpart_core.mesh.conftest import KaolinsFlexiCubes

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def flexicubes() -> FlexiCubes:
    return FlexiCubes("cpu")


def closed_noise(
    counts: tuple[int, int, int], seed: int, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Random signs everywhere but on the border, which is outside."""
    shape = tuple(count + 1 for count in counts)
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    inner = torch.zeros(shape, dtype=torch.bool)
    inner[1:-1, 1:-1, 1:-1] = True
    return torch.where(inner, values, values.abs() + 0.1).reshape(-1)


def random_weights(cubes: int, seed: int, dtype: torch.dtype = torch.float32) -> dict:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"beta": (cubes, 12), "alpha": (cubes, 8), "gamma_f": (cubes,)}
    return {
        name: torch.randn(shape, generator=generator, dtype=dtype) for name, shape in shapes.items()
    }


def test_every_case_covers_its_crossed_edges_once() -> None:
    for case in range(256):
        crossed = {
            index
            for index, (first, second) in enumerate(CUBE_EDGES)
            if (case >> first & 1) != (case >> second & 1)
        }
        patches = case_patches(case)
        listed = [edge for patch in patches for edge in patch]
        assert sorted(listed) == sorted(crossed)
        assert all(3 <= len(patch) <= 7 for patch in patches)
        assert len(patches) <= 4


def test_one_patch_faces_are_those_of_c16_and_c19() -> None:
    """24 cases of C16 and 12 of C19, one face each; exchanged, they have two patches."""
    found = [case for case in range(256) if shared_patch_faces(case)]
    inside = [case.bit_count() for case in found]
    assert sorted(inside) == [5] * 24 + [6] * 12
    assert all(len(shared_patch_faces(case)) == 1 for case in found)
    assert all(len(case_patches(255 - case)) == 2 for case in found)
    assert case_tables().patch_edges.shape == (256, 4, 7)


@pytest.mark.parametrize("resolution", [24, 48])
def test_sphere(flexicubes: FlexiCubes, resolution: int) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(resolution)
    vertices, faces, deviation = flexicubes(corners, corners.norm(dim=1) - 0.35, cubes, resolution)
    ball = trimesh.Trimesh(vertices.numpy(), faces.numpy(), process=False)
    assert topology.is_closed(faces.numpy())
    assert ball.euler_number == 2
    assert (vertices.norm(dim=1) - 0.35).abs().max() < 0.15 / resolution
    assert ball.area == pytest.approx(4 * np.pi * 0.35**2, rel=8.0 / resolution**2)
    assert ball.volume == pytest.approx(4 / 3 * np.pi * 0.35**3, rel=12.0 / resolution**2)
    outward = np.einsum("fc,fc->f", ball.face_normals, ball.triangles_center)
    assert (outward > 0).all()
    assert deviation.ndim == 1
    assert bool((deviation >= 0).all())


@pytest.mark.parametrize(("seed", "training"), list(product(range(4), [False, True])))
def test_noise_stays_closed(flexicubes: FlexiCubes, seed: int, training: bool) -> None:
    """Random signs visit every case, ambiguous faces and their twins among them."""
    counts = (20, 17, 23)
    corners, cubes = flexicubes.construct_voxel_grid(counts)
    field = closed_noise(counts, seed)
    cases = ((field < 0)[cubes] << torch.arange(8)).sum(dim=1)
    assert len(torch.unique(cases)) == 256
    vertices, faces, _ = flexicubes(
        corners, field, cubes, counts, training=training, **random_weights(len(cubes), seed)
    )
    assert topology.is_closed(faces.numpy())
    assert topology.bare(vertices.numpy(), faces.numpy()).volume > 0


def twin_field(case: int) -> torch.Tensor:
    """A case and its mirror image, joined at the case's ambiguous face; (7, 7, 7)."""
    ((axis, side),) = shared_patch_faces(case)
    field = torch.ones(7, 7, 7)
    for corner in range(8):
        if case >> corner & 1:
            place = [2 + (corner >> bit & 1) for bit in range(3)]
            mirrored = list(place)
            mirrored[axis] = 2 * (2 + side) - place[axis]
            field[tuple(place)] = field[tuple(mirrored)] = -1.0
    return field


@pytest.mark.parametrize("case", [case for case in range(256) if shared_patch_faces(case)])
def test_twins_meet_without_a_shared_edge(flexicubes: FlexiCubes, case: int) -> None:
    """Two one-patch cases, mirrored at their ambiguous face: the pair that needs exchanging."""
    counts = (6, 6, 6)
    corners, cubes = flexicubes.construct_voxel_grid(counts)
    field = twin_field(case)
    _, faces, _ = flexicubes(corners, field.reshape(-1), cubes, counts)
    assert topology.is_closed(faces.numpy())


def smooth_gradient(points: torch.Tensor) -> torch.Tensor:
    """Of no field in particular: unit length nowhere, zero nowhere, different everywhere."""
    turned = points.roll(1, dims=1)
    return torch.sin(3 * turned + 0.5) + 1.7 * points + torch.tensor([0.3, -0.2, 0.9]).to(points)


@pytest.mark.parametrize("output_tetmesh", [False, True])
@pytest.mark.parametrize("grad_func", [None, smooth_gradient])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_in_double_precision(
    flexicubes: FlexiCubes,
    training: bool,
    grad_func: Callable[[torch.Tensor], torch.Tensor] | None,
    output_tetmesh: bool,
) -> None:
    """Of vertices and deviations, in positions, field and all weights; by tangent planes too."""
    counts = (2, 3, 2)
    corners, cubes = flexicubes.construct_voxel_grid(counts)
    # Away from zero: a sign that flips inside the difference step is no derivative.
    generator = torch.Generator().manual_seed(5)
    field = torch.randn(len(corners), generator=generator, dtype=torch.float64)
    field = field.sign() * (field.abs() + 0.2)
    weights = random_weights(len(cubes), 5, torch.float64)
    given = (corners.double(), field, *weights.values())
    inputs = tuple(value.requires_grad_() for value in given)

    def extract(
        corners: torch.Tensor,
        field: torch.Tensor,
        beta: torch.Tensor,
        alpha: torch.Tensor,
        gamma: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        vertices, _, deviation = flexicubes(
            corners,
            field,
            cubes,
            counts,
            beta=beta,
            alpha=alpha,
            gamma_f=gamma,
            training=training,
            output_tetmesh=output_tetmesh,
            grad_func=grad_func,
        )
        return vertices, deviation

    assert torch.autograd.gradcheck(extract, inputs, fast_mode=True)
    vertices, deviation = extract(*inputs)
    gradients = torch.autograd.grad(
        vertices.square().sum() + deviation.sum(), inputs, allow_unused=True
    )
    used = [gradient is not None and bool(gradient.abs().sum() > 0) for gradient in gradients]
    by_weights = grad_func is None  # tangent planes need no weights, agreeing normals no gamma
    assert used == [True, True, by_weights, by_weights, by_weights and training]


@pytest.mark.parametrize("output_tetmesh", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_positions_as_features_are_the_vertices(
    flexicubes: FlexiCubes, training: bool, output_tetmesh: bool
) -> None:
    counts = (9, 12, 7)
    corners, cubes = flexicubes.construct_voxel_grid(counts)
    vertices, _, _, features = flexicubes(
        corners,
        closed_noise(counts, 1),
        cubes,
        counts,
        training=training,
        output_tetmesh=output_tetmesh,
        voxelgrid_features=torch.cat([corners, 2 * corners], dim=1),
        **random_weights(len(cubes), 1),
    )
    torch.testing.assert_close(features[:, :3], vertices)
    torch.testing.assert_close(features[:, 3:], 2 * vertices)


def test_grid_order_is_the_sorted_order_of_its_corners(flexicubes: FlexiCubes) -> None:
    corners, cubes = flexicubes.construct_voxel_grid((3, 4, 2))
    assert corners.shape == (60, 3)
    assert cubes.shape == (24, 8)
    order = np.lexsort(corners.numpy().T[::-1])
    np.testing.assert_array_equal(order, np.arange(60))
    unit = (corners[cubes] - corners[cubes][:, :1]) * torch.tensor([3.0, 4.0, 2.0])
    expected = torch.tensor([[k & 1, k >> 1 & 1, k >> 2 & 1] for k in range(8)]).float()
    torch.testing.assert_close(unit, expected.expand(24, 8, 3))


def test_uneven_grid_gives_the_same_sphere(flexicubes: FlexiCubes) -> None:
    counts = (24, 30, 40)
    corners, cubes = flexicubes.construct_voxel_grid(counts)
    vertices, faces, _ = flexicubes(corners, corners.norm(dim=1) - 0.3, cubes, counts)
    assert topology.is_closed(faces.numpy())
    assert (vertices.norm(dim=1) - 0.3).abs().max() < 0.005


def test_tangent_planes_keep_a_cube_sharp(flexicubes: FlexiCubes) -> None:
    half = 0.31

    def box(points: torch.Tensor) -> torch.Tensor:
        return points.abs().amax(dim=1) - half

    def gradient(points: torch.Tensor) -> torch.Tensor:
        axis = points.abs().argmax(dim=1, keepdim=True)
        return torch.zeros_like(points).scatter(1, axis, points.gather(1, axis).sign())

    corners, cubes = flexicubes.construct_voxel_grid(20)
    plain = flexicubes(corners, box(corners), cubes, 20)
    sharp = flexicubes(corners, box(corners), cubes, 20, grad_func=gradient)
    exact = (2 * half) ** 3
    volumes = [topology.bare(v.numpy(), f.numpy()).volume for v, f, _ in (plain, sharp)]
    assert topology.is_closed(sharp[1].numpy())
    assert abs(volumes[1] - exact) < 1e-4 * exact
    assert abs(volumes[0] - exact) > 1e-3 * exact


def test_an_open_surface_ends_at_the_border(flexicubes: FlexiCubes) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(8)
    vertices, faces, _ = flexicubes(corners, corners[:, 2] + 0.01, cubes, 8)
    assert not topology.is_closed(faces.numpy())
    assert (trimesh.Trimesh(vertices.numpy(), faces.numpy()).face_normals[:, 2] > 0.99).all()


def test_a_field_without_a_surface_gives_none(flexicubes: FlexiCubes) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(4)
    vertices, faces, _ = flexicubes(corners, torch.ones(len(corners)), cubes, 4)
    assert (len(vertices), len(faces)) == (0, 0)


def test_arguments_are_those_of_kaolin() -> None:
    """Names, order and defaults, so that either implementation can stand in for the other.

    Only the default device differs: kaolin's is cuda, which many machines do not have.
    """

    def arguments(call: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
        found = inspect.signature(call).parameters.values()
        return [(each.name, each.kind, each.default) for each in found]

    assert arguments(FlexiCubes.__call__) == arguments(KaolinsFlexiCubes.__call__)
    ours, theirs = arguments(FlexiCubes.__init__), arguments(KaolinsFlexiCubes.__init__)
    assert [each[:2] for each in ours] == [each[:2] for each in theirs]
    assert (ours[1][2], theirs[1][2]) == ("cpu", "cuda")


def test_sizes_that_do_not_fit_are_refused(flexicubes: FlexiCubes) -> None:
    corners, cubes = flexicubes.construct_voxel_grid(4)
    with pytest.raises(GeometryError, match="125 cubes, cube_idx has 64"):
        flexicubes(corners, corners[:, 0], cubes, 5)
    with pytest.raises(GeometryError, match="one or three"):
        flexicubes.construct_voxel_grid([3, 3])
