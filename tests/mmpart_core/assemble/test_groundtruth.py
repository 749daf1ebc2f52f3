"""Known placements are exact, in the scene's own coordinates."""

import dataclasses

import numpy as np
import pytest

from mmpart_core.assemble import checks, compose
from mmpart_core.assemble.backends.groundtruth import GroundTruthAssembler, Settings
from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras, transforms


@pytest.mark.parametrize("azimuth_deg", [0.0, 35.0, -120.0])
def test_parts_come_back_where_the_scene_has_them(task_of, two_boxes, azimuth_deg):
    task = task_of(two_boxes, azimuth_deg, 128, whole=False)
    assembly = GroundTruthAssembler(Settings()).assemble(task, 0)
    checks.check_assembly(assembly, task)
    for part, placed in zip(task.parts, assembly.placed, strict=True):
        got = part.mesh.transformed(placed.world_from_part).vertices
        want = two_boxes.part(part.component).transformed(two_boxes.scene_from_normalised)
        np.testing.assert_allclose(got, want.vertices, atol=1e-9)


def test_the_input_camera_sees_the_source_again(task_of, two_boxes):
    task = task_of(two_boxes, 35.0, 128, whole=False)
    assembly = GroundTruthAssembler(Settings()).assemble(task, 0)
    camera = cameras.camera_in_frame(task.camera, assembly.world_from_object)
    composed = compose.compose(task, assembly, camera)
    assert composed.object_iou > 0.99
    assert min(composed.part_ious) > 0.99
    assert transforms.similarity_scale(two_boxes.scene_from_normalised) != pytest.approx(1.0)


def test_without_a_scene_or_node_it_says_what_to_do(task_of, two_boxes):
    task = task_of(two_boxes, 0.0, 64, whole=False)
    backend = GroundTruthAssembler(Settings())
    with pytest.raises(BackendError, match="--truth"):
        backend.assemble(dataclasses.replace(task, truth=None), 0)
    bare = dataclasses.replace(task.parts[0], truth_node=None)
    with pytest.raises(BackendError, match="no node"):
        backend.assemble(dataclasses.replace(task, parts=(bare,)), 0)
