"""Pictures against torchmetrics; counts and names; metrics without weights."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from evaluation import functional
from evaluation.functional.counts import label_of, plain_name
from mmpart_core.torchvision_compat import declare_missing_operators


def _pictures(seed: int = 0, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.random((40, 48, 3))
    return first, np.clip(first + noise * rng.normal(size=first.shape), 0.0, 1.0)


def _batch(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def test_psnr_and_ssim_agree_with_torchmetrics() -> None:
    declare_missing_operators()
    from torchmetrics.functional import image

    first, second = _pictures()
    expected = float(image.peak_signal_noise_ratio(_batch(second), _batch(first), data_range=1.0))
    assert functional.psnr(second, first) == pytest.approx(expected, abs=1e-5)
    # the two leave out borders of different width, so their means differ a little
    expected = float(
        image.structural_similarity_index_measure(_batch(second), _batch(first), data_range=1.0)
    )
    assert functional.ssim(second, first) == pytest.approx(expected, abs=5e-4)


def test_pictures_by_laws() -> None:
    first, slightly = _pictures(noise=0.02)
    _, badly = _pictures(noise=0.3)
    assert functional.psnr(first, first) == 100.0
    assert functional.ssim(first, first) == pytest.approx(1.0)
    assert functional.psnr(slightly, first) > functional.psnr(badly, first)
    assert functional.ssim(slightly, first) > functional.ssim(badly, first)


def test_a_mask_keeps_the_ground_out_of_psnr() -> None:
    truth, prediction = np.zeros((20, 20, 3)), np.zeros((20, 20, 3))
    prediction[:10] = 0.5
    mask = np.zeros((20, 20), dtype=bool)
    mask[:10] = True
    assert functional.psnr(prediction, truth, mask) == pytest.approx(-10 * np.log10(0.25))
    with pytest.raises(ValueError, match="at least one pixel"):
        functional.psnr(prediction, truth, np.zeros((20, 20), dtype=bool))


def test_silhouettes_by_hand() -> None:
    first, second = np.zeros((4, 4), dtype=bool), np.zeros((4, 4), dtype=bool)
    assert functional.silhouette_iou(first, second) is None
    first[:2], second[1:3] = True, True
    assert functional.silhouette_iou(first, second) == pytest.approx(4 / 12)
    assert functional.silhouette_iou(first, first) == 1.0


def test_without_weights_a_metric_is_unscored_and_with_them_it_is_taken() -> None:
    picture = np.zeros((16, 16, 3))
    none = functional.PerceptualModels()
    for found in (
        functional.lpips(picture, picture, none),
        functional.clip_image_similarity(picture, picture, none),
        functional.clip_text_similarity(picture, "seat", none),
    ):
        assert isinstance(found, functional.Unscored)
        assert "not configured" in found.reason
    given = functional.PerceptualModels(lpips=lambda a, b: float(np.abs(a - b).mean()))
    assert functional.lpips(picture, picture + 0.5, given) == 0.5


def test_counts_and_names() -> None:
    assert functional.part_count_error(3, 5) == functional.part_count_error(7, 5) == 2
    assert functional.name_accuracy({"a": "A", "b c": "b_c", "d": "a", "e": None}) == 0.5
    assert functional.name_accuracy({}) is None
    assert functional.success_rate({"a"}, ["a", "b"]) == 0.5
    assert functional.success_rate([], []) is None
    assert plain_name("Front-Left  wheel") == plain_name("front_left_wheel")
    assert [label_of(name) for name in ("leg 2", "leg.001", "Leg", "42")] == [
        "leg", "leg", "leg", "42",
    ]  # fmt: skip


def test_the_functions_need_neither_torch_nor_prefect() -> None:
    code = (
        "import sys, evaluation.functional, evaluation.scorecard, evaluation.loaders; "
        "print([m for m in ('torch', 'prefect', 'dask') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
