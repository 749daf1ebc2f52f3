"""How the public metrics read what they are given, and what they advise on mistakes."""

import copy
import inspect

import numpy as np
import pytest
import torch

from evaluation import functional
from mmpart_core.errors import ArgumentError, MMPartError
from tests.evaluation.functional.conftest import FACES, OTHER, PICTURE, POINTS, VERTICES


def test_advice_fits_common_mistakes() -> None:
    for bad, words in ((POINTS.T, "transpose"), (POINTS[None], "batch one by one")):
        with pytest.raises(ArgumentError, match=words):
            functional.chamfer_distance(bad, POINTS)
    for mesh_faces, words in (
        (FACES[:, [0, 1, 2, 2]], "into triangles"), (FACES.astype(float), "astype"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=words):
            functional.solid_volume(VERTICES, mesh_faces)


def test_no_faces_are_an_empty_list_or_rows_of_three() -> None:
    for none in ([], np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)):
        assert functional.connected_components(VERTICES, none) == 0
    for wrong in (np.zeros((0, 4), dtype=np.int64), np.zeros((3, 0), dtype=np.int64)):
        with pytest.raises(ArgumentError, match=r"faces: expected triangles \(F, 3\), got shape"):
            inspect.unwrap(functional.connected_components)(VERTICES, wrong)


def test_an_argument_error_is_one_of_ours_and_a_value_error() -> None:
    with pytest.raises(ValueError, match="points") as caught:
        functional.point_tree([])
    assert isinstance(caught.value, MMPartError)
    assert str(copy.copy(caught.value)) == str(caught.value)


def test_bytes_are_read_as_brightness_and_other_ranges_on_request() -> None:
    first = (PICTURE * 255.0).round().astype(np.uint8)
    second = first[::-1].copy()
    floats = first / 255.0, second / 255.0
    for metric in (functional.psnr, functional.ssim):
        expected = metric(*floats)
        assert metric(first, second) == pytest.approx(expected, abs=1e-12)
        assert metric(first, floats[1]) == pytest.approx(expected, abs=1e-12)
        wide = metric(floats[0] * 1023.0, floats[1] * 1023.0, data_range=1023.0)
        assert wide == pytest.approx(expected, abs=1e-9)


def test_the_length_of_normals_does_not_count() -> None:
    given = {"prediction": POINTS, "truth": OTHER, "truth_normals": POINTS}
    plain = functional.normal_consistency(**given, prediction_normals=OTHER)
    longer = OTHER * np.linspace(0.5, 3.0, 40)[:, None]
    found = functional.normal_consistency(**given, prediction_normals=longer)
    assert found == pytest.approx(plain, abs=1e-12)
    assert 0.0 <= found <= 1.0


def test_vertices_that_no_face_uses_do_not_matter() -> None:
    more = np.concatenate([VERTICES, [[np.nan] * 3]])
    assert functional.solid_volume(more, FACES) == functional.solid_volume(VERTICES, FACES)
    assert functional.volume_iou(more, FACES, VERTICES, FACES) == 1.0


def test_half_precision_tensors_and_lists_of_tensors_are_read() -> None:
    exact = torch.tensor([[0.0, 0.5, 1.0], [2.0, 0.25, 0.0]])
    for given in (exact.bfloat16(), exact.half(), list(exact.requires_grad_())):
        assert functional.chamfer_distance(given, exact) == 0.0
