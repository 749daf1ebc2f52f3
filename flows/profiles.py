"""Profiles by name, and settings from the command line."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from mmpart_core.config import PipelineConfig, read_profile
from mmpart_core.errors import ConfigError
from mmpart_core.plain_yaml import parse_yaml
from mmpart_core.quoting import quoted, shortened
from mmpart_core.settings_words import did_you_mean


def profile_names() -> list[str]:
    """The profiles that come with MMPart."""
    folder = files("deployments") / "profiles"
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    )


def find_config(profile: str, settings: Sequence[str] = ()) -> PipelineConfig:
    """A profile by name or file, with ``stage.setting=value`` applied.

    Raises:
        ConfigError: no such profile, or a setting that does not fit.
    """
    if profile in profile_names():
        path = Path(str(files("deployments") / "profiles" / f"{profile}.yaml"))
    elif profile.endswith((".yaml", ".yml")) or Path(profile).is_file():
        path = Path(profile)
    else:
        guess = did_you_mean(profile, profile_names())
        expected = f"expected one of {', '.join(profile_names())}, or a YAML file"
        said = f"{guess} {expected}" if guess else expected
        raise ConfigError(f"profile {quoted(profile)}: no such profile; {said}")
    return read_profile(path, dict(map(parse_setting, settings)))


def parse_setting(text: str, source: str = "--set") -> tuple[str, Any]:
    """``reconstruct.steps=200`` -> name and value; the value is read as YAML.

    Args:
        text: name, ``=`` and value.
        source: what to call its place in messages.

    Raises:
        ConfigError: no ``=``, no name, or a value that is not YAML or is too large.

    Example:
        >>> parse_setting("reconstruct.steps=200")
        ('reconstruct.steps', 200)
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"{source} {quoted(text)}: expected <stage>.<setting>=<value>")
    return name.strip(), parse_yaml(value, f"{source} {shortened(name)}", ConfigError)
