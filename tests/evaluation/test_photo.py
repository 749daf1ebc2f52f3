"""Renders beside a real input picture, and parts beside their names."""

import numpy as np
import pytest

from evaluation.appearance import AppearanceOptions
from evaluation.functional import PerceptualModels
from evaluation.looks import look
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.photo import PHOTO_METRICS, photo_look
from evaluation.protocol import PRESETS
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.geometry import bounds, cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh

Parts = dict[str, TriangleMesh]
PROTOCOL = PRESETS["mmpart"].model_copy(
    update={"points": 500, "whole_points": 500, "metrics": ("appearance", "bbox_iou")}
)
CAMERA = cameras.orbit_camera(0.0, 20.0, 30.0, 64)


def _in_view(chair: Parts) -> Parts:
    used = np.concatenate([mesh.vertices for mesh in chair.values()])
    to_view = np.linalg.inv(bounds.points_from_unit(used))
    return {name: mesh.transformed(to_view) for name, mesh in chair.items()}


def _picture(parts: Parts, scale: int = 1) -> np.ndarray:
    camera = cameras.orbit_camera(0.0, 20.0, 30.0, 64 * scale)
    return RenderScene(list(parts.values())).render(camera, supersample=1).rgba


def _whole(
    chair: Parts, made: Parts, options: AppearanceOptions | None = None, **truth: object
) -> tuple[ScoreRow, dict[str, ScoreRow]]:
    prediction = Prediction("o", made, frame="unit_sphere", camera=CAMERA)
    known = GroundTruthObject("o", chair, **truth)
    look_from = options or AppearanceOptions(size_px=32)
    rows = score_object(known, prediction, [PROTOCOL], appearance=look_from)
    return rows[-1], {row.name: row for row in rows if row.level == "part"}


def test_the_picture_the_prediction_was_rendered_from_is_matched_exactly(chair: Parts) -> None:
    made = _in_view(chair)
    whole, _ = _whole(chair, made, image=_picture(made))
    assert whole.values["photo_psnr_db"] == 100.0
    assert whole.values["photo_ssim"] == pytest.approx(1.0)
    assert whole.values["photo_silhouette_iou"] == 1.0
    assert "not configured" in whole.unscored["photo_lpips"]
    # a larger picture is brought to the camera's size; only edges differ
    large, _ = _whole(chair, made, image=_picture(made, 4))
    assert 0.95 < large.values["photo_silhouette_iou"] <= 1.0
    assert large.values["photo_psnr_db"] > 15.0


def test_a_missing_part_and_another_colour_cost_likeness(chair: Parts) -> None:
    made = _in_view(chair)
    picture = _picture(made)
    without = {name: mesh for name, mesh in made.items() if name != "back"}
    whole, _ = _whole(chair, without, image=picture)
    assert whole.values["photo_silhouette_iou"] < 0.9
    darker = picture.copy()
    darker[..., :3] = 28
    other, _ = _whole(chair, made, image=darker)
    # plain surfaces are 128 grey: 100 of 255 off on every covered pixel
    grey = int(picture[picture[..., 3] > 0][0, 0])
    expected = -20 * np.log10((grey - 28) / 255)
    assert other.values["photo_psnr_db"] == pytest.approx(expected, abs=1e-6)
    assert other.values["photo_silhouette_iou"] == 1.0


def test_masks_say_where_the_object_is_in_an_opaque_picture(chair: Parts) -> None:
    made = _in_view(chair)
    picture = _picture(made)
    mask = picture[..., 3] > 0
    picture[~mask, :3] = 50
    picture[..., 3] = 255
    whole, _ = _whole(chair, made, image=picture)
    assert not set(PHOTO_METRICS) & set(whole.values)
    assert "no masks" in whole.unscored["photo_psnr_db"]
    masked, _ = _whole(chair, made, image=picture, masks={"all": mask})
    assert masked.values["photo_psnr_db"] == 100.0


def test_without_a_picture_there_are_no_such_columns(chair: Parts) -> None:
    whole, _ = _whole(chair, _in_view(chair))
    assert not {name for name in (*whole.values, *whole.unscored) if name.startswith("photo")}
    wide = np.zeros((64, 128, 4), dtype=np.uint8)
    found = photo_look(GroundTruthObject("o", chair, image=wide), CAMERA)
    assert found == "the input picture is 128x64, the input camera sees 64x64: not the same shape"


def test_clip_text_is_taken_only_with_a_model_and_failures_count(chair: Parts) -> None:
    made = {name: mesh for name, mesh in _in_view(chair).items() if name != "back"}
    _, plain = _whole(chair, made)
    assert "clip_text" not in plain["seat"].values
    assert "not configured" in plain["seat"].unscored["clip_text"]
    asked: list[tuple[str, float]] = []

    def likeness(image: np.ndarray, text: str) -> float:
        asked.append((text, float(image.min())))
        return 0.25 if text == "leg 1" else 0.75

    models = PerceptualModels(clip_text=likeness)
    _, rows = _whole(chair, made, AppearanceOptions(size_px=32, models=models))
    assert rows["leg_1"].values["clip_text"] == 0.25
    assert rows["seat"].values["clip_text"] == 0.75
    assert rows["back"].values["clip_text"] == 0.0
    assert len(asked) == 3 * 4
    assert max(dark for _, dark in asked) < 0.9  # the part is in every picture


def test_a_look_is_white_where_nothing_is(chair: Parts) -> None:
    seen = look(RenderScene(list(_in_view(chair).values())), CAMERA)
    assert np.all(seen.rgb[~seen.silhouette] == 1.0)
