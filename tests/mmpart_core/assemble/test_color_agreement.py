"""Parts made in another light get the source's, and only they."""

import dataclasses

import numpy as np
import pytest

from mmpart_core.assemble import color_agreement, compose
from mmpart_core.assemble.backends.groundtruth import GroundTruthAssembler, Settings
from mmpart_core.geometry import cameras
from mmpart_core.geometry.surface import TriangleMesh

LIGHT = (0.8, 1.2, 0.9)


def relit(task, index, gain):
    mesh = color_agreement.tinted(task.parts[index].mesh, gain)
    parts = list(task.parts)
    parts[index] = dataclasses.replace(parts[index], mesh=mesh)
    return dataclasses.replace(task, parts=tuple(parts))


def recolored(task, limit=1.4):
    true = GroundTruthAssembler(Settings()).assemble(task, 0)
    placed = color_agreement.recolored(task, true.placed, true.world_from_object, limit)
    return dataclasses.replace(true, placed=placed)


@pytest.fixture
def task(task_of, two_boxes):
    return task_of(two_boxes, 30.0, 192, whole=False)


def test_true_colours_stay_as_they_are(task):
    assert [placed.color_gain for placed in recolored(task).placed] == [None, None]


@pytest.mark.parametrize("index", [0, 1])
def test_another_light_is_undone_in_that_part_alone(task, index):
    spoilt = relit(task, index, LIGHT)
    assembly = recolored(spoilt)
    np.testing.assert_allclose(assembly.placed[index].color_gain, 1.0 / np.array(LIGHT), rtol=0.03)
    assert assembly.placed[1 - index].color_gain is None
    camera = cameras.camera_in_frame(spoilt.camera, assembly.world_from_object)
    node = compose.compose(spoilt, assembly, camera).nodes[index]
    want = task.parts[index].mesh.colors.astype(int)
    assert np.abs(node.mesh.colors.astype(int) - want).max() <= 3
    assert recolored(spoilt).placed[index].color_gain == assembly.placed[index].color_gain


def test_gains_are_bounded(task):
    spoilt = relit(task, 0, (0.5, 0.5, 0.5))
    assert recolored(spoilt, 1.2).placed[0].color_gain == (1.2, 1.2, 1.2)


def test_a_part_that_is_hardly_seen_keeps_its_colours(task):
    spoilt = relit(task, 0, LIGHT)
    visible = spoilt.parts[0].visible
    sliver = visible & (np.cumsum(visible, axis=1) < 4)
    parts = (dataclasses.replace(spoilt.parts[0], visible=sliver), spoilt.parts[1])
    assert recolored(dataclasses.replace(spoilt, parts=parts)).placed[0].color_gain is None


def test_colours_of_another_picture_are_left(task):
    """Where a factor does not bring both closer, there is none."""
    random = np.random.default_rng(0)
    factors = random.uniform(0.6, 1.4, task.source.shape)
    noisy = np.clip(task.source * factors, 0, 255).astype(np.uint8)
    assert recolored(dataclasses.replace(task, source=noisy)).placed[0].color_gain is None


def test_textures_keep_their_alpha_and_bare_meshes_get_colours():
    points = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    faces = np.array([[0, 1, 2]])
    texture = np.full((2, 2, 4), (100, 200, 50, 70), dtype=np.uint8)
    textured = TriangleMesh(points, faces, points[:, :2], texture)
    made = color_agreement.tinted(textured, (0.5, 1.4, 2.0)).texture
    assert made[0, 0].tolist() == [50, 255, 100, 70]
    bare = color_agreement.tinted(TriangleMesh(points, faces), (0.5, 1.0, 1.5))
    assert bare.colors[0].tolist() == [64, 128, 192, 255]
