"""What the public metrics refuse and take: every function, every kind of argument."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from evaluation import functional
from mmpart_core.errors import ArgumentError
from tests.evaluation.functional.conftest import FACES, OTHER, PICTURE, POINTS, VERTICES

Arguments = dict[str, Any]

MASK = np.tri(16, dtype=bool)
GRID = functional.occupancy(VERTICES, FACES, 0.25)
NEAREST = functional.nearest_distances(POINTS, OTHER)
MODELS = functional.PerceptualModels(
    lpips=lambda a, b: float(np.abs(a - b).mean()),
    clip_image=lambda a, b: float((a * b).mean()),
    clip_text=lambda a, text: float(a.mean()) + len(text),
)
SHAPES = {"P 3": "(P, 3)", "F 3": "(F, 3)", "3": "(3,)", "H W C": "(H, W, C)", "H W": "(H, W)"}
MESH = {"vertices": VERTICES, "faces": FACES}
TWO_MESHES = {
    f"{side}_{name}": value for side in ("prediction", "truth") for name, value in MESH.items()
}
PAIR = {"prediction": POINTS, "truth": OTHER}
PICTURES = {"prediction": PICTURE, "truth": PICTURE[::-1].copy()}
ZERO, ONE = np.zeros(3), np.ones(3)

ARRAYS: dict[str, tuple[Arguments, dict[str, str]]] = {
    "bbox_iou": (
        {"first_low": ZERO, "first_high": ONE, "second_low": ZERO, "second_high": ONE * 2},
        dict.fromkeys(["first_low", "first_high", "second_low", "second_high"], "3"),
    ),
    "centroid_error_pct": (
        {"prediction": ZERO, "truth": ONE, "diagonal": 2.0},
        {"prediction": "3", "truth": "3"},
    ),
    "chamfer_distance": (PAIR, dict.fromkeys(PAIR, "P 3")),
    "clip_image_similarity": (PICTURES | {"models": MODELS}, dict.fromkeys(PICTURES, "H W C")),
    "clip_text_similarity": (
        {"prediction": PICTURE, "text": "seat", "models": MODELS},
        {"prediction": "H W C"},
    ),
    "connected_components": (MESH, {"vertices": "P 3", "faces": "F 3"}),
    "f_score": (PAIR, dict.fromkeys(PAIR, "P 3")),
    "icp": ({"points": POINTS, "fixed": functional.point_tree(OTHER)}, {"points": "P 3"}),
    "is_watertight": (MESH, {"vertices": "P 3", "faces": "F 3"}),
    "lpips": (PICTURES | {"models": MODELS}, dict.fromkeys(PICTURES, "H W C")),
    "nearest_distances": (PAIR, dict.fromkeys(PAIR, "P 3")),
    "normal_consistency": (
        PAIR | {"prediction_normals": OTHER, "truth_normals": POINTS},
        dict.fromkeys([*PAIR, "prediction_normals", "truth_normals"], "P 3"),
    ),
    "normals_from_distances": (
        {"nearest": NEAREST, "prediction_normals": OTHER, "truth_normals": POINTS},
        dict.fromkeys(["prediction_normals", "truth_normals"], "P 3"),
    ),
    "occupancy": (MESH, {"vertices": "P 3", "faces": "F 3"}),
    "penetration_volume": (
        {"first_vertices": VERTICES, "first_faces": FACES, "second_vertices": VERTICES + 0.2,
         "second_faces": FACES},
        {"first_vertices": "P 3", "first_faces": "F 3", "second_vertices": "P 3",
         "second_faces": "F 3"},
    ),
    "point_tree": ({"points": POINTS}, {"points": "P 3"}),
    "psnr": (PICTURES | {"mask": MASK}, dict.fromkeys(PICTURES, "H W C") | {"mask": "H W"}),
    "rotation_error_deg": (PAIR, dict.fromkeys(PAIR, "P 3")),
    "sample_surface": (
        MESH | {"count": 10, "seed": 0}, {"vertices": "P 3", "faces": "F 3"},
    ),
    "scale_error_pct": (
        {"prediction_extent": ONE, "truth_extent": ONE * 2, "diagonal": 2.0},
        {"prediction_extent": "3", "truth_extent": "3"},
    ),
    "seen_from_outside": (
        MESH | {"points": VERTICES[:2], "directions": 8},
        {"vertices": "P 3", "faces": "F 3", "points": "P 3"},
    ),
    "silhouette_iou": (
        {"prediction": MASK, "truth": MASK.T}, {"prediction": "H W", "truth": "H W"},
    ),
    "solid_volume": (MESH, {"vertices": "P 3", "faces": "F 3"}),
    "ssim": (PICTURES, dict.fromkeys(PICTURES, "H W C")),
    "surface_centroid": (MESH, {"vertices": "P 3", "faces": "F 3"}),
    "topology": (MESH, {"vertices": "P 3", "faces": "F 3"}),
    "volume_iou": (
        TWO_MESHES, {name: "F 3" if name.endswith("faces") else "P 3" for name in TWO_MESHES},
    ),
    "voxelize_points": ({"points": POINTS, "pitch": 0.1}, {"points": "P 3"}),
    "voxelize_surface": (MESH | {"pitch": 0.1}, {"vertices": "P 3", "faces": "F 3"}),
}  # fmt: skip
"""Public functions that take arrays: arguments that work, and which of them are arrays of what."""

OTHERS: dict[str, list[Arguments]] = {
    "chamfer_from_distances": [
        {"nearest": POINTS}, {"nearest": NEAREST, "reduction": "max"},
        {"nearest": NEAREST.scaled(float("nan"))},
    ],
    "f_from_distances": [
        {"nearest": POINTS, "tau": 0.1}, {"nearest": NEAREST, "tau": -0.1},
        {"nearest": NEAREST, "tau": float("nan")}, {"nearest": NEAREST.scaled(-1.0), "tau": 0.1},
    ],
    "fill_voxels": [{"grid": POINTS}],
    "mutual_iou": [{"parts": [POINTS, GRID]}, {"parts": GRID}],
    "name_accuracy": [{"matched": ["seat"]}, {"matched": {"seat": 1}}],
    "part_count_error": [{"predicted": -1, "expected": 2}, {"predicted": 1.5, "expected": 2}],
    "penetration_pct": [
        {"volume": float("nan"), "first_volume": 1.0, "second_volume": 1.0},
        {"volume": 0.1, "first_volume": -1.0, "second_volume": 1.0},
    ],
    "success_rate": [
        {"made": ["a", "b", "c"], "expected": ["a"]}, {"made": "a", "expected": ["a"]},
        {"made": ["a"], "expected": [1]},
    ],
    "voxel_f_score": [{"prediction": GRID, "truth": POINTS}],
    "voxel_iou": [{"first": POINTS, "second": GRID}],
}  # fmt: skip
"""Public functions that take no arrays: arguments that have no meaning."""


def _function(name: str) -> Callable[..., Any]:
    """As users have it: tests check shapes beforehand, which hides what is refused inside."""
    return inspect.unwrap(getattr(functional, name))


def _plain(value: Any) -> Any:
    if isinstance(value, functional.NearestDistances):
        return [each.tolist() for each in (value.to_truth, value.to_prediction)]
    if isinstance(value, functional.VoxelGrid):
        return value.cells.tolist()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "matrix"):
        return value.matrix().tolist()
    if hasattr(value, "indices"):
        return value.indices.tolist()
    return value.tolist() if isinstance(value, np.ndarray) else value


def _as_tensor(value: np.ndarray) -> torch.Tensor:
    tensor = torch.from_numpy(value.copy())
    return tensor.requires_grad_() if tensor.is_floating_point() else tensor


CASES = [(name, each) for name, (_, arrays) in ARRAYS.items() for each in arrays]


def test_every_public_function_is_in_one_of_the_tables() -> None:
    public = {name for name in functional.__all__ if inspect.isfunction(getattr(functional, name))}
    assert public == {*ARRAYS, *OTHERS}


@pytest.mark.parametrize("convert", [_as_tensor, np.ndarray.tolist], ids=["torch", "lists"])
@pytest.mark.parametrize("name", list(ARRAYS))
def test_tensors_and_lists_give_what_numpy_gives(
    name: str, convert: Callable[[np.ndarray], Any]
) -> None:
    given, arrays = ARRAYS[name]
    expected = _plain(getattr(functional, name)(**given))
    converted = {key: convert(given[key]) if key in arrays else given[key] for key in given}
    found = _plain(getattr(functional, name)(**converted))
    assert str(found) == str(expected)


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_a_wrong_array_is_refused_by_name_with_shapes(name: str, argument: str) -> None:
    given, arrays = ARRAYS[name]
    value, kind = given[argument], arrays[argument]
    wrong = [value[None], value[..., 0] if value.ndim > 1 else value[:2]]
    if kind in ("P 3", "F 3"):
        wrong += [value[:, :2], np.concatenate([value, value[:, :1]], axis=1), value.T]
    for bad in wrong:
        with pytest.raises(ArgumentError) as caught:
            _function(name)(**given | {argument: bad})
        assert str(caught.value).startswith(f"{argument}: expected"), caught.value
        assert str(bad.shape) in str(caught.value)
        assert SHAPES[kind] in str(caught.value)


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_what_is_not_finite_is_refused_and_said(name: str, argument: str) -> None:
    given, arrays = ARRAYS[name]
    value = given[argument].astype(np.float64)
    for bad_number in (np.nan, np.inf):
        bad = value.copy()
        bad.reshape(-1)[0] = bad_number
        words = {"F 3": "whole numbers", "H W": "only 0 and 1"}.get(arrays[argument], "finite")
        with pytest.raises(ArgumentError, match=rf"^{argument}: .*{words}"):
            _function(name)(**given | {argument: bad})


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_nothing_texts_and_ragged_rows_are_refused(name: str, argument: str) -> None:
    given, arrays = ARRAYS[name]
    bad = ["abc", None, [[1.0, 2.0], [1.0]], {"x": 1.0}]
    if argument == "mask":
        bad.remove(None)
    no_faces_is_an_answer = name in ("topology", "is_watertight", "connected_components")
    if not no_faces_is_an_answer or arrays[argument] != "F 3":
        bad += [[], given[argument][:0]]
    for value in bad:
        with pytest.raises(ArgumentError, match=rf"^{argument}"):
            _function(name)(**given | {argument: value})


@pytest.mark.parametrize("name", list(OTHERS))
def test_other_arguments_without_meaning_are_refused(name: str) -> None:
    for given in OTHERS[name]:
        with pytest.raises(ArgumentError, match=r"expected .*(got|are not)"):
            _function(name)(**given)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("chamfer_distance", {"reduction": "max"}, "expected one of 'sum', 'mean', got 'max'"),
        ("chamfer_distance", {"norm": "linf"}, "norm: expected one of 'l1', 'l2'"),
        ("f_score", {"taus": (0.1, -1.0)}, "tau: expected a finite number above 0, got -1"),
        ("f_score", {"taus": 0.1}, "taus: expected a Sequence, got a float"),
        ("volume_iou", {"truth_faces": FACES - 1}, "indices from 0 to 7, .* got -1 to 6"),
        ("volume_iou", {"truth_faces": FACES + 1}, "got 1 to 8"),
        ("volume_iou", {"pitch": 0.0}, "pitch: expected a finite number above 0"),
        ("volume_iou", {"pitch": 1e-5}, "at most 512"),
        ("icp", {"fixed": OTHER}, "fixed: expected a KDTree, got a ndarray; point_tree"),
        ("psnr", {"prediction": PICTURE * 255.0}, "expected values from 0 to 1, got .* uint8"),
        ("ssim", {"truth": PICTURE * 255.0}, "expected values from 0 to 1"),
        ("psnr", {"truth": PICTURE.transpose(2, 0, 1)}, "put the channels last"),
        ("psnr", {"truth": PICTURE[:9]}, r"expected one shape, got shape \(16, 16, 3\) and"),
        ("ssim", {"truth": PICTURE[:9], "prediction": PICTURE[:9]}, "at least 11 x 11"),
        ("silhouette_iou", {"truth": MASK * 255}, "mask > 0"),
        ("normal_consistency", {"truth_normals": POINTS * 0.0}, "have length 0"),
        ("normal_consistency", {"truth_normals": POINTS[:9]}, "each of 40 points, got 9"),
        ("bbox_iou", {"first_low": ONE * 3}, "lowest corner before the highest"),
        ("bbox_iou", {"thinnest": -1.0}, "thinnest: expected a finite number from 0 up"),
        ("centroid_error_pct", {"diagonal": 0.0}, "diagonal: expected a finite number above 0"),
        ("sample_surface", {"count": 0}, "count: expected a whole number from 1 up, got 0"),
        ("sample_surface", {"seed": -1}, "seed: expected a whole number from 0 up, got -1"),
        ("sample_surface", {"vertices": VERTICES * 0.0}, "face of positive area"),
        ("rotation_error_deg", {"truth": POINTS[:1]}, r"at least 2 points \(P, 3\), got 1"),
        ("clip_text_similarity", {"text": " "}, "got an empty text"),
        ("lpips", {"truth": PICTURE[..., :1]}, r"\(H, W, 3\), got 1 channels"),
    ],
)
def test_options_and_values_without_meaning_are_refused(
    name: str, changes: Arguments, words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        _function(name)(**ARRAYS[name][0] | changes)
