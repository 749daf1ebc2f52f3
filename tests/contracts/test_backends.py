"""What every back-end file promises: settings described, in the key or excused; a cheap import."""

import json
import subprocess
import sys
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from mmpart_core.backends import STAGES, BackendSettings, available_kinds, find_module

BACKENDS = [
    (stage, kind) for stage in STAGES for kind in available_kinds(stage) if kind != "counting"
]
HEAVY = ("torch", "nerfstudio", "diffusers", "transformers", "openai", "kaolin", "prefect", "dask")


@pytest.fixture(params=BACKENDS, ids=lambda pair: "-".join(pair))
def module(request: pytest.FixtureRequest) -> Any:
    """Each back-end's module in turn."""
    return find_module(*request.param)


def test_has_a_version(module: Any) -> None:
    assert isinstance(module.BACKEND.VERSION, str)
    assert module.BACKEND.VERSION


def test_settings_are_frozen_described_and_refuse_unknown_keys(module: Any) -> None:
    settings = module.Settings
    assert issubclass(settings, BackendSettings)
    assert settings.model_config["frozen"] is True
    assert settings.model_config["extra"] == "forbid"
    for name, field in settings.model_fields.items():
        assert field.description, f"{settings.__module__}.{name} has no description"


def test_excused_fields_exist_and_have_a_reason(module: Any) -> None:
    for name, reason in module.Settings.EXCLUDED_FROM_KEY.items():
        assert name in module.Settings.model_fields
        assert len(reason) > 10


def test_each_setting_is_in_the_key_or_excused(module: Any) -> None:
    settings = module.Settings()
    for name in module.Settings.model_fields:
        changed = settings.model_copy(update={name: another(module.Settings, name)})
        same_key = changed.key_settings() == settings.key_settings()
        assert same_key == (name in module.Settings.EXCLUDED_FROM_KEY), name


def test_key_settings_come_back_from_json_as_they_were(module: Any) -> None:
    settings = module.Settings()
    given = settings.key_settings()
    assert set(given) == set(module.Settings.model_fields) - set(module.Settings.EXCLUDED_FROM_KEY)
    stored = json.loads(json.dumps(given, allow_nan=False))
    assert stored == given
    assert module.Settings.model_validate(stored) == settings


def test_finding_and_constructing_backends_loads_nothing_heavy() -> None:
    """Only ``open`` may: a configuration check and a cache hit cost no import of torch."""
    program = (
        "import json, sys\n"
        "from mmpart_core.backends import find_module\n"
        f"loaded = {{}}\nfor stage, kind in {BACKENDS!r}:\n"
        "    module = find_module(stage, kind)\n"
        "    module.BACKEND(module.Settings())\n"
        f"    loaded[f'{{stage}}-{{kind}}'] = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "print(json.dumps(loaded))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = json.loads(done.stdout)
    assert len(loaded) == len(BACKENDS) >= 6
    assert {name: heavy for name, heavy in loaded.items() if heavy} == {}


def another(settings: type[BaseModel], name: str) -> Any:
    """A value of a field's type that is not its default."""
    field = settings.model_fields[name]
    default = field.get_default(call_default_factory=True)
    for candidate in candidates(field.annotation, default):
        if candidate != default:
            return candidate
    raise AssertionError(f"{name}: give this test another value of {field.annotation}")


def candidates(annotation: Any, default: Any) -> list[Any]:
    """Values to try for a type."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return [value for item in get_args(annotation) for value in candidates(item, default)]
    if annotation is bool:
        return [not default]
    if annotation is int:
        return [(default or 0) + 1]
    if annotation is float:
        return [(default or 0.0) + 0.125]
    if annotation is str:
        return [f"{default or ''}x"]
    if get_origin(annotation) in (tuple, list):
        return [type(default)((*default, *default[-1:])) if default else default]
    return [None]
