"""The quick drawing agrees with the renderer, and costs say what they should."""

import numpy as np
import pytest

from mmpart_core.assemble import album, composition, eyes, facets, raster
from mmpart_core.assemble.composition import Composition
from mmpart_core.geometry import cameras, truth_scene
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh

SIDE = 96
UNMOVED = np.array([1.0, 0.0, 0.0, 0.0])


def drawn(mesh: TriangleMesh, camera) -> tuple[np.ndarray, np.ndarray]:
    """One over depth, and colour, of a mesh."""
    part = facets.facets_of(mesh, 0)
    room = album.make_room(SIDE * SIDE, part.vertices.shape[1])
    frame = np.array([0, SIDE, SIDE])
    raster.draw(part.surface, UNMOVED, (eyes.camera_vector(camera), frame), room)
    near, face = (each.reshape(SIDE, SIDE) for each in room[0])
    return near, part.colors[face]


@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 0.0), (35.0, 25.0), (200.0, -30.0)])
def test_quick_drawing_agrees_with_the_renderer(snowman, azimuth, elevation):
    camera = cameras.orbit_camera(azimuth, elevation, 30.0, SIDE)
    for name in ("belly", "brim"):
        mesh = snowman.part(name)
        near, color = drawn(mesh, camera)
        view = RenderScene([mesh]).render(camera, supersample=1)
        hit = view.node_index >= 0
        assert ((near > 0.0) != hit).mean() < 0.002
        both = hit & (near > 0.0)
        np.testing.assert_allclose(1.0 / near[both], view.depth[both], rtol=1e-3)
        assert np.abs(color[both] * 255.0 - view.rgba[both][:, :3]).max() < 2.0


def test_textured_triangles_are_cut_where_the_texture_changes():
    stripes = np.zeros((4, 4, 3), dtype=np.uint8)
    stripes[:, 2:] = 255
    corners = np.array([[0.0, -1, -1], [0.0, 1, -1], [0.0, 1, 1], [0.0, -1, 1]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    part = facets.facets_of(TriangleMesh(corners, faces, uv, stripes), 0)
    assert len(part.faces) > 20
    plain = facets.facets_of(TriangleMesh(corners, faces), 0)
    assert len(plain.faces) == 2
    across = part.vertices[1][part.faces]
    left, right = across.mean(axis=1) < -0.3, across.mean(axis=1) > 0.3
    assert part.colors[left & (across.min(axis=1) > -0.7)].max() < 0.3
    assert part.colors[right & (across.max(axis=1) < 0.7)].min() > 0.7


def test_dense_surfaces_are_thinned_and_keep_their_outline(shared_data):
    data = (shared_data / "objects" / "robot-ur5.glb").read_bytes()
    mesh, _ = truth_scene.read_truth(data, "robot").part_frame("upper_arm_link", 0.0)
    part = facets.facets_of(mesh, 0)
    assert len(part.faces) < len(mesh.faces)
    camera = cameras.orbit_camera(0.0, 10.0, 30.0, SIDE)
    near, _ = drawn(mesh, camera)
    hit = RenderScene([mesh]).silhouette(camera)
    assert ((near > 0.0) & hit).sum() / ((near > 0.0) | hit).sum() > 0.97


def two_in_one_view(two_boxes) -> tuple[Composition, list[facets.Facets]]:
    camera = cameras.orbit_camera(0.0, 20.0, 30.0, SIDE)
    view = two_boxes.render_scene.render(camera)
    eye = eyes.make_eye(
        view.rgba, view.rgba[..., 3] >= 128, camera, eyes.eye_distance(camera),
        label=view.node_index,
    )  # fmt: skip
    parts = [facets.facets_of(two_boxes.part(name), 0) for name in ("far", "near")]
    poses = np.tile(UNMOVED, (2, 1))
    return Composition(parts, [eye], [None, None], poses, np.ones((2, 2))), parts


def test_the_truth_costs_least(two_boxes):
    made, _ = two_in_one_view(two_boxes)
    others = made.others(1)
    here = made.energy(1, UNMOVED, others)
    for axis, step in ((0, 0.1), (2, 0.05), (3, 0.05), (3, -0.05)):
        moved = UNMOVED.copy()
        moved[axis] += step
        assert made.energy(1, moved, others) > here
    behind = np.array([1.0, -1.5, 0.0, 0.0])
    assert made.energy(1, behind, others) > here


def test_what_another_part_hides_costs_nothing(two_boxes):
    made, parts = two_in_one_view(two_boxes)
    whole = made.shared_cost(0)
    hidden = np.array([0.05, -1.5, 0.0, 0.0])
    assert made.energy(1, hidden, made.others(1)) == pytest.approx(0.0, abs=1e-9)
    made.place(1, hidden)
    assert made.shared_cost(0) > whole
    far_off = np.array([1.0, 0.0, 50.0, 0.0])
    costs = composition.mean_costs(
        parts[1], made.album, made.desk, np.stack([far_off, UNMOVED]), np.ones(1)
    )
    assert costs[0] == 1.0
    assert costs[1] < 0.7


def test_threads_change_nothing(two_boxes):
    made, parts = two_in_one_view(two_boxes)
    others = made.others(1)
    poses = np.stack([[1.0 + 2e-4 * step, 0.0, 4e-4 * step, 0.0] for step in range(2000)])
    alone = made.energies(1, poses, others)
    with album.workers(3) as executor:
        shared = Composition(
            parts, made.shared, made.alone, made.poses.copy(), made.gains, 3, executor
        )
        assert len(poses) * len(parts[1].faces) >= album.WORTH_A_THREAD
        np.testing.assert_array_equal(shared.energies(1, poses, shared.others(1)), alone)
    assert len(np.unique(alone)) > 100


def test_coarser_surfaces_keep_outline_and_colours(shared_data):
    data = (shared_data / "objects" / "quaternius-mill.glb").read_bytes()
    mesh, _ = truth_scene.read_truth(data, "mill").part_frame("Mill", 0.0)
    fine = facets.facets_of(mesh, 0)
    coarse = facets.coarser(fine)
    assert len(coarse.faces) < 0.6 * len(fine.faces)
    assert coarse.colors.mean(axis=0) == pytest.approx(fine.colors.mean(axis=0), abs=0.1)
    low, high = fine.vertices.min(axis=1), fine.vertices.max(axis=1)
    assert np.abs(coarse.vertices.min(axis=1) - low).max() < 0.05
    assert np.abs(coarse.vertices.max(axis=1) - high).max() < 0.05
    assert facets.coarser(coarse) is coarse or len(coarse.faces) > 2000
