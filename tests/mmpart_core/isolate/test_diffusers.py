"""The open-weight isolator on tiny random pipelines: loading, drawing, seeds, refusals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpart_core.backends import open_backend
from mmpart_core.errors import BackendError, ConfigError
from mmpart_core.geometry import cameras
from mmpart_core.isolate.backends import diffusers as isolator
from mmpart_core.isolate.edit_model import EditModel, Loading, load_model
from mmpart_core.isolate.edit_pipelines import LICENSES, PIPELINES, call_arguments
from mmpart_core.isolate.protocol import ImageEditor, IsolationTask
from mmpart_core.records import ImageRef, PartPrompt
from tests.mmpart_core.isolate.tiny_pipelines import KINDS, save_tiny

WIDTH, HEIGHT = 96, 64
CANVAS = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
EDIT_PLUS = "diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus"
CANVAS[16:40, 20:60] = [200, 50, 30, 255]


@pytest.fixture(autouse=True)
def small_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Qwen-Image-Edit-Plus looks at pictures of a million pixels, whatever the canvas."""
    for name in ("VAE_IMAGE_SIZE", "CONDITION_IMAGE_SIZE"):
        monkeypatch.setattr(f"{EDIT_PLUS}.{name}", 64 * 64)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_tiny(tmp_path_factory.mktemp("pipeline"), kind) for kind in KINDS}


def loaded(folder: Path) -> EditModel:
    return load_model(Loading(str(folder), "", "cpu", "auto", "resident"))


def task() -> IsolationTask:
    foreground = CANVAS[..., 3] > 0
    prompt = PartPrompt(
        component="block", prompt="only the block", index=0, regions=(None,), counts=(1,),
        names=("block",), camera=cameras.orbit_camera(0.0, 20.0, 30.0, WIDTH),
        foreground=ImageRef(sha256="0" * 64, size=1, media="image/png", width=WIDTH, height=HEIGHT),
    )  # fmt: skip
    return IsolationTask(CANVAS, foreground, prompt)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_pipeline_draws_the_same_picture_for_the_same_seed(
    folders: dict[str, Path], kind: str
) -> None:
    model = loaded(folders[kind])
    one, again, other, words = (
        model.draw(CANVAS, prompt, seed, 2, None)
        for prompt, seed in [("only it", 3), ("only it", 3), ("only it", 4), ("all but it", 3)]
    )
    assert one.shape == CANVAS.shape
    assert one[..., :3].std() > 5
    assert np.array_equal(one, again)
    assert np.abs(one.astype(int) - other).mean() > 5
    assert not np.array_equal(one, words)
    image = CANVAS.copy()
    image[..., :3] = 255 - image[..., :3]
    image[..., 3] = 255
    assert not np.array_equal(one, model.draw(image, "only it", 3, 2, None))


def test_every_listed_pipeline_is_run() -> None:
    assert set(KINDS) == set(PIPELINES)


def test_a_pipeline_with_alpha_sees_and_draws_transparency(folders: dict[str, Path]) -> None:
    model = loaded(folders["QwenImage21Pipeline"])
    drawn = model.draw(CANVAS, "only it", 3, 1, None)
    assert drawn[..., 3].std() > 5
    opaque = CANVAS.copy()
    opaque[..., 3] = 255
    assert not np.array_equal(drawn, model.draw(opaque, "only it", 3, 1, None))


def test_what_a_random_model_draws_is_rejected_each_try_with_its_reason(
    folders: dict[str, Path],
) -> None:
    settings = isolator.Settings(
        checkpoint=str(folders["FluxKontextPipeline"]), steps=1, canvas_px=WIDTH * HEIGHT, tries=2,
        device="cpu",
    )  # fmt: skip
    editor = isolator.DiffusersEditor(settings)
    assert isinstance(editor, ImageEditor)
    editor.open()
    with pytest.raises(BackendError, match=r"part 'block': none of 2 pictures.*try 2:") as raised:
        editor.isolate(task(), 0)
    assert raised.value.cost_usd == 0.0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "none is named"),
        ({"checkpoint": "black-forest-labs/FLUX.2-klein-4B"}, "needs isolate.revision"),
    ],
)
def test_nothing_is_fetched_unless_a_repository_and_its_commit_are_named(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        open_backend("isolate", "diffusers", settings)


def test_other_pipelines_and_broken_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"as diffusers saves it.*check the folder"):
        loaded(tmp_path)
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "KandinskyPipeline"}))
    with pytest.raises(ConfigError, match="got KandinskyPipeline"):
        loaded(tmp_path)


def test_calls_hold_what_each_pipeline_takes() -> None:
    assert call_arguments(PIPELINES["Flux2KleinPipeline"], 96, 64, None, None) == {
        "num_inference_steps": 4, "guidance_scale": 1.0, "height": 64, "width": 96,
    }  # fmt: skip
    qwen = call_arguments(PIPELINES["QwenImageEditPlusPipeline"], 96, 64, 7, 3.0)
    assert qwen["true_cfg_scale"] == 3.0
    assert qwen["num_inference_steps"] == 7
    assert qwen["negative_prompt"] == " "
    assert "height" not in call_arguments(
        PIPELINES["StableDiffusionInstructPix2PixPipeline"], 96, 64, None, None
    )


def test_every_row_of_the_table_is_a_pipeline_that_takes_these_arguments() -> None:
    import inspect

    import diffusers as library

    for name, kind in PIPELINES.items():
        taken = inspect.signature(getattr(library, name).__call__).parameters
        assert set(call_arguments(kind, 64, 64, None, None)) | {"image", "prompt"} <= set(taken)


def test_the_licence_of_a_checkpoint_is_told() -> None:
    assert "non-commercial" in LICENSES["black-forest-labs/FLUX.1-Kontext-dev"]
    assert LICENSES["black-forest-labs/FLUX.2-klein-4B"] == "Apache-2.0"
    assert isolator.LICENSES.items() >= LICENSES.items()
    assert isolator.LICENSES["birefnet-general"] == "MIT"
