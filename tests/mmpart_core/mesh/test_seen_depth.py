"""Depth and normals of a field at its views' pixels, and a surface's distance from both."""

import numpy as np
import pytest
import torch

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh.flexicubes import FlexiCubes
from mmpart_core.mesh.flexicubes.grid import voxel_grid
from mmpart_core.mesh.refine import refine_surface
from mmpart_core.mesh.seen_depth import SeenSurface, across_faces, see_surface
from mmpart_core.mesh.settings import DualSettings
from mmpart_core.mesh.solid_field import solid_field
from tests.mmpart_core.mesh.conftest import Known, known_shape, rainbow, sphere

torch.set_num_threads(1)
Surface = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def ball() -> Known:
    return known_shape(sphere, rainbow, size=28, fine=80)


def dual_surface(known: Known) -> Surface:
    """Of the closed field, in grid steps, as FlexiCubes leaves it: inside the zero level."""
    field = solid_field(known.field)
    counts = tuple(size - 1 for size in field.sdf.shape)
    corners, cubes = voxel_grid((counts[0], counts[1], counts[2]), "cpu")
    steps = torch.round((corners + 0.5) * torch.tensor(counts))
    values = torch.as_tensor(field.sdf).reshape(-1) / field.spacing
    vertices, faces, _ = FlexiCubes("cpu")(steps, values, cubes, counts)
    return vertices, faces


@pytest.fixture(scope="module")
def surface(ball: Known) -> Surface:
    return dual_surface(ball)


@pytest.fixture(scope="module")
def seen(ball: Known, surface: Surface) -> SeenSurface:
    return see_surface(solid_field(ball.field), ball.views, *surface)


def test_points_lie_on_the_ball_and_face_their_cameras(ball: Known, seen: SeenSurface) -> None:
    field = solid_field(ball.field)
    points = seen.points.numpy() * field.spacing + field.origin
    masked = int((ball.views.rgba[..., 3] >= 128).sum())
    assert 0.9 * masked < len(points) <= masked
    # Between its corners a trilinear field of a ball is off by spacing squared over four radii.
    assert np.abs(sphere(points)).max() < 1.01 * field.spacing**2 / (4 * 0.8)
    outward = points / np.linalg.norm(points, axis=1, keepdims=True)
    assert (seen.normals.numpy() * outward).sum(axis=1).min() > 0.99
    assert ((seen.normals.numpy() * seen.directions).sum(axis=1) < 0.0).all()


def test_the_difference_is_that_of_depths_along_the_rays(
    seen: SeenSurface, surface: Surface
) -> None:
    """As Embree measures them, times the cosine between ray and face."""
    vertices, faces = surface
    met = seen.met_faces(vertices, faces)
    hit = met >= 0
    mesh = TriangleMesh(vertices.double().numpy(), faces.numpy())
    depths = RenderScene([mesh]).cast(seen.origins, seen.directions).distance[hit.numpy()]
    across, normals = across_faces(vertices.double()[faces[met[hit]]], seen.points.double()[hit])
    ways = torch.as_tensor(seen.directions)[hit]
    wanted = ((seen.points[hit] - torch.as_tensor(seen.origins)[hit]) * ways).sum(dim=1)
    expected = (wanted - torch.as_tensor(depths)) * (ways * normals).sum(dim=1)
    torch.testing.assert_close(across, expected, rtol=0.0, atol=1e-3)
    assert float(across.abs().max()) > 0.05


def test_gradients_in_double_precision(seen: SeenSurface, surface: Surface) -> None:
    vertices, faces = surface
    met = seen.met_faces(vertices, faces)
    some = torch.arange(0, len(met), 997)
    few = SeenSurface(
        seen.origins[some], seen.directions[some],
        seen.points[some].double(), seen.normals[some].double(),
    )  # fmt: skip
    used, rows = torch.unique(faces[met[some]], return_inverse=True)

    def both(corners: torch.Tensor) -> torch.Tensor:
        return torch.stack(few.loss(corners, rows, torch.arange(len(rows))))

    corners = vertices[used].double().requires_grad_()
    assert torch.autograd.gradcheck(both, (corners,))
    depth, tilt = both(corners).detach()
    assert float(depth) > 0.0
    assert float(tilt) > 0.0


def test_a_surface_half_a_cube_off_is_half_a_cube_off(seen: SeenSurface, surface: Surface) -> None:
    """And one that is far off is another surface, of which nothing is said."""
    vertices, faces = surface
    middle = (vertices.amax(dim=0) + vertices.amin(dim=0)) / 2
    radius = (vertices - middle).norm(dim=1, keepdim=True)

    def depth(more: float) -> float:
        moved = middle + (vertices - middle) * (1.0 + more / radius)
        return float(seen.loss(moved, faces, seen.met_faces(moved, faces))[0])

    assert depth(0.5) == pytest.approx(0.25, rel=0.4)
    assert depth(-0.5) == pytest.approx(0.25, rel=0.6)
    assert depth(3.0) == 0.0


def test_refinement_brings_what_is_seen_nearer(ball: Known, seen: SeenSurface) -> None:
    field = solid_field(ball.field)

    def off(weight: float) -> float:
        settings = DualSettings(refine_steps=8, refine_depth_weight=weight)
        vertices, faces = refine_surface(FlexiCubes("cpu"), field, ball.views, settings)
        steps = torch.as_tensor((vertices - field.origin) / field.spacing).to(seen.points)
        rows = torch.as_tensor(faces)
        return float(seen.loss(steps, rows, seen.met_faces(steps, rows))[0])

    assert off(5.0) < 0.95 * off(0.0)


def test_views_that_show_nothing_see_nothing(ball: Known, surface: Surface) -> None:
    blank = PosedViews(np.zeros_like(ball.views.rgba), ball.views.cameras)
    nothing = see_surface(solid_field(ball.field), blank, *surface)
    vertices, faces = surface
    met = nothing.met_faces(vertices, faces)
    assert len(met) == 0
    assert [float(term) for term in nothing.loss(vertices, faces, met)] == [0.0, 0.0]
