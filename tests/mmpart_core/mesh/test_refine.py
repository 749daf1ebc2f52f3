"""Refinement: stays closed, comes nearer to field and outlines, makes rounder triangles."""

from typing import Any

import numpy as np
import pytest
import torch

from mmpart_core import backends
from mmpart_core.geometry import cameras
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.mesh import hygiene, topology
from mmpart_core.mesh.flexicubes import FlexiCubes
from mmpart_core.mesh.outlines import find_outlines
from mmpart_core.mesh.refine import nearest_rims, refine_surface
from mmpart_core.mesh.settings import DualSettings
from mmpart_core.mesh.solid_field import solid_field
from tests.mmpart_core.mesh.conftest import Known, known_shape, rainbow, sphere, torus

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def ring() -> Known:
    return known_shape(torus, rainbow, size=28, fine=80)


@pytest.fixture(scope="module")
def refined(ring: Known) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    field = solid_field(ring.field)
    return {
        steps: refine_surface(
            FlexiCubes("cpu"), field, ring.views, DualSettings(refine_steps=steps)
        )
        for steps in (0, 25)
    }


def test_what_is_closed_stays_closed(refined) -> None:
    for vertices, faces in refined.values():
        assert topology.is_closed(faces)
        assert topology.bare(vertices, faces).euler_number == 0
    assert len(refined[0][1]) == len(refined[25][1])


def test_vertices_and_faces_come_to_the_level(refined) -> None:
    def off(vertices: np.ndarray, faces: np.ndarray) -> float:
        middles = vertices[faces].mean(axis=1)
        return float(np.abs(torus(vertices)).mean() + np.abs(torus(middles)).mean())

    assert off(*refined[25]) < 0.5 * off(*refined[0])
    true = 2 * np.pi**2 * 0.6 * 0.2**2
    volumes = {steps: topology.bare(*surface).volume for steps, surface in refined.items()}
    assert abs(volumes[25] - true) < 0.5 * abs(volumes[0] - true)


def test_triangles_become_rounder(refined) -> None:
    before, after = (hygiene.triangle_quality(*refined[steps]) for steps in (0, 25))
    assert after.mean() > before.mean()
    assert np.percentile(after, 1) > np.percentile(before, 1)


def test_outlines_pull_a_swollen_field_in() -> None:
    """A field that is too large by half a cube, between views of the right size."""
    known = known_shape(sphere, rainbow, size=28, fine=80)
    spacing = known.field.spacing
    swollen = FieldGrid(
        known.field.sdf - np.float32(0.5 * spacing), known.field.rgb, known.field.origin, spacing
    )
    blank = PosedViews(np.zeros_like(known.views.rgba), known.views.cameras)

    def radius_at_rim(views: PosedViews) -> float:
        field = solid_field(swollen)
        settings = DualSettings(refine_steps=25)
        vertices, _ = refine_surface(FlexiCubes("cpu"), field, views, settings)
        (outline, *_) = find_outlines(known.views, "cpu")
        place, _ = outline.project(torch.as_tensor(vertices, dtype=torch.float32))
        centre = outline.rim.mean(dim=0)
        return float((place - centre).norm(dim=1).max()) / float(
            (outline.rim - centre).norm(dim=1).mean()
        )

    assert radius_at_rim(known.views) - 1.0 < 0.85 * (radius_at_rim(blank) - 1.0)


def test_projection_is_that_of_the_cameras(ring: Known) -> None:
    points = np.random.default_rng(0).uniform(-0.7, 0.7, size=(50, 3))
    views = PosedViews(
        np.concatenate([ring.views.rgba, ring.views.rgba[:1]]),
        (*ring.views.cameras, ring.views.cameras[0].model_copy(
            update={"projection": "orthographic", "focal_px": 80.0}
        )),
    )  # fmt: skip
    for outline in find_outlines(views, "cpu"):
        place, _ = outline.project(torch.as_tensor(points, dtype=torch.float32))
        expected, _ = cameras.project(outline.camera, points)
        np.testing.assert_allclose(place.numpy(), expected, atol=1e-3)
        # The rim lies where the mask's distance is 0.
        assert float(outline.distance(outline.rim).abs().max()) < 1.0


def test_rims_meet_the_surfaces_outline(ring: Known) -> None:
    truth = ring.truth.meshes[0]
    world = torch.as_tensor(truth.vertices, dtype=torch.float32)
    faces = torch.as_tensor(truth.faces)
    for outline in find_outlines(ring.views, "cpu"):
        index, rims = nearest_rims(outline, world, faces)
        place, _ = outline.project(world)
        assert float((place[index] - rims).norm(dim=1).median()) < 1.0


def test_views_that_show_nothing_are_no_evidence(ring: Known) -> None:
    blank = PosedViews(np.zeros_like(ring.views.rgba), ring.views.cameras)
    assert find_outlines(blank, "cpu") == []


def test_the_back_end_refines_when_told(ring: Known) -> None:
    settings = {"max_faces": 2000, "texture": "vertex"}
    plain = backends.open_backend("mesh", "flexicubes", settings)
    told = backends.open_backend("mesh", "flexicubes", {**settings, "refine_steps": 3})
    one, other = (b.extract(ring.field, ring.views, 0) for b in (plain, told))
    assert topology.is_closed(topology.weld(other.mesh.vertices, other.mesh.faces)[1])
    assert "refined in 3 steps" in other.method
    assert "refined" not in one.method


@pytest.mark.parametrize(
    ("given", "steps"),
    [({}, 0), ({"device": "cpu"}, 0), ({"device": "cuda:1"}, 30),
     ({"device": "cuda", "refine_steps": 0}, 0)],
)  # fmt: skip
def test_refinement_is_on_where_it_costs_nothing(given: dict[str, Any], steps: int) -> None:
    for kind in ("flexicubes", "kaolin"):
        settings = backends.check_settings("mesh", kind, given)
        assert isinstance(settings, DualSettings)
        assert settings.refine_steps == steps
