"""Turns what a user gives into a configuration and a request; every mistake is one message."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mmpart_core import backends
from mmpart_core.config import PipelineConfig, explain_validation, read_profile
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.intake.components import (
    ComponentEntry,
    check_components,
    parse_part,
    read_components,
)
from mmpart_core.intake.plan_file import read_plan
from mmpart_core.intake.request import build_request
from mmpart_core.intake.truth import request_from_truth
from mmpart_core.records import ComponentRequest, InputView, ObjectRequest, PartPlan
from mmpart_core.storage.blob_store import BlobStore
from mmpart_core.storage.fsspec_store import FsspecStore, without_credentials
from mmpart_core.storage.opening import open_store

STORE_VARIABLE = "MMPART_STORE"
DEFAULT_STORE = ".mmpart"
CAMERA_FIELDS = {"azimuth": "azimuth_deg", "elevation": "elevation_deg", "fov": "fov_deg"}


@dataclass(frozen=True)
class Inputs:
    """What the user gave, as given.

    Attributes:
        image: the photograph; None with a known scene.
        parts: ``name`` or ``name = words for its hidden area``.
        components: a component list.
        truth: a known scene.
        plan: an approved plan.
        camera: ``azimuth=30,elevation=20,fov=30``.
        name: what to call the object.
        profile: a profile's name, or a file.
        settings: ``stage.setting=value``.
        store: address of the store.
    """

    image: Path | None = None
    parts: Sequence[str] = ()
    components: Path | None = None
    truth: Path | None = None
    plan: Path | None = None
    camera: str | None = None
    name: str | None = None
    profile: str | None = None
    settings: Sequence[str] = ()
    store: str | None = None


@dataclass(frozen=True)
class Job:
    """Checked and ready to run: the request's image is in the store."""

    request: ObjectRequest
    config: PipelineConfig
    store_url: str
    plan: PartPlan | None = field(default=None)

    @property
    def store(self) -> FsspecStore:
        """The opened store."""
        return open_store(self.store_url)


def prepare_job(inputs: Inputs) -> Job:
    """Check everything that can be checked before work begins, and store the image.

    Raises:
        InputError, ConfigError: something given cannot be used.
        StorageError: the store cannot be used.
    """
    config = find_config(inputs.profile or default_profile(inputs), inputs.settings)
    for stage in backends.STAGES:
        backends.check_installed(stage, config.choice(stage).kind)
    view = parse_camera(inputs.camera)
    check_choice_of_inputs(inputs)
    store_url = inputs.store or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
    check_store_address(store_url)
    store = open_store(store_url)
    entries = read_entries(inputs) if inputs.truth is None and inputs.plan is None else ()
    store.probe()
    request = _build(inputs, config, view, entries, store)
    _check_truth(request, config)
    plan = read_plan(inputs.plan, request, store) if inputs.plan else None
    return Job(request, config, store_url, plan)


def check_store_address(url: str) -> None:
    """Refuse (ConfigError) an address that holds a user, a password or options."""
    shown = without_credentials(url)
    if shown != url:
        raise ConfigError(
            f"store '{shown}': its address holds a user, a password or options, which Prefect "
            "would keep with the run; give the bare address, and credentials in the environment "
            "or files that its library reads (for S3: AWS_ACCESS_KEY_ID or ~/.aws)"
        )


def default_profile(inputs: Inputs) -> str:
    """``groundtruth`` for a known scene, else ``local``."""
    return "groundtruth" if inputs.truth else "local"


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
        raise ConfigError(
            f"profile '{profile}': expected one of {', '.join(profile_names())}, or a YAML file"
        )
    return read_profile(path, dict(map(parse_setting, settings)))


def parse_setting(text: str) -> tuple[str, Any]:
    """``reconstruct.steps=200`` -> name and value; the value is read as YAML.

    Raises:
        ConfigError: no ``=``, no name, or a value that is not YAML.

    Example:
        >>> parse_setting("reconstruct.steps=200")
        ('reconstruct.steps', 200)
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--set '{text}': expected <stage>.<setting>=<value>")
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set '{text}': '{value}' is not a YAML value; quote it") from error


def parse_camera(text: str | None) -> InputView:
    """``azimuth=30,elevation=20,fov=30`` (degrees, each optional) -> the input view.

    Raises:
        ConfigError: another name, no number, or a number out of range.
    """
    values: dict[str, float] = {}
    for item in text.split(",") if text else ():
        name, _, number = (piece.strip() for piece in item.partition("="))
        try:
            values[CAMERA_FIELDS[name]] = float(number)
        except (KeyError, ValueError) as error:
            raise ConfigError(
                f"--camera '{text}': '{item.strip()}' is not <name>=<degrees> with one of "
                f"{', '.join(CAMERA_FIELDS)}; write azimuth=30,elevation=20,fov=30"
            ) from error
    try:
        return InputView(**values)
    except ValidationError as error:
        raise ConfigError(explain_validation(error, f"--camera '{text}'")) from error


def check_choice_of_inputs(inputs: Inputs) -> None:
    """Refuse combinations that have no meaning.

    Raises:
        InputError: what is missing or too much.
    """
    if inputs.truth is not None and (inputs.image or inputs.components or inputs.plan):
        raise InputError(
            "--truth: a known scene is its own image and component list; leave out the image, "
            "--components and --plan (--part NAME picks nodes)"
        )
    if inputs.truth is None and inputs.image is None:
        raise InputError("no image; give one (PNG, JPEG or WebP), or a known scene with --truth")
    if inputs.plan is not None and (inputs.parts or inputs.components):
        raise InputError("--plan: the plan says which parts to make; leave out --part/--components")


def read_entries(inputs: Inputs) -> tuple[ComponentEntry, ...]:
    """The components of ``--components`` and ``--part``, in this order.

    Raises:
        InputError: none, or some that cannot be used.
    """
    listed = read_components(inputs.components) if inputs.components else ()
    single = tuple(parse_part(text) for text in inputs.parts)
    if not listed and not single:
        raise InputError(
            'no components; name each part to make with --part "hat" (or "man = the head under '
            'the hat is bald"), or give a list with --components'
        )
    return check_components([*listed, *single], "--components and --part")


def _build(
    inputs: Inputs,
    config: PipelineConfig,
    view: InputView,
    entries: Sequence[ComponentEntry],
    store: BlobStore,
) -> ObjectRequest:
    if inputs.truth is not None:
        nodes = [parse_part(text).name for text in inputs.parts] or None
        return request_from_truth(
            inputs.truth, view=view, store=store, name=inputs.name, components=nodes
        )
    if inputs.image is None:
        raise InputError("no image; give one (PNG, JPEG or WebP)")
    components, name = (), inputs.name
    if inputs.plan is not None:
        components, planned_name = planned_components(inputs.plan)
        entries = [ComponentEntry(name=component.name) for component in components]
        name = name or planned_name
    request = build_request(
        inputs.image, entries, store=store, name=name, view=view, input_config=config.input
    )
    return request.model_copy(update={"components": components}) if components else request


def _check_lists(plan: PartPlan) -> None:
    count = len(plan.prompts)
    for position, prompt in enumerate(plan.prompts):
        if prompt.index != position or {len(prompt.regions), len(prompt.counts)} != {count}:
            raise ValueError(f"record {position} does not fit the list of {count} components")


def planned_components(path: Path) -> tuple[tuple[ComponentRequest, ...], str | None]:
    """The components a plan was made for, and the object's name; ``read_plan`` checks the rest.

    Raises:
        InputError: the file is absent or no plan.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        plan = PartPlan.model_validate_json(
            json.dumps(
                {
                    **content["records"],
                    "prompts": [
                        {**record, "prompt": record.get("prompt", "-")}
                        for record in content["records"]["prompts"]
                    ],
                }
            )
        )
        name = str(content["object"])
        _check_lists(plan)
    except OSError as error:
        raise InputError(f"plan '{path}': cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"plan '{path}': not a plan that 'mmpart plan' wrote ({type(error).__name__}); only "
            "its prompts may be edited; make it again"
        ) from error
    components = tuple(
        ComponentRequest(
            name=prompt.component,
            hidden=prompt.hidden,
            region=prompt.regions[prompt.index],
            count=prompt.counts[prompt.index],
        )
        for prompt in plan.prompts
    )
    return components, name


def _check_truth(request: ObjectRequest, config: PipelineConfig) -> None:
    if request.truth is not None:
        return
    for stage in ("isolate", "multiview", "assemble"):
        if config.choice(stage).kind == "groundtruth":
            raise ConfigError(
                f"{stage}.kind: 'groundtruth' needs a known scene; give one with --truth, or "
                "choose another profile"
            )
