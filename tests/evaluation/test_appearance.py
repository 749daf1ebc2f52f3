"""Renders of truth and prediction."""

import numpy as np
import pytest

from evaluation.appearance import AppearanceOptions
from evaluation.functional import PerceptualModels
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import PRESETS
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.geometry import bounds, cameras, transforms
from mmpart_core.geometry.surface import TriangleMesh

Parts = dict[str, TriangleMesh]
PROTOCOL = PRESETS["mmpart"].model_copy(
    update={"points": 500, "whole_points": 500, "metrics": ("appearance", "bbox_iou")}
)
OPTIONS = AppearanceOptions(size_px=64)


def _painted(mesh: TriangleMesh, colour: tuple[int, int, int]) -> TriangleMesh:
    colours = np.tile(np.array([*colour, 255], dtype=np.uint8), (len(mesh.vertices), 1))
    return TriangleMesh(mesh.vertices, mesh.faces, colors=colours)


def _rows(
    truth: Parts, made: Parts | None, options: AppearanceOptions | None = OPTIONS, **facts: object
) -> dict[tuple[str, str], ScoreRow]:
    prediction = None if made is None else Prediction("o", made, **facts)
    rows = score_object(GroundTruthObject("o", truth), prediction, [PROTOCOL], appearance=options)
    return {(row.level, row.name): row for row in rows}


def test_the_same_object_looks_the_same_and_another_colour_or_place_does_not(
    chair: Parts,
) -> None:
    red = {name: _painted(mesh, (200, 20, 20)) for name, mesh in chair.items()}
    same = _rows(red, red)[("object", "o")].values
    assert (same["psnr_db"], same["silhouette_iou"]) == (100.0, 1.0)
    assert same["ssim"] == pytest.approx(1.0)
    blue = {name: _painted(mesh, (20, 20, 200)) for name, mesh in chair.items()}
    other = _rows(red, blue)[("object", "o")].values
    # red and blue swapped: two of three channels are off by 180 of 255 wherever there is surface
    assert other["psnr_db"] == pytest.approx(-10 * np.log10(2 / 3 * (180 / 255) ** 2), abs=1e-6)
    assert other["silhouette_iou"] == 1.0
    moved = {
        name: mesh.transformed(transforms.scale_then_translate(1.0, np.array([0.0, 0.0, 2.0])))
        for name, mesh in red.items()
    }
    shifted = _rows(red, moved)[("object", "o")].values
    assert shifted["silhouette_iou"] < 0.8
    assert shifted["psnr_db"] < 15.0


def test_the_input_view_is_the_camera_of_the_prediction(chair: Parts) -> None:
    used = np.concatenate([mesh.vertices for mesh in chair.values()])
    to_unit = np.linalg.inv(bounds.points_from_unit(used))
    made = {name: mesh.transformed(to_unit) for name, mesh in chair.items()}
    camera = cameras.orbit_camera(90.0, 20.0, 30.0, 64)
    frame = {"frame": "unit_sphere", "camera": camera}
    rows = _rows(chair, made, **frame)
    assert rows[("object", "o")].values["input_silhouette_iou"] == 1.0
    assert rows[("part", "seat")].values["silhouette_iou"] == 1.0
    del made["back"]
    rows = _rows(chair, made, **frame)
    assert rows[("part", "back")].values["silhouette_iou"] == 0.0
    assert 0.1 < rows[("object", "o")].values["input_silhouette_iou"] < 0.9


def test_what_cannot_be_taken_is_unscored_and_failures_count(chair: Parts) -> None:
    whole = _rows(chair, chair)[("object", "o")]
    assert "not configured" in whole.unscored["lpips"]
    assert "input camera" in whole.unscored["input_silhouette_iou"]
    assert not {"lpips", "clip_image", "input_psnr_db"} & set(whole.values)
    assert _rows(chair, chair, None)[("object", "o")].unscored["psnr_db"] == (
        "renders were not asked for"
    )
    failed = _rows(chair, None)[("object", "o")].values
    assert (failed["psnr_db"], failed["ssim"], failed["silhouette_iou"]) == (0.0, 0.0, 0.0)
    models = PerceptualModels(lpips=lambda a, b: float(np.abs(a - b).mean()))
    options = AppearanceOptions(size_px=64, models=models)
    assert _rows(chair, chair, options)[("object", "o")].values["lpips"] == 0.0
