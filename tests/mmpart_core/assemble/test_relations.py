"""Distances to solids are those of known shapes; contact, overlap and twins cost what they say."""

import dataclasses

import numpy as np
import pytest
import trimesh

from mmpart_core.assemble import eyes, facets, relations, solids, twins
from mmpart_core.assemble.composition import Composition
from mmpart_core.assemble.facets import Facets
from mmpart_core.assemble.joint_search import Axes, JointSearch
from mmpart_core.geometry import cameras
from mmpart_core.geometry.surface import TriangleMesh


def facets_from(mesh: trimesh.Trimesh) -> Facets:
    colors = np.full((len(mesh.vertices), 4), 150, np.uint8)
    return facets.facets_of(
        TriangleMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces), colors=colors), 0
    )


@pytest.fixture(scope="module")
def ball() -> Facets:
    return facets_from(trimesh.creation.icosphere(3, 1.0))


def test_distances_to_a_ball_are_known(ball):
    solid = solids.solid_of(ball, 0)
    points = np.random.default_rng(1).uniform(-1.4, 1.4, (3000, 3))
    expected = np.linalg.norm(points, axis=1) - 1.0
    got = solid.distances(points)
    near = np.abs(expected) < 0.15
    assert np.abs(got - expected)[near].max() < 0.03
    assert (np.sign(got) == np.sign(expected))[np.abs(expected) > 0.03].all()
    assert solid.area == pytest.approx(4.0 * np.pi, rel=0.02)
    # Beyond the cells it is an upper bound.
    assert 2.0 - 0.03 < solid.distances(np.array([[3.0, 0.0, 0.0]]))[0] < 2.3


@pytest.mark.parametrize("size", [(1.6, 0.4, 1.0), (1.2, 1.2, 0.02)])
def test_distances_to_boxes_agree_with_trimesh(size):
    mesh = trimesh.creation.box(size)
    solid = solids.solid_of(facets_from(mesh), 0)
    points = np.random.default_rng(2).uniform(-1.0, 1.0, (1500, 3)) * (np.array(size) + 0.1)
    expected = -trimesh.proximity.signed_distance(mesh, points)
    near = np.abs(expected) < 0.1
    assert np.abs(solid.distances(points) - expected)[near].max() < 0.04


def test_open_surfaces_are_no_solids():
    mesh = trimesh.creation.box((1.0, 1.0, 1.0))
    mesh.faces = mesh.faces[:-2]
    solid = solids.solid_of(facets_from(mesh), 0)
    assert solid.distance is None
    assert np.isinf(solid.distances(np.zeros((2, 3)))).all()


def related(ball: Facets, poses: np.ndarray, twin: bool = False) -> relations.Relations:
    pairs = frozenset({(0, 1)}) if twin else frozenset()
    return relations.relations_of([ball] * len(poses), poses, frozenset(), pairs, 0)


def at(x: float, scale: float = 0.3) -> np.ndarray:
    return np.array([scale, x, 0.0, 0.0])


def test_contact_is_least_where_surfaces_meet(ball):
    poses = np.stack([at(0.0), at(0.61)])
    made = related(ball, poses)
    assert made.touching == {(0, 1)}
    costs = {x: made.energy(1, at(x), poses) for x in (0.5, 0.55, 0.6, 0.65, 0.8, 1.5)}
    assert min(costs, key=costs.__getitem__) == 0.6
    assert costs[0.5] > costs[0.55] > costs[0.6]
    assert costs[0.6] < costs[0.65] < costs[0.8] <= costs[1.5]
    assert made.gap(0, 1, np.stack([at(0.0), at(0.8)])) == pytest.approx(0.2, abs=0.02)


def test_parts_that_stand_apart_are_not_drawn_together(ball):
    poses = np.stack([at(0.0), at(0.75)])
    made = related(ball, poses)
    assert made.touching == frozenset()
    assert made.energy(1, at(0.75), poses) == 0.0
    assert made.energy(1, at(0.9), poses) == 0.0
    assert made.energy(1, at(0.4), poses) > 0.0


def test_what_the_planner_says_to_touch_does(ball):
    poses = np.stack([at(0.0), at(0.9)])
    said = relations.relations_of([ball, ball], poses, frozenset({(0, 1)}), frozenset(), 0)
    assert said.energy(1, at(0.7), poses) < said.energy(1, at(0.9), poses)


def test_twins_have_one_size(ball):
    poses = np.stack([at(0.0), at(2.0)])
    made = related(ball, poses, twin=True)
    assert made.energy(1, at(2.0), poses) == 0.0
    assert made.energy(1, at(2.0, 0.303), poses) > 0.0
    assert related(ball, poses).energy(1, at(2.0, 0.303), poses) == 0.0


def test_a_part_of_another_shape_is_felt_where_it_then_is(ball):
    poses = np.stack([at(0.0), at(0.61)])
    made = related(ball, poses)
    flat = dataclasses.replace(ball, vertices=ball.vertices * np.float32([[0.5], [1.0], [1.0]]))
    thinner = made.reshaped(1, flat, 0)
    assert made.gap(0, 1, poses) == pytest.approx(0.01, abs=0.02)
    assert thinner.gap(0, 1, poses) == pytest.approx(0.16, abs=0.02)
    assert thinner.touching == made.touching


def test_twins_are_told_by_their_surface(two_boxes):
    near = two_boxes.part("near")
    mirrored = dataclasses.replace(near, vertices=near.vertices * [1.0, -1.0, 1.0])
    assert twins.twins_of([near, mirrored, two_boxes.part("far")], 0) == {(0, 1)}


def test_contact_decides_where_pictures_are_silent(ball):
    """A ball straight behind another: no picture says how far."""
    camera = cameras.orbit_camera(0.0, 0.0, 30.0, 96)
    poses = np.stack([at(0.3, 0.4), at(-0.45, 0.2)])
    view = np.zeros((96, 96, 4), np.uint8)
    rows, columns = np.mgrid[:96, :96] + 0.5 - 48.0
    pixels, _ = cameras.project(camera, np.array([[0.3, 0.4, 0.0]]))
    view[np.hypot(rows, columns) < abs(pixels[0, 0] - 48.0)] = (150, 150, 150, 255)
    eye = eyes.make_eye(view, view[..., 3] > 0, camera, eyes.eye_distance(camera))

    def refined(made: relations.Relations | None) -> float:
        drawn = Composition(
            [ball, ball], [eye], [None, None], poses.copy(), np.ones((2, 2)), relations=made
        )
        search = JointSearch(drawn, Axes.of(camera), [0.0, 0.0])
        search.refine(1, np.array([0.02, 0.0, 0.0, 0.0]))
        return float(drawn.poses[1][1])

    said = relations.relations_of([ball, ball], poses, frozenset({(0, 1)}), frozenset(), 0)
    assert refined(None) == pytest.approx(-0.45)
    assert refined(said) == pytest.approx(-0.3, abs=0.03)
