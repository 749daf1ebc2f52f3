"""Shapes with known answers, and rows of scores of whole objects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import trimesh

from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import PRESETS, Protocol
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.geometry import transforms
from mmpart_core.geometry.surface import TriangleMesh

Parts = dict[str, TriangleMesh]
Corner = tuple[float, float, float]
SMALL = {
    name: preset.model_copy(update={"points": 2000, "whole_points": 3000})
    for name, preset in PRESETS.items()
}


def _surface(mesh: trimesh.Trimesh) -> TriangleMesh:
    return TriangleMesh(np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int64))


def _box(low: Corner, high: Corner) -> TriangleMesh:
    low_array, high_array = np.array(low, dtype=float), np.array(high, dtype=float)
    mesh = trimesh.creation.box(extents=high_array - low_array)
    mesh.apply_translation((low_array + high_array) / 2.0)
    return _surface(mesh)


@pytest.fixture(scope="session")
def box() -> Callable[[Corner, Corner], TriangleMesh]:
    """Makes a closed box between two corners."""
    return _box


@pytest.fixture(scope="session")
def as_surface() -> Callable[[trimesh.Trimesh], TriangleMesh]:
    """A trimesh as one of ours."""
    return _surface


@pytest.fixture(scope="session")
def chair() -> dict[str, TriangleMesh]:
    """A seat, a back and two legs that touch but do not overlap; off centre, not of unit size."""
    return {
        "seat": _box((2.0, 2.0, 3.0), (6.0, 6.0, 3.5)),
        "back": _box((2.0, 2.0, 3.5), (2.5, 6.0, 8.0)),
        "leg_1": _box((2.0, 2.0, 0.0), (2.6, 2.6, 3.0)),
        "leg_2": _box((5.4, 5.4, 0.0), (6.0, 6.0, 3.0)),
    }


def rows_of(
    truth: Parts, made: Parts | None, protocol: Protocol, **facts: Any
) -> dict[tuple[str, str], ScoreRow]:
    """What a prediction scores under one protocol: (level, name) -> row."""
    prediction = None if made is None else Prediction("chair", made, **facts)
    rows = score_object(GroundTruthObject("chair", truth), prediction, [protocol])
    return {(row.level, row.name): row for row in rows}


def moved(parts: Parts, matrix: np.ndarray) -> Parts:
    """Every part moved by one matrix (4, 4)."""
    return {name: mesh.transformed(matrix) for name, mesh in parts.items()}


def scaled(factor: float) -> np.ndarray:
    """The matrix that scales about the origin."""
    return transforms.scale_then_translate(factor, np.zeros(3))
