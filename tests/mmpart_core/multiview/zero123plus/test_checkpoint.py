"""Checkpoints as they are published: on disk, in two formats, with the names of their time."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from mmpart_core.errors import ConfigError
from mmpart_core.multiview.backends.zero123plus import run

NETWORKS = ("vae", "text_encoder", "unet", "vision_encoder")


@pytest.fixture
def checkpoint() -> Any:
    from mmpart_core.multiview.zero123plus import checkpoint

    return checkpoint


@pytest.fixture
def broken(toy_folder: Path, tmp_path: Path) -> Path:
    """A copy of the toy checkpoint, to be broken."""
    return Path(shutil.copytree(toy_folder, tmp_path / "toy"))


def same_weights(one: Any, other: Any) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


@pytest.mark.parametrize("weights", ["safetensors", "bin"])
def test_what_was_saved_comes_back(
    bench: Any,
    components: Any,
    checkpoint: Any,
    tmp_path: Path,
    weights: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    bench.toy.save_toy(components, tmp_path / "toy", weights)
    capfd.readouterr()
    loaded = checkpoint.load_components(tmp_path / "toy", torch.float32)
    assert capfd.readouterr() == ("", "")
    assert all(same_weights(loaded[key], components[key]) for key in NETWORKS)
    assert not any(loaded[key].training for key in NETWORKS)
    assert loaded["ramping_coefficients"] == components["ramping_coefficients"]
    empty = {"padding": "max_length", "max_length": 77}
    assert loaded["tokenizer"]([""], **empty) == components["tokenizer"]([""], **empty)


def test_a_loaded_checkpoint_draws_the_same_picture(
    components: Any, checkpoint: Any, toy_folder: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 4), np.uint8)
    loaded = checkpoint.load_components(toy_folder, torch.float32)
    drawn = []
    for parts in (components, loaded):
        generator = torch.Generator().manual_seed(0)
        latents, _ = run(
            parts,
            Image.fromarray(pixels),
            steps=2,
            guidance=4.0,
            num_images=1,
            height=48,
            width=32,
            noise=lambda shape, generator=generator: torch.randn(shape, generator=generator),
        )
        drawn.append(latents)
    torch.testing.assert_close(*drawn, rtol=0.0, atol=1e-5)


def test_timesteps_are_trailing_whatever_the_file_says(checkpoint: Any, toy_folder: Path) -> None:
    file = toy_folder / "scheduler" / "scheduler_config.json"
    assert json.loads(file.read_text())["timestep_spacing"] == "linspace"
    scheduler = checkpoint.load_components(toy_folder, torch.float32)["scheduler"]
    scheduler.set_timesteps(4)
    assert scheduler.timesteps.tolist() == [999.0, 749.0, 499.0, 249.0]


def test_the_vae_sees_pixels_as_it_was_trained_to(checkpoint: Any, toy_folder: Path) -> None:
    extractor = checkpoint.load_components(toy_folder, torch.float32)["feature_extractor_vae"]
    white = extractor(images=Image.new("RGB", (100, 64), "white"), return_tensors="pt").pixel_values
    assert white.shape == (1, 3, 64, 64)
    assert torch.allclose(white, torch.tensor((1.0 - 0.5) / 0.8))


def test_half_precision_is_loaded_as_such(checkpoint: Any, toy_folder: Path) -> None:
    loaded = checkpoint.load_components(toy_folder, torch.float16)
    assert {loaded[key].dtype for key in NETWORKS} == {torch.float16}


def test_missing_weights_are_not_made_up(checkpoint: Any, broken: Path) -> None:
    file = broken / "text_encoder" / "model.safetensors"
    state = load_file(file)
    state.pop("text_model.final_layer_norm.weight")
    save_file(state, file, {"format": "pt"})
    with pytest.raises(ConfigError, match=r"text_encoder lacks 1 weights, .*final_layer_norm"):
        checkpoint.load_components(broken, torch.float32)


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        ("model_index.json", "expected model_index.json with a list 'ramping_coefficients'"),
        ("vae", "vae cannot be loaded as AutoencoderKL"),
        ("tokenizer", "tokenizer has no vocabulary"),
        ("scheduler", "scheduler cannot be loaded"),
        ("unet/diffusion_pytorch_model.safetensors", "unet cannot be loaded"),
    ],
)
def test_what_is_missing_is_named(checkpoint: Any, broken: Path, remove: str, message: str) -> None:
    gone = broken / remove
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    with pytest.raises(ConfigError, match=message):
        checkpoint.load_components(broken, torch.float32)


def test_a_pipeline_of_another_kind_is_refused(checkpoint: Any, broken: Path) -> None:
    (broken / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(ConfigError, match=r"checkpoint toy: expected model_index\.json"):
        checkpoint.load_components(broken, torch.float32)


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_another_unet_replaces_the_weights(
    bench: Any, checkpoint: Any, toy_folder: Path, tmp_path: Path, suffix: str
) -> None:
    other = bench.toy.toy_components(seed=9)["unet"]
    file = tmp_path / f"diffusion_pytorch_model{suffix}"
    if suffix == ".bin":
        torch.save(other.state_dict(), file)
    else:
        save_file(other.state_dict(), file)
    unet = checkpoint.load_components(toy_folder, torch.float32)["unet"]
    assert not same_weights(unet, other)
    checkpoint.replace_unet_weights(unet, file)
    assert same_weights(unet, other)


def test_weights_of_another_unet_are_refused(bench: Any, checkpoint: Any, tmp_path: Path) -> None:
    parts = bench.toy.toy_components()
    state = parts["unet"].state_dict()
    state.pop("conv_in.bias")
    torch.save(state, tmp_path / "few.bin")
    with pytest.raises(ConfigError, match=r"few.bin: expected a state dictionary with exactly"):
        checkpoint.replace_unet_weights(parts["unet"], tmp_path / "few.bin")
    (tmp_path / "text.bin").write_text("no weights")
    with pytest.raises(ConfigError, match=r"text.bin: expected a state dictionary"):
        checkpoint.replace_unet_weights(parts["unet"], tmp_path / "text.bin")


class _Trap:
    def __reduce__(self) -> Any:
        return (print, ("code of a checkpoint was run",))


def test_no_code_of_a_file_is_run(
    bench: Any, checkpoint: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"conv_in.bias": _Trap()}, tmp_path / "trap.bin")
    unet = bench.toy.toy_components()["unet"]
    with pytest.raises(ConfigError, match=r"trap.bin"):
        checkpoint.replace_unet_weights(unet, tmp_path / "trap.bin")
    assert "was run" not in capsys.readouterr().out


def test_a_controlnet_comes_back(controlled: Any, checkpoint: Any, tmp_path: Path) -> None:
    controlled["controlnet"].save_pretrained(tmp_path / "normals")
    loaded = checkpoint.load_controlnet(tmp_path / "normals", torch.float32)
    assert same_weights(loaded, controlled["controlnet"])
    with pytest.raises(ConfigError, match="ControlNetModel cannot be loaded"):
        checkpoint.load_controlnet(tmp_path / "nothing", torch.float32)


def test_a_repository_that_cannot_be_had_is_named(
    checkpoint: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"checkpoint someone/weights: expected a folder"):
        checkpoint.local_folder("someone/weights", "0" * 40)
