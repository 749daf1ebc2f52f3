"""Profiles: complete, checked, with every mistake named."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import deployments
from mmpart_core.backends import STAGES
from mmpart_core.config import BackendChoice, check_usable, read_profile, validate_config
from mmpart_core.errors import ConfigError, UnknownBackendError

PROFILES = Path(deployments.__file__).parent / "profiles"


@pytest.fixture
def data(journal: Any) -> dict[str, Any]:
    """A complete profile of counting back-ends."""
    return {stage: {"kind": "counting"} for stage in STAGES}


def test_defaults_are_filled_in(data: dict[str, Any]) -> None:
    short = validate_config(data, "test")
    data["mesh"] = {"kind": "counting", "settings": {"level": 0.0}}
    assert validate_config(data, "test") == short
    assert short.mesh.settings == {"level": 0.0}
    assert short.choice("mesh") is short.mesh


def test_every_stage_must_be_named(data: dict[str, Any]) -> None:
    del data["mesh"]
    with pytest.raises(ConfigError, match="mesh: is missing; add it"):
        validate_config(data, "profile 'x'")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paint": 3}, "paint"),
        ({"workers": 0}, "workers"),
        ({"input": {"max_side_px": 1}}, "input.max_side_px"),
        ({"mesh": "counting"}, "mesh"),
        ({"mesh": {"kind": 3}}, "mesh.kind"),
        ({"mesh": {"kind": "counting", "paint": 1}}, "mesh.paint"),
        ({"mesh": {"kind": "counting", "settings": {"paint": 1}}}, "mesh.paint"),
    ],
)
def test_mistakes_are_named(data: dict[str, Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate_config({**data, **change}, "test")


def test_unknown_kind(data: dict[str, Any]) -> None:
    with pytest.raises(UnknownBackendError, match="no back-end 'clay'"):
        validate_config({**data, "mesh": {"kind": "clay"}}, "test")


def test_a_backend_that_cannot_work_here_is_refused(data: dict[str, Any]) -> None:
    check_usable(validate_config(data, "test"))
    data["mesh"] = {"kind": "flexicubes", "settings": {"device": "abacus"}}
    config = validate_config(data, "test")
    with pytest.raises(ConfigError, match=r"mesh\.device 'abacus': expected a device"):
        check_usable(config)


def test_no_mapping() -> None:
    with pytest.raises(ConfigError, match="expected a mapping"):
        validate_config(["plan"], "test")


def test_overrides(data: dict[str, Any]) -> None:
    config = validate_config(data, "test")
    changed = validate_config(
        data,
        "test",
        {"mesh.level": 0.05, "workers": 3, "input.max_side_px": 512, "whole_object_views": True},
    )
    assert changed.mesh == BackendChoice(kind="counting", settings={"level": 0.05})
    assert (changed.workers, changed.input.max_side_px, changed.whole_object_views) == (
        3,
        512,
        True,
    )
    assert config.mesh.settings == {"level": 0.0}


def test_another_kind_forgets_the_old_settings_and_comes_first(data: dict[str, Any]) -> None:
    changed = validate_config(
        data, "test", {"plan.extra_instruction": "x", "plan.kind": "template"}
    )
    assert changed.plan.settings == {"extra_instruction": "x"}


@pytest.mark.parametrize("key", ["paint", "mesh", "mesh.paint", "input", "input.paint", "", "."])
def test_overrides_of_nothing(data: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError):
        validate_config(data, "test", {key: "x"})


def test_preset_stands_for_what_the_profile_does_not_say(data: dict[str, Any]) -> None:
    data["reconstruct"] = {"kind": "nerfstudio", "settings": {"rays": 2048}}
    settings = validate_config(data, "test", {"reconstruct.preset": "gpu"}).reconstruct.settings
    assert (settings["steps"], settings["resolution"], settings["rays"]) == (2000, 192, 2048)
    local = read_profile(PROFILES / "local.yaml", {"reconstruct.preset": "preview"})
    assert local.reconstruct.settings["steps"] == 0


def test_profile_files(data: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    assert read_profile(path) == validate_config(data, "test")
    path.write_text("plan: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_profile(path)
    path.write_text("")
    with pytest.raises(ConfigError, match="expected a mapping"):
        read_profile(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_profile(tmp_path / "missing.yaml")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_profile(path)
