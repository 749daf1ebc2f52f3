"""What a result lacks, on shapes whose faults are known."""

import importlib
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
import trimesh

from mmpart_core.geometry import transforms
from mmpart_core.geometry.surface import TriangleMesh
from tests.benchmarks.conftest import Load


def mesh_of(shape: trimesh.Trimesh) -> TriangleMesh:
    return TriangleMesh(np.asarray(shape.vertices), np.asarray(shape.faces, dtype=np.int64))


TUBE = mesh_of(trimesh.creation.annulus(r_min=0.7, r_max=0.8, height=0.3, sections=64))
DISC = mesh_of(trimesh.creation.cylinder(radius=0.8, height=0.3, sections=64))


@pytest.fixture(scope="module")
def losses(load: Load) -> Callable[[TriangleMesh, TriangleMesh], list[Any]]:
    """What one shape lacks as a result of another, at both tolerances."""
    condition, truth = load("condition").Condition(size_px=160), load("truth")
    shape_loss = importlib.import_module("benchmarks.shape_loss")
    eyes = [
        transforms.to_array(each.world_from_camera)[:3, 3] for each in condition.training_cameras()
    ]

    def found(made: TriangleMesh, true: TriangleMesh) -> list[Any]:
        known = truth.known_truth(true, condition)
        return list(shape_loss.losses(made, true, known, eyes).values())

    return found


def test_the_part_itself_lacks_nothing(losses: Any) -> None:
    for found in losses(TUBE, TUBE):
        assert astuple(found) == (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0)


def test_a_hole_that_is_filled_is_covered_and_too_much(losses: Any) -> None:
    for found in losses(DISC, TUBE):
        assert found.covered > 0.1
        assert found.too_much > 0.3
        assert found.worn < 0.02
        assert found.f < found.f_uncovered <= 1.0
        assert found.f < found.f_seen_right <= 1.0


def test_a_hole_that_should_not_be_is_worn(losses: Any) -> None:
    for found in losses(TUBE, DISC):
        assert found.worn > 0.2
        assert found.covered < 0.02
