"""Presets: what they fill in, which is chosen, and which keys follow."""

from typing import Any

import pytest
import torch

from mmpart_core import backends
from mmpart_core.backends import BackendSettings
from mmpart_core.config import BackendChoice
from mmpart_core.devices import has_cuda
from mmpart_core.errors import ConfigError
from mmpart_core.keys import stage_key
from mmpart_core.reconstruct.stage import STAGE

without_cuda = pytest.mark.skipif(
    torch.cuda.is_available(), reason="says what happens without CUDA"
)
PRESETS = ("cpu", "gpu", "preview", "nerfacto")


def checked(**settings: Any) -> BackendSettings:
    """Settings, filled."""
    return backends.check_settings("reconstruct", "nerfstudio", settings)


def key(**settings: Any) -> str:
    """The key of work on no views."""
    return stage_key(STAGE, BackendChoice(kind="nerfstudio", settings=settings), {}, 0)


def test_cuda_is_found_as_torch_finds_it() -> None:
    assert has_cuda() is torch.cuda.is_available()


def test_the_preset_follows_the_device_unless_it_is_named() -> None:
    here = "gpu" if torch.cuda.is_available() else "cpu"
    given = [{}, {"device": "cpu"}, {"device": "cuda"}, {"device": "cuda", "preset": "cpu"},
             {"device": "cpu", "preset": "gpu"}, {"model": "nerfacto"},
             {"model": "nerfacto", "preset": "cpu"}]  # fmt: skip
    chosen = [checked(**each).model_dump()["preset"] for each in given]
    assert chosen == [here, "cpu", "gpu", "cpu", "gpu", "nerfacto", "cpu"]


def test_a_chosen_preset_is_not_chosen_again() -> None:
    filled = checked(device="cuda").model_dump(mode="json")
    elsewhere = {**filled, "device": "cpu"}
    assert checked(**elsewhere).key_settings() == checked(device="cuda").key_settings()


def test_keys_follow_values_not_the_way_to_them() -> None:
    keys = {preset: key(preset=preset) for preset in PRESETS}
    assert len(set(keys.values())) == len(PRESETS)
    assert key(device="cpu") == keys["cpu"]
    assert key(device="cuda") == keys["gpu"]
    assert key(model="nerfacto") == keys["nerfacto"]
    numbers = checked(preset="nerfacto").key_settings()
    assert key(preset="cpu", **{**numbers, "model": "voxel"}) != keys["nerfacto"]
    assert key(preset="cpu", **numbers) == keys["nerfacto"]


def test_nerfacto_without_steps_is_refused() -> None:
    with pytest.raises(ConfigError, match="model 'nerfacto' has no shape to start from"):
        checked(preset="preview", model="nerfacto")


@without_cuda
@pytest.mark.parametrize(
    ("settings", "came"),
    [({}, "torch finds none here"), ({"device": "cuda"}, "torch finds none here"),
     ({"device": "cpu"}, "reconstruct.device is cpu")],
)  # fmt: skip
def test_nerfacto_without_cuda_is_refused(settings: dict[str, str], came: str) -> None:
    given = {"preset": "nerfacto", **settings}
    expected = rf"model 'nerfacto': expected a CUDA device.*{came}; use reconstruct\.preset=cpu"
    with pytest.raises(ConfigError, match=expected):
        backends.check_usable("reconstruct", "nerfstudio", given)
    with pytest.raises(ConfigError, match=expected):
        backends.open_backend("reconstruct", "nerfstudio", given)
