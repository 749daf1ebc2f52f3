"""A run's configuration: which back-end makes each stage, with which settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmpart_core import backends
from mmpart_core.errors import ConfigError
from mmpart_core.plain_yaml import parse_yaml
from mmpart_core.quoting import quoted
from mmpart_core.records import StageName
from mmpart_core.settings_words import did_you_mean

# The longest profile that comes with MMPart has under 10,000.
_MAX_PROFILE_BYTES = 1_000_000


class BackendChoice(BaseModel):
    """One stage's back-end: the kind (a file's name) and its settings.

    Settings are checked against the back-end's own ``Settings`` and filled with its defaults, so
    two spellings of the same settings are equal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="File name of the back-end, without .py.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Its settings.")


class InputConfig(BaseModel):
    """How the source image is taken in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_side_px: int = Field(
        default=1024, ge=64, le=4096, description="Larger images are scaled down to this side."
    )


class PipelineConfig(BaseModel):
    """A complete profile: six back-ends and what concerns all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: InputConfig = Field(default_factory=InputConfig, description="Source image.")
    plan: BackendChoice = Field(description="Writes one isolation prompt per component.")
    isolate: BackendChoice = Field(description="Draws each part alone, completed.")
    multiview: BackendChoice = Field(description="Makes posed views of each part.")
    reconstruct: BackendChoice = Field(description="Trains a field on a part's views.")
    mesh: BackendChoice = Field(description="Extracts and textures a part's surface.")
    assemble: BackendChoice = Field(description="Places the parts.")
    whole_object_views: bool = Field(
        default=False, description="Also make views of the whole object, as evidence for assembly."
    )
    input_view: Literal["never", "known", "always"] = Field(
        default="never",
        description="Whether reconstruct also trains on the isolated image itself, as one more "
        "view at the input camera's elevation: 'known' where that is known (a known scene, or said "
        "with --camera elevation=...), 'always' with the assumed one too. Left out with a warning "
        "where its outline does not fit the other views.",
    )
    workers: int = Field(default=2, ge=1, le=256, description="Stages that run side by side.")
    runner: Literal["threads", "dask", "dask-tasks"] = Field(
        default="threads",
        description="Where stages run: in this process; on a Dask cluster, while their Prefect "
        "tasks stay here; or tasks and all on it (needs a Prefect server that its workers reach). "
        "Does not affect the output.",
    )
    scheduler: str | None = Field(
        default=None,
        pattern=r"^[a-z]+://[^@/\s]+$",
        description="Address of the Dask scheduler, tcp://host:8786; for the runners on Dask.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_settings(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        for stage in backends.STAGES:
            choice = filled.get(stage)
            if isinstance(choice, BackendChoice):
                choice = choice.model_dump()
            if isinstance(choice, dict) and isinstance(choice.get("kind"), str):
                settings = backends.check_settings(
                    stage, choice["kind"], choice.get("settings") or {}
                )
                filled[stage] = {**choice, "settings": settings.model_dump(mode="json")}
        return filled

    @model_validator(mode="after")
    def _check_runner(self) -> "PipelineConfig":
        if self.runner != "threads" and self.scheduler is None:
            raise ValueError(
                f"runner '{self.runner}' needs the address of a Dask scheduler: "
                "--scheduler tcp://host:8786"
            )
        return self

    def choice(self, stage: StageName) -> BackendChoice:
        """The back-end of one stage."""
        return getattr(self, stage)


def _override(data: dict[str, Any], key: str, value: Any) -> None:
    head, _, rest = key.partition(".")
    if head in backends.STAGES and rest == "kind":
        data[head] = {"kind": value, "settings": {}}
    elif head in backends.STAGES and rest:
        choice = data[head]
        data[head] = {**choice, "settings": {**(choice.get("settings") or {}), rest: value}}
    elif head == "input" and rest:
        data["input"] = {**(data.get("input") or {}), rest: value}
    elif key in _single_settings():
        data[head] = value
    else:
        guess = (
            "" if key in (*backends.STAGES, "input") else did_you_mean(key, _setting_names(data))
        )
        raise ConfigError(
            f"setting {quoted(key)}: no such setting; {f'{guess} ' if guess else ''}expected "
            f"<stage>.<setting> or <stage>.kind, where <stage> is one of "
            f"{', '.join(backends.STAGES)}; or {', '.join(_single_settings())}, input.<setting>"
        )


def _single_settings() -> list[str]:
    """Settings of a profile that belong to no stage and have no others within."""
    fields = PipelineConfig.model_fields
    return [name for name in fields if name not in backends.STAGES and name != "input"]


def _setting_names(data: dict[str, Any]) -> list[str]:
    """All settings that can be named with the back-ends of a checked profile."""
    names = _single_settings() + [f"input.{name}" for name in InputConfig.model_fields]
    for stage in backends.STAGES:
        fields = backends.find_module(stage, data[stage]["kind"]).Settings.model_fields
        names += [f"{stage}.{name}" for name in ("kind", *fields)]
    return names


def check_usable(config: PipelineConfig) -> None:
    """Refuse a profile with a back-end that cannot work in this process, without opening any.

    Raises:
        MissingDependencyError: a package is not installed; says how to get it.
        ConfigError: a device is not there.
    """
    for stage in backends.STAGES:
        choice = config.choice(stage)
        backends.check_usable(stage, choice.kind, choice.settings)


def explain_validation(
    error: ValidationError, source: str, model: type[BaseModel] | None = None
) -> str:
    """One readable line per fault of a pydantic validation error; ``model`` is what it checked."""
    faults = backends.faults_of(error, model)
    return "; ".join(f"{source}: {place}: {said}" for place, said in faults)


def validate_config(
    data: Any, source: str, overrides: Mapping[str, Any] | None = None
) -> PipelineConfig:
    """Check plain data as a profile.

    Args:
        data: parsed YAML or JSON.
        source: what to call it in messages.
        overrides: ``"reconstruct.steps"`` -> value names a setting of that stage's back-end;
            ``"mesh.kind"`` its back-end; ``"workers"`` or ``"input.max_side_px"`` a field. They
            take the place of what ``data`` says before back-ends fill in their defaults, so that
            one setting may stand for others, as a preset does.

    Raises:
        ConfigError: a missing, unknown or unfitting key, named.
        UnknownBackendError: a kind that nothing provides.
    """
    if not isinstance(data, dict):
        raise ConfigError(
            f"{source}: expected a mapping with {', '.join(backends.STAGES)}, "
            f"got {type(data).__name__}"
        )
    try:
        config = PipelineConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain_validation(error, source, PipelineConfig)) from error
    if not overrides:
        return config
    changed = dict(data)
    for key in sorted(overrides, key=lambda name: not name.endswith(".kind")):
        _override(changed, key, overrides[key])
    return validate_config(changed, source="--set")


def read_profile(path: Path, overrides: Mapping[str, Any] | None = None) -> PipelineConfig:
    """Read and check a YAML profile.

    Args:
        path: the file.
        overrides: see ``validate_config``.

    Raises:
        ConfigError: the file is absent, is not YAML, or is not a complete profile.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_PROFILE_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"profile '{path}': cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"profile '{path}': not UTF-8 text ({error.reason})") from error
    if len(data) > _MAX_PROFILE_BYTES:
        raise ConfigError(
            f"profile '{path}': more than {_MAX_PROFILE_BYTES} bytes; is it the right file?"
        )
    name = f"profile '{path.name}'"
    return validate_config(parse_yaml(text, name, ConfigError), name, overrides)
