"""Topology, penetration, boxes and placement against trimesh, manifold and by hand."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from evaluation import functional
from mmpart_core.geometry.surface import TriangleMesh

MakeBox = Callable[..., TriangleMesh]


def _split(mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    """Every face with vertices of its own, as files with flat normals have them."""
    faces = np.arange(3 * len(mesh.faces)).reshape(-1, 3)
    return np.array(mesh.vertices[mesh.faces.ravel()]), faces


@pytest.mark.parametrize("split", [False, True])
def test_topology_agrees_with_trimesh(split: bool) -> None:
    spheres = [trimesh.creation.icosphere(2).apply_translation([3 * i, 0, 0]) for i in range(3)]
    mesh = trimesh.util.concatenate(spheres)
    vertices, faces = _split(mesh) if split else (np.array(mesh.vertices), np.array(mesh.faces))
    facts = functional.topology(vertices, faces)
    assert facts.watertight is mesh.is_watertight is True
    assert facts.components == mesh.body_count == 3
    opened = functional.topology(vertices, faces[1:])
    assert (opened.watertight, opened.open_edges) == (False, 3)
    turned = np.concatenate([faces[:1, ::-1], faces[1:]])
    assert not functional.is_watertight(vertices, turned)
    assert functional.connected_components(vertices, turned) == 3


def test_an_empty_surface_has_no_components() -> None:
    assert functional.connected_components(np.zeros((0, 3)), np.zeros((0, 3), dtype=int)) == 0


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.9, 1.5, 2.5])
def test_penetration_agrees_with_manifold(shift: float) -> None:
    first = trimesh.creation.icosphere(3)
    second = trimesh.creation.torus(0.8, 0.3).apply_translation([shift, 0.1, 0.0])
    both = trimesh.boolean.intersection([first, second], engine="manifold")
    expected = 0.0 if both.is_empty else both.volume
    found = functional.penetration_volume(
        first.vertices, first.faces, second.vertices, second.faces
    )
    assert found == pytest.approx(expected, abs=3e-3 * second.volume)


def test_penetration_of_boxes_is_exact_and_contact_is_none(box: MakeBox) -> None:
    def shared(a: TriangleMesh, b: TriangleMesh) -> float | None:
        return functional.penetration_volume(a.vertices, a.faces, b.vertices, b.faces)

    unit = box((0, 0, 0), (1, 1, 1))
    assert shared(unit, box((0.5, 0.5, 0.25), (2, 2, 0.75))) == pytest.approx(0.125)
    assert shared(unit, box((1, 0, 0), (2, 1, 1))) == 0.0
    assert shared(unit, box((0, 0, 1), (1, 1, 2))) == 0.0
    assert shared(unit, unit) == pytest.approx(1.0)
    inside = box((0.25, 0.25, 0.25), (0.75, 0.75, 0.75))
    assert shared(unit, inside) == pytest.approx(0.125)
    assert functional.penetration_pct(0.125, 1.0, 0.125) == 100.0


def test_bodies_of_one_part_that_overlap_count_once(box: MakeBox) -> None:
    a, b = box((0, 0, 0), (1, 1, 1)), box((0.5, 0, 0), (1.5, 1, 1))
    vertices = np.concatenate([a.vertices, b.vertices])
    faces = np.concatenate([a.faces, b.faces + len(a.vertices)])
    assert functional.solid_volume(vertices, faces) == pytest.approx(1.5)


def test_open_parts_have_no_volume(box: MakeBox) -> None:
    whole = box((0, 0, 0), (1, 1, 1))
    floor = whole.vertices[whole.faces][:, :, 2].max(axis=1) < 0.1
    assert functional.solid_volume(whole.vertices, whole.faces[~floor]) is None
    volume = functional.penetration_volume(
        whole.vertices, whole.faces, whole.vertices + 0.2, whole.faces[~floor]
    )
    assert volume is None


def test_boxes_by_hand() -> None:
    zero, one = np.zeros(3), np.ones(3)
    assert functional.bbox_iou(zero, one, zero, one) == 1.0
    assert functional.bbox_iou(zero, one, zero + 0.5, one + 0.5) == pytest.approx(0.125 / 1.875)
    assert functional.bbox_iou(zero, one, zero + 1.0, one + 1.0) == 0.0
    assert functional.bbox_iou(zero, one, zero + 9.0, one + 9.0) == 0.0
    flat = np.array([1.0, 1.0, 0.0])
    assert functional.bbox_iou(zero, flat, zero, flat) == 1.0
    assert (
        functional.bbox_iou(zero, flat, zero + np.array([0, 0, 1.0]), flat + np.array([0, 0, 1.0]))
        == 0.0
    )


@given(
    st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3),
    st.integers(0, 10_000),
    st.floats(0.0, 3.0),
    st.floats(1.0, 1.5),
)
@settings(max_examples=60, deadline=None)
def test_box_overlap_falls_evenly_with_a_shift_also_of_flat_boxes(
    extent: list[float], seed: int, shift: float, more: float
) -> None:
    rng = np.random.default_rng(seed)
    # each side full, or as thin as rounding leaves it
    high = np.array(extent) * rng.choice([1.0, 1e-9, 0.0], 3)
    high[rng.integers(3)] = 1.0
    low, thinnest = np.zeros(3), 1e-3
    direction = rng.normal(size=3)
    direction *= thinnest * shift / np.linalg.norm(direction)

    def overlap(offset: np.ndarray) -> float:
        return functional.bbox_iou(low + offset, high + offset, low, high, thinnest=thinnest)

    assert overlap(np.zeros(3)) == pytest.approx(1.0, abs=1e-12)
    assert overlap(more * direction) <= overlap(direction) + 1e-9
    # no jump anywhere: a step of a thousandth of the thinnest side changes little
    step = direction + thinnest * 1e-3
    assert abs(overlap(step) - overlap(direction)) < 0.01
    assert overlap(rng.uniform(-1e-8, 1e-8, 3)) > 1.0 - 1e-4


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_boxes_that_are_not_flat_are_compared_as_they_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = [(low, low + rng.uniform(0.1, 1.0, 3)) for low in rng.uniform(0.0, 0.5, (2, 3))]
    (a, b), (c, d) = boxes
    both = float(np.prod(np.maximum(np.minimum(b, d) - np.maximum(a, c), 0.0)))
    either = float(np.prod(b - a) + np.prod(d - c)) - both
    assert functional.bbox_iou(a, b, c, d) == pytest.approx(both / either, abs=1e-12)


def test_a_flat_part_keeps_its_overlap_through_rounding() -> None:
    low, high = np.zeros(3), np.array([1.0, 1.0, 0.0])
    rounded = high + np.array([0.0, 0.0, 1e-8])
    assert functional.bbox_iou(low, high, low, rounded) == pytest.approx(1.0, abs=1e-5)
    along = np.array([0.05 * np.sqrt(2.0), 0.0, 0.0])
    expected = (1.0 - along[0]) / (1.0 + along[0])
    for top in (high, rounded):
        shifted = functional.bbox_iou(low + along, top + along, low, high)
        assert shifted == pytest.approx(expected, abs=1e-4)
    assert functional.bbox_iou(low, low, low, low) == 1.0
    assert functional.bbox_iou(low, low, high, high) == 0.0


def test_centroid_agrees_with_trimesh_and_errors_are_shares_of_the_diagonal() -> None:
    mesh = trimesh.creation.cone(1.0, 2.0)
    centroid = functional.surface_centroid(np.array(mesh.vertices), np.array(mesh.faces))
    assert np.allclose(centroid, mesh.centroid)
    assert functional.centroid_error_pct(centroid, centroid + np.array([0.0, 0.3, 0.4]), 10.0) == (
        pytest.approx(5.0)
    )
    found = functional.scale_error_pct(np.array([3.0, 4.0, 0.0]), np.array([0.0, 3.0, 0.0]), 20.0)
    assert found == pytest.approx(10.0)


@given(st.floats(0.0, 40.0), st.integers(0, 100))
@settings(max_examples=12, deadline=None)
def test_rotation_error_is_the_angle_of_an_uneven_shape(angle: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # an L of two bars of different length: no rotation brings it onto itself
    bars = [rng.random((500, 3)) * [3.0, 0.4, 0.2], rng.random((300, 3)) * [0.4, 1.6, 0.2]]
    points = rng.permutation(np.concatenate(bars))
    turn = Rotation.from_rotvec(np.deg2rad(angle) * np.array([0.0, 0.6, 0.8])).as_matrix()
    found = functional.rotation_error_deg(2.0 * points @ turn.T + 5.0, points)
    assert found == pytest.approx(angle, abs=0.5)


@pytest.mark.parametrize("angle", [90.0, 180.0])
def test_a_shape_turned_onto_itself_has_no_rotation_error(angle: float) -> None:
    cube = trimesh.creation.box((1.0, 1.0, 2.0))
    points, _ = functional.sample_surface(cube.vertices, cube.faces, 2000, seed=0)
    turn = Rotation.from_euler("z", angle, degrees=True).as_matrix()
    other, _ = functional.sample_surface(cube.vertices, cube.faces, 2000, seed=1)
    assert functional.rotation_error_deg(other @ turn.T, points) < 2.0


def test_icp_finds_a_small_motion_and_agrees_with_trimesh() -> None:
    mesh = trimesh.creation.torus(1.0, 0.3).apply_scale([1.0, 0.7, 1.4])
    points, _ = functional.sample_surface(mesh.vertices, mesh.faces, 1500, seed=0)
    turn = Rotation.from_rotvec([0.05, -0.08, 0.1]).as_matrix()
    moved = points @ turn.T + [0.05, -0.02, 0.03]
    fit = functional.icp(moved, functional.point_tree(points), 50)
    assert fit.cost < 1e-3
    reference, _, cost = trimesh.registration.icp(
        moved, points, max_iterations=50, threshold=1e-9, scale=False, reflection=False
    )
    assert fit.cost <= cost * 1.05 + 1e-9
    assert np.allclose(fit.matrix(), reference, atol=0.02)
