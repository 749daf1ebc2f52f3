"""Flat faces and what stands on them, on bodies of one colour."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh
from jaxtyping import Float
from trimesh.transformations import rotation_matrix

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.facets import Facet, cut_facets, find_facets
from mmpart_core.reconstruct.first_shape import FirstShape
from mmpart_core.reconstruct.frontier import supported_body
from mmpart_core.reconstruct.hull import GridSpec, VisualHull, fit_grid
from mmpart_core.reconstruct.openings import Witnesses
from mmpart_core.reconstruct.planes import Plane, find_planes
from mmpart_core.reconstruct.sight_lines import SAMPLE_STEP, sight_lines

SIZE_PX = 160
SIDE, KNOB, OUT = 1.0, 0.3, 0.2
ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]


def started(views: PosedViews) -> tuple[GridSpec, Float[torch.Tensor, "X Y Z"], list[Facet]]:
    """What training starts from without facets, and its facets."""
    hull, lines = VisualHull(views, 0.0), sight_lines(views)
    spec, around = fit_grid(hull, 64, 0.02)
    start = FirstShape(hull, supported_body(views, lines), None, 0.0).on(spec, around)
    return spec, start, find_facets(views, lines, spec, start)


@pytest.fixture(scope="module")
def knobbed() -> trimesh.Trimesh:
    """A cube with a knob on a face that one view sees from the front, and none along it."""
    cube = trimesh.creation.box((SIDE, SIDE, SIDE))
    knob = trimesh.creation.box((KNOB, 2.0 * OUT, KNOB))
    knob.apply_translation((0.0, SIDE / 2.0, 0.0))
    return trimesh.boolean.union([cube, knob], engine="manifold")


@pytest.fixture(scope="module")
def knobbed_views(knobbed: trimesh.Trimesh, plain_views_of: ViewsOf) -> PosedViews:
    return plain_views_of(knobbed, SIZE_PX)


def volume(spec: GridSpec, sdf: torch.Tensor) -> float:
    return float((sdf < 0.0).sum()) * spec.spacing**3


def test_the_tent_between_a_face_and_its_knob_is_cut_off(
    knobbed: trimesh.Trimesh, knobbed_views: PosedViews
) -> None:
    spec, start, facets = started(knobbed_views)
    corners = spec.positions()
    cut = cut_facets(facets, corners, start.reshape(-1)).view(start.shape)
    # What two slopes of the tent, of its base and height, would take.
    tent = 0.5 * (SIDE - KNOB) * OUT * KNOB
    assert volume(spec, start) - volume(spec, cut) > tent
    (facet,) = [each for each in facets if each.plane.normal[1] > 0.98]
    assert facet.plane.offset == pytest.approx(SIDE / 2.0, abs=0.02)
    # What stands out is still there, and nothing of the body behind the face is gone.
    knob = torch.tensor([[0.0, SIDE / 2.0 + 0.6 * OUT, 0.0]])
    inner = torch.from_numpy(trimesh.sample.volume_mesh(knobbed, 4000)).float()
    inner = inner[inner[:, 1] < SIDE / 2.0 - 0.02]
    assert float(cut_facets(facets, knob, torch.tensor([-1.0]))) < 0.0
    assert float(cut_facets(facets, inner, torch.full((len(inner),), -1.0)).max()) < 0.02


def test_of_slanted_and_true_faces_of_a_thin_plate_the_true_one_cuts(
    views_of: ViewsOf,
) -> None:
    """A plane from one edge of its front to the other of its back has many touches, too."""
    plate = trimesh.creation.box((1.2, 0.06, 0.9))
    bar = trimesh.creation.box((0.05, 0.05, 0.5))
    bar.apply_translation((0.5, 0.25, 0.0))
    posts = [trimesh.creation.box((0.05, 0.3, 0.05)) for _ in range(2)]
    for post, z in zip(posts, (-0.22, 0.22), strict=True):
        post.apply_translation((0.5, 0.12, z))
    door = trimesh.boolean.union([plate, bar, *posts], engine="manifold")
    spec, start, facets = started(views_of(door, SIZE_PX))
    front = [each.plane for each in facets if each.plane.normal[1] > 0.9]
    assert front
    for plane in front:
        assert plane.normal[1] > 0.995
        assert plane.offset == pytest.approx(0.03, abs=0.02)
    cut = cut_facets(facets, spec.positions(), start.reshape(-1)).view(start.shape)
    inner = torch.from_numpy(trimesh.sample.volume_mesh(plate, 4000)).float()
    left = cut_facets(facets, inner, torch.full((len(inner),), -1.0))
    assert float((left > 0.02).float().mean()) < 0.01
    assert volume(spec, cut) < 0.6 * volume(spec, start)


def test_what_is_cut_leaves_no_outline_without_matter(knobbed_views: PosedViews) -> None:
    spec, start, facets = started(knobbed_views)
    lines = sight_lines(knobbed_views)
    line, place = lines.samples()
    points = lines.origins[line] + lines.directions[line] * place[:, None]
    before = torch.from_numpy(Witnesses(knobbed_views, spec, start.numpy()).distances(points))
    after = cut_facets(facets, torch.from_numpy(points).float(), before.float())
    met, meets = np.unique(line[(before < 0.012).numpy()]), np.unique(line[(after < 0.012).numpy()])
    assert len(met) > 0.9 * len(lines.origins)
    assert len(np.setdiff1d(met, meets)) < 0.01 * len(lines.origins)


def test_matter_that_no_view_looks_past_stays(plain_views_of: ViewsOf) -> None:
    """A slanted plane through edges of a channel's floor and walls has many touches, too."""
    box, at = trimesh.creation.box, trimesh.transformations.translation_matrix
    walls = [box((0.15, 0.8, 0.7), at((x, 0.0, 0.35))) for x in (-0.5, 0.5)]
    channel = trimesh.boolean.union([box((1.2, 0.8, 0.15)), *walls], engine="manifold")
    channel.apply_translation(-channel.bounds.mean(axis=0))
    channel.apply_scale(0.95 / np.linalg.norm(channel.vertices, axis=1).max())
    _, _, facets = started(plain_views_of(channel, SIZE_PX))
    inner = torch.from_numpy(trimesh.sample.volume_mesh(channel, 4000)).float()
    left = cut_facets(facets, inner, torch.full((len(inner),), -1.0))
    assert float((left > 0.02).float().mean()) < 0.005


def test_few_views_tell_of_none(knobbed_views: PosedViews) -> None:
    few = PosedViews(knobbed_views.rgba[:3], knobbed_views.cameras[:3])
    assert started(few)[2] == []


@pytest.mark.parametrize(
    "mesh",
    [
        trimesh.creation.box((1.0, 1.2, 0.8), rotation_matrix(0.35, (0, 0, 1))),
        trimesh.creation.icosphere(subdivisions=4, radius=0.7),
        trimesh.creation.cylinder(0.5, 1.0, sections=48),
    ],
    ids=["box", "ball", "cylinder"],
)
def test_convex_bodies_are_left_alone(mesh: trimesh.Trimesh, plain_views_of: ViewsOf) -> None:
    spec, start, facets = started(plain_views_of(mesh, SIZE_PX))
    cut = cut_facets(facets, spec.positions(), start.reshape(-1)).view(start.shape)
    assert volume(spec, cut) > 0.99 * volume(spec, start)


def test_facets_of_one_look_are_those_of_another(knobbed_views: PosedViews) -> None:
    one, two = started(knobbed_views)[2], started(knobbed_views)[2]
    points = torch.randn((2000, 3), generator=torch.Generator().manual_seed(0))
    outside = torch.full((len(points),), -9.0)
    assert torch.equal(cut_facets(one, points, outside), cut_facets(two, points, outside))


def test_samples_lie_in_their_stretches(knobbed_views: PosedViews) -> None:
    lines = sight_lines(knobbed_views)
    line, place = lines.samples()
    assert set(line) == set(range(len(lines.origins)))
    assert (np.diff(line) >= 0).all()
    for index in (0, len(lines.origins) // 2, len(lines.origins) - 1):
        stretches = range(lines.bounds[index], lines.bounds[index + 1])
        for at in place[line == index]:
            reach = [(lines.lows[s] - at, at - lines.highs[s]) for s in stretches]
            assert min(max(pair) for pair in reach) <= 0.51 * SAMPLE_STEP


def test_planes_are_found_among_scattered_points() -> None:
    random = np.random.default_rng(3)
    faces = [Plane(np.eye(3)[axis], sign * 0.5) for axis in range(3) for sign in (-1.0, 1.0)]
    flat = [
        np.stack(face.axes(), axis=1) @ random.uniform(-0.5, 0.5, (2, 80))
        + np.outer(face.normal * face.offset, np.ones(80))
        for face in faces
    ]
    points = np.concatenate([np.concatenate(flat, axis=1).T, random.uniform(-0.8, 0.8, (60, 3))])
    found = find_planes(points)
    for face in faces:
        assert any(face.like(plane, 0.999, 0.01) for plane in found[:8])


def test_points_that_span_nothing_have_no_planes() -> None:
    assert find_planes(np.zeros((5, 3))) == []
    assert find_planes(np.repeat([[0.1, 0.2, 0.3]], 50, axis=0)) == []
