"""Agreement with the source is measured where parts are seen."""

import dataclasses

import numpy as np
import pytest

from mmpart_core.assemble import compose
from mmpart_core.assemble.backends.groundtruth import GroundTruthAssembler, Settings
from mmpart_core.assemble.protocol import Assembly, PlacedPart
from mmpart_core.geometry import cameras, transforms


@pytest.fixture
def placed(task_of, two_boxes):
    task = task_of(two_boxes, 0.0, 128, whole=False)
    return task, GroundTruthAssembler(Settings()).assemble(task, 0)


def composed_of(task, assembly: Assembly) -> compose.Composed:
    camera = cameras.camera_in_frame(task.camera, assembly.world_from_object)
    return compose.compose(task, assembly, camera)


def test_a_moved_part_lowers_its_own_figure_and_that_of_what_it_hides(placed):
    task, assembly = placed
    near = [part.component for part in task.parts].index("near")
    aside = np.eye(4)
    aside[1, 3] = 0.6
    moved = list(assembly.placed)
    moved[near] = PlacedPart(aside @ moved[near].world_from_part, "moved")
    before = composed_of(task, assembly)
    after = composed_of(task, dataclasses.replace(assembly, placed=tuple(moved)))
    assert after.part_ious[near] < 0.8 < before.part_ious[near]
    assert after.part_ious[1 - near] < before.part_ious[1 - near]
    assert after.object_iou < before.object_iou


def test_a_hidden_part_has_no_figure(placed):
    task, assembly = placed
    unseen = dataclasses.replace(task.parts[0], visible=np.zeros((128, 128), dtype=bool))
    task = dataclasses.replace(task, parts=(unseen, *task.parts[1:]))
    assert composed_of(task, assembly).part_ious[0] is None


def test_large_images_are_compared_at_preview_size(task_of, two_boxes):
    task = task_of(two_boxes, 0.0, 1000, whole=False)
    composed = composed_of(task, GroundTruthAssembler(Settings()).assemble(task, 0))
    assert composed.preview.shape == (768, 768, 4)
    assert min(composed.part_ious) > 0.98


def test_nodes_keep_the_part_frame(placed):
    task, assembly = placed
    for node, part, each in zip(
        composed_of(task, assembly).nodes, task.parts, assembly.placed, strict=True
    ):
        assert node.name == part.component
        assert node.mesh is part.mesh
        assert transforms.to_tuple(node.world_from_node) == transforms.to_tuple(
            each.world_from_part
        )
        assert node.extras["component"] == part.component


@pytest.mark.parametrize("azimuth", [0.0, 70.0])
def test_chosen_parts_of_a_known_scene_are_compared_with_their_own_outline(
    task_of, two_boxes, azimuth
):
    task = task_of(two_boxes, azimuth, 256, whole=False)
    far = [part.component for part in task.parts].index("far")
    alone = dataclasses.replace(task, parts=(task.parts[far],), chosen=("far",))
    assembly = GroundTruthAssembler(Settings()).assemble(alone, 0)
    composed = composed_of(alone, assembly)
    assert composed.object_iou > 0.98
    assert composed.part_ious[0] > 0.98
    # Asked for both, the missing one hides some of it in the source.
    both = dataclasses.replace(alone, chosen=("near", "far"))
    assert composed_of(both, assembly).part_ious[0] < 0.95
