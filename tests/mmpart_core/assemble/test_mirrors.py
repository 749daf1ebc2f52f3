"""What parts' shapes say of the object's symmetry, and where that puts them in depth."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from mmpart_core.assemble.backends.layout import LayoutAssembler, Settings
from mmpart_core.assemble.depth_search import DepthSearch, FittedPart, SearchSettings
from mmpart_core.assemble.mirror_depth import MirrorDepth
from mmpart_core.assemble.mirror_planes import MirrorPlane, MirrorShape, mirror_planes
from mmpart_core.assemble.protocol import AssemblyTask
from mmpart_core.assemble.sight import SightPose
from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from tests.mmpart_core.assemble.conftest import box_ious, make_scene

TURN_DEG = 37.0
LEANS_DEG = 1.3
IMAGE_ONLY = Settings(use_whole_views=False, elevation="given")


def surface(mesh: trimesh.Trimesh) -> TriangleMesh:
    return TriangleMesh(np.array(mesh.vertices), np.array(mesh.faces, np.int64))


def body() -> trimesh.Trimesh:
    """Wide along Y, deep along X, with a nose: symmetric to the plane y = 0 alone."""
    nose = trimesh.creation.box((0.3, 0.1, 0.1))
    nose.apply_translation((0.3, 0.0, 0.2))
    return trimesh.util.concatenate([trimesh.creation.box((0.3, 0.6, 0.8)), nose])


def wedge(side: float) -> trimesh.Trimesh:
    """An arm on one side: not its own mirror image."""
    corners = [(0, 0, 0), (0.1, 0, 0), (0.1, 0.2 * side, 0.1), (0, 0.1 * side, 0), (0, 0, 0.5)]
    return trimesh.convex.convex_hull(np.array(corners))


def shapes_of(meshes: list[trimesh.Trimesh], heights: list[float]) -> list[MirrorShape]:
    turn = trimesh.transformations.rotation_matrix(np.radians(TURN_DEG), (0, 0, 1))
    turned = [mesh.copy().apply_transform(turn) for mesh in meshes]
    return [
        MirrorShape.of(surface(mesh), 1.0, height, at)
        for at, (mesh, height) in enumerate(zip(turned, heights, strict=True))
    ]


def test_a_figure_has_one_plane_that_heads_stand_on_and_arms_beside() -> None:
    head = trimesh.creation.icosphere(3, 0.2)
    shapes = shapes_of([body(), head, wedge(1.0), wedge(-1.0)], [0.0, 0.6, 0.0, 0.0])
    (plane,) = mirror_planes(shapes, np.array([5.0, 2.0, 1.0, 1.0]))
    across = np.radians(TURN_DEG + 90.0)
    assert abs(plane.normal @ [np.cos(across), np.sin(across), 0.0]) > np.cos(np.radians(1.5))
    assert plane.alone.tolist() == [True, True, False, False]
    assert plane.pairs == {(2, 3)}


def test_a_stack_of_round_things_has_two_planes_across() -> None:
    discs = [trimesh.creation.cylinder(radius, 0.2) for radius in (0.5, 0.4, 0.3)]
    planes = mirror_planes(shapes_of(discs, [0.0, 0.2, 0.4]), np.ones(3))
    assert len(planes) == 2
    assert abs(planes[0].normal @ planes[1].normal) < 1e-9
    assert all(plane.alone.all() and not plane.pairs for plane in planes)


def test_legs_in_step_stand_beside_the_plane_though_each_is_symmetric() -> None:
    leg, other = trimesh.creation.box((0.12, 0.12, 0.5)), trimesh.creation.cylinder(0.08, 0.5)
    shapes = shapes_of([body(), leg, other], [0.6, 0.0, 0.02])
    (plane,) = mirror_planes(shapes, np.array([5.0, 1.0, 1.0]))
    assert plane.alone.tolist() == [True, False, False]


def test_what_is_only_nearly_symmetric_does_not_stand_on_the_plane() -> None:
    """A rod that leans by a little: its middle says nothing of the plane."""
    rod = trimesh.creation.box((0.06, 0.06, 1.0))
    rod.apply_transform(trimesh.transformations.rotation_matrix(np.radians(LEANS_DEG), (1, 0, 0)))
    shapes = shapes_of([body(), rod], [0.0, 0.0])
    (plane,) = mirror_planes(shapes, np.array([5.0, 1.0]))
    assert 0.7 < plane.likeness[1] < 0.85
    assert plane.alone.tolist() == [True, False]


def test_things_without_symmetry_have_no_plane() -> None:
    lumps = [trimesh.convex.convex_hull(np.random.default_rng(at).random((7, 3))) for at in (1, 2)]
    assert mirror_planes(shapes_of(lumps, [0.0, 1.0]), np.ones(2)) == ()
    assert mirror_planes(shapes_of([body()], [0.0]), np.ones(1)) == ()


def depth_of(alone: list[bool], pairs: set[tuple[int, int]]) -> MirrorDepth:
    """Three parts in a row before a camera, mirrored by a plane that faces sideways to its axis."""
    camera = cameras.orbit_camera(0.0, 0.0, 30.0, 64)
    normal = np.array([np.sin(0.5), np.cos(0.5), 0.0])
    plane = MirrorPlane(
        normal, np.array([0.0, 0.1, -0.1]), np.array(alone), frozenset(pairs), np.ones(3)
    )
    poses = [SightPose(0.5, np.array([x, 0.0, -4.0])) for x in (0.0, 0.3, -0.4)]
    return MirrorDepth.of(plane, poses, camera)


def test_depths_that_symmetry_asks_for_cost_nothing() -> None:
    single = depth_of([True, True, True], set())
    factors = [1.0, 1.0, 1.0]
    for place in single.candidates(1, [0, 2], factors):
        cost = single.energy(1, [0], factors, np.array([place, place + 0.1]))
        assert cost[1] > 0.5
    (first,) = single.candidates(1, [0], factors)
    assert single.energy(1, [0], factors, np.array([first]))[0] == pytest.approx(0.0, abs=1e-9)

    paired = depth_of([True, False, False], {(1, 2)})
    (place,) = paired.candidates(1, [0, 2], factors)
    assert paired.energy(1, [0, 2], factors, np.array([place]))[0] == pytest.approx(0.0, abs=1e-9)
    middle = (place * paired.reach[1] + paired.reach[2]) / 2.0
    assert middle == pytest.approx(paired.reach[0])
    assert paired.candidates(1, [2], factors) == []  # nobody says where the plane is


def test_a_sight_line_along_the_plane_tells_nothing() -> None:
    ahead = depth_of([True, True, True], set())
    level = MirrorDepth(ahead.plane, ahead.eye, np.zeros(3))
    assert level.candidates(1, [0, 2], [1.0, 1.0, 1.0]) == []


def test_one_image_puts_a_stack_upon_its_axis(task_of: Callable[..., AssemblyTask]) -> None:
    """Slices that touch and hide each other: their depth is anyone's guess but for symmetry."""
    slices: dict[str, TriangleMesh] = {}
    for at, radius in enumerate((0.5, 0.55, 0.3, 0.45)):
        disc = trimesh.creation.cylinder(radius, 0.15, sections=48)
        disc.apply_translation((0.0, 0.0, 0.16 * at))
        slices[f"slice {at}"] = surface(disc)
    truth = make_scene(slices)
    task = task_of(truth, 30.0, known=False, whole=False)
    placed = LayoutAssembler(IMAGE_ONLY).assemble(task, 0)
    assert min(box_ious(task, placed, truth)) > 0.9
    without = LayoutAssembler(IMAGE_ONLY.model_copy(update={"keep_contact": False}))
    assert min(box_ious(task, without.assemble(task, 0), truth)) < 0.7


def test_depth_that_no_image_shows_centres_the_object_along_its_own_axes() -> None:
    """A wedge, broad behind: seen aslant, its middle along the sight line is not its box's."""
    turn = np.radians(TURN_DEG)
    ahead, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    outline = [0.6 * ahead, -0.6 * ahead + 0.4 * across, -0.6 * ahead - 0.4 * across]
    points = np.array([(*each, z) for each in outline for z in (-0.2, 0.2)])
    camera = cameras.orbit_camera(0.0, 12.0, 30.0, 64)
    eye = np.array(camera.world_from_camera)[:3, 3]
    too_far = 1.15
    pose = SightPose(too_far, too_far * np.array([0.0, 0.0, -np.linalg.norm(eye)]))
    body_scene = RenderScene([surface(trimesh.convex.convex_hull(points))])
    normal = np.array([*across, 0.0])
    plane = MirrorPlane(normal, np.zeros(1), np.array([True]), frozenset(), np.ones(1))
    off: list[float] = []
    for planes in ((plane,), ()):
        parts = [FittedPart(pose, body_scene, points, 100)]
        search = DepthSearch(camera, parts, {}, SearchSettings(1.0, 21, 1), planes=planes)
        off.append(abs(search.run()[0] * too_far - 1.0))
    assert off[0] < 0.005
    assert off[1] > 0.01
