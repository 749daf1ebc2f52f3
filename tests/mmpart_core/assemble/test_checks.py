"""Assemblies that cannot be written are refused."""

import numpy as np
import pytest

from mmpart_core.assemble import checks
from mmpart_core.assemble.protocol import Assembly, PlacedPart
from mmpart_core.errors import StageError
from mmpart_core.geometry import transforms


@pytest.fixture
def task(task_of, two_boxes):
    return task_of(two_boxes, size_px=64, whole=False)


def assembly_with(matrix: np.ndarray, count: int = 2) -> Assembly:
    good = PlacedPart(np.eye(4), "by hand")
    return Assembly((PlacedPart(matrix, "by hand"), *[good] * (count - 1)), np.eye(4))


def test_similarity_passes(task):
    matrix = transforms.rotation_z(30.0) @ transforms.scale_then_translate(0.3, np.ones(3))
    checks.check_assembly(assembly_with(matrix), task)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.diag([1.0, 1.0, -1.0, 1.0]), "positive scale"),
        (np.diag([1.0, 2.0, 1.0, 1.0]), "uniform scale"),
        (np.diag([0.0, 0.0, 0.0, 1.0]), "positive scale"),
        (np.full((4, 4), np.nan), "finite"),
        (np.diag([1.0, 1.0, 1.0, 2.0]), "departs"),
    ],
)
def test_other_matrices_are_refused(task, matrix, words):
    with pytest.raises(StageError, match=words) as caught:
        checks.check_assembly(assembly_with(matrix), task)
    assert "'far'" in str(caught.value)


def test_missing_part_is_refused(task):
    with pytest.raises(StageError, match="2 placements expected"):
        checks.check_assembly(assembly_with(np.eye(4), count=1), task)


def test_object_frame_is_checked_too(task):
    good = (PlacedPart(np.eye(4), "by hand"),) * 2
    with pytest.raises(StageError, match="object frame"):
        checks.check_assembly(Assembly(good, np.diag([2.0, 1.0, 1.0, 1.0])), task)
