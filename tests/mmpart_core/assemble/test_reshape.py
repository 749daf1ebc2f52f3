"""Parts that a generator turned or stretched are mended where that is asked for, and only then."""

import dataclasses

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from mmpart_core.assemble import checks, compose
from mmpart_core.assemble.backends.layout import LayoutAssembler, Settings
from mmpart_core.assemble.reshape import Freedom, Reshaping
from mmpart_core.geometry import transforms
from mmpart_core.geometry.surface import TriangleMesh

FAST = {
    "coarse_px": 64, "fine_px": 128, "sweeps": 1, "fine_sweeps": 1, "depth_steps": 41,
    "match_colors": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def scene(scene_of):
    """A long box, and a plate before it."""
    parts = {}
    for name, size, place, rgb in (
        ("bar", (0.4, 1.6, 0.5), (0.0, 0.0, 0.0), (60, 90, 200)),
        ("plate", (0.3, 0.5, 0.9), (0.7, 0.3, 0.2), (210, 150, 60)),
    ):
        made = trimesh.creation.box(size)
        made.apply_translation(place)
        colors = np.tile(np.array([*rgb, 255], np.uint8), (len(made.vertices), 1))
        parts[name] = TriangleMesh(np.asarray(made.vertices), np.asarray(made.faces), colors=colors)
    return scene_of(parts)


def changed(task, matrix: np.ndarray):
    """The task with the mesh of its second part changed."""
    part = task.parts[1]
    mesh = dataclasses.replace(part, mesh=part.mesh.transformed(matrix))
    return dataclasses.replace(task, parts=(task.parts[0], mesh))


def test_a_reshaping_is_its_numbers():
    numbers = np.array([0.1, -0.2, 0.05, 0.3, -0.1, 0.0])
    made = Reshaping.of(numbers)
    np.testing.assert_allclose(made.numbers, numbers)
    assert made.stretched
    assert not Reshaping().stretched
    assert not Freedom().any
    np.testing.assert_allclose(Freedom(90.0, 0.2).limits, [np.pi / 2] * 3 + [0.2] * 3)


def test_a_turned_part_is_turned_back(task_of, ious_of, scene):
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", 8.0, degrees=True).as_matrix()
    task = changed(task_of(scene, 25.0), turn)
    held = LayoutAssembler(Settings(**FAST)).assemble(task, 0)
    freed = LayoutAssembler(Settings(**FAST, free_turn_deg=12.0)).assemble(task, 0)
    checks.check_assembly(freed, task)
    rest = Rotation.from_matrix(
        transforms.rotation_z(25.0)[:3, :3].T
        @ freed.placed[1].world_from_part[:3, :3]
        / transforms.similarity_scale(freed.placed[1].world_from_part)
    ) * Rotation.from_matrix(turn[:3, :3])
    assert np.rad2deg(rest.magnitude()) < 3.0
    assert any("turned by" in each for each in freed.placed[1].warnings)
    assert ious_of(task, freed, scene)[1] > ious_of(task, held, scene)[1]


def test_a_thick_part_is_thinned_in_the_object(task_of, scene):
    task = changed(task_of(scene, 25.0), np.diag([1.0, 1.0, 1.3, 1.0]))
    assembly = LayoutAssembler(Settings(**FAST, free_stretch=0.4)).assemble(task, 0)
    stretch = assembly.placed[1].stretch
    assert stretch is not None
    assert stretch[2] / np.sqrt(stretch[0] * stretch[1]) == pytest.approx(1 / 1.3, rel=0.06)
    assert any("stretched by" in each for each in assembly.placed[1].warnings)
    part = task.parts[1]
    shown = compose.finished_mesh(part, assembly.placed[1])
    np.testing.assert_allclose(shown.vertices, part.mesh.vertices * stretch)
    checks.check_assembly(assembly, task)


def test_parts_keep_their_shape_unless_freed(task_of, scene):
    task = changed(task_of(scene, 25.0), np.diag([1.0, 1.0, 1.3, 1.0]))
    placed = LayoutAssembler(Settings(**FAST)).assemble(task, 0).placed
    assert all(each.stretch is None for each in placed)
    for each in placed:
        turned = each.world_from_part[:3, :3] / transforms.similarity_scale(each.world_from_part)
        np.testing.assert_allclose(turned, transforms.rotation_z(25.0)[:3, :3], atol=1e-9)
