"""What the doctor says of each profile: keys, packages, models near their end, licences."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from flows.budget import hosted_models
from flows.forecast import expected_cost_usd
from flows.profiles import find_config
from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.devices import has_cuda
from mmpart_core.errors import ConfigError
from mmpart_core.hosted.model_facts import model_table, shutdown_warning
from mmpart_core.output.licences import checkpoint_licences
from mmpart_core.output.wording import money
from mmpart_core.records import StageName
from tasks._hosted import secret_block_name

HOSTED = "hosted"
"""How the licence of a model begins that runs on somebody else's machine."""


@dataclass(frozen=True)
class ProfileReport:
    """One profile, looked at on this machine.

    Attributes:
        kinds: its back-ends.
        missing: what it lacks here; empty when it can run.
        notes: what to know: models near their end, costs, licences.
    """

    kinds: str
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def examine_profile(name: str, today: datetime.date) -> ProfileReport:
    """What a profile lacks on this machine, and what to know of its models.

    Args:
        name: of a profile that comes with MMPart, or a file.
        today: the day it is.

    Raises:
        ConfigError: no such profile, or a setting that does not fit.
    """
    config = find_config(name)
    missing = [*_unusable(config), *_missing_keys(config)]
    notes: list[str] = []
    for _, model in hosted_models(config):
        ending = shutdown_warning(model.name, model.settings, today)
        if ending is not None:
            (missing if ending[1] else notes).append(ending[0])
    notes += [*_costs(config), *_licences(config), *_weights(config)]
    kinds = ", ".join(config.choice(stage).kind for stage in backends.STAGES)
    return ProfileReport(kinds, tuple(dict.fromkeys(missing)), tuple(dict.fromkeys(notes)))


def _unusable(config: PipelineConfig) -> list[str]:
    found: list[str] = []
    for stage in backends.STAGES:
        choice = config.choice(stage)
        try:
            backends.check_usable(stage, choice.kind, choice.settings)
        except ConfigError as error:
            found.append(str(error))
    return found


def _missing_keys(config: PipelineConfig) -> list[str]:
    wanted: dict[str, list[str]] = {}
    for stage, model in hosted_models(config):
        if model.settings.key_missing:
            wanted.setdefault(model.settings.api_key_variable, []).append(stage)
    return [
        f"the key {variable} is not set, for {' and '.join(dict.fromkeys(stages))}: export "
        f"{variable}=..., or keep it in a Prefect Secret block '{secret_block_name(variable)}'"
        for variable, stages in wanted.items()
    ]


def _costs(config: PipelineConfig) -> list[str]:
    """What its hosted stages usually cost, each for one piece of work."""
    models: dict[StageName, list[str]] = {}
    for stage, model in hosted_models(config):
        models.setdefault(stage, []).append(model.name)
    stated: list[str] = []
    for stage, names in models.items():
        usd = expected_cost_usd(config, stage)
        told = money(usd) if usd else "of unknown price"
        stated.append(f"{stage} by {' and '.join(names)} {told}")
    if not stated:
        return []
    return [f"costs, one plan or part: {', '.join(stated)} (prices of {model_table().dated})"]


def _weights(config: PipelineConfig) -> list[str]:
    """What is fetched at first use, and what it takes to run it."""
    local = [
        (entry["stage"], item["name"])
        for entry in checkpoint_licences(config)
        for item in entry["checkpoints"]
        if not item["licence"].startswith(HOSTED)
    ]
    told = [
        f"{stage}: the weights of {name} are not on this machine; they are fetched at first use"
        for stage, name in local
        if _is_repository(name) and not _is_fetched(name)
    ]
    if local and not has_cuda():
        stages = " and ".join(dict.fromkeys(stage for stage, _ in local))
        told.append(
            f"{stages}: no CUDA device here; models of this size run on a CPU, but take very long "
            "(GPU memory that each wants: docs/profiles.md)"
        )
    return told


def _is_repository(name: str) -> bool:
    return name.count("/") == 1 and not Path(name).expanduser().exists()


def _is_fetched(repository: str) -> bool:
    """Whether something of a repository is in the hub's folder on this machine."""
    from huggingface_hub import try_to_load_from_cache

    files = ("model_index.json", "config.json")
    return any(isinstance(try_to_load_from_cache(repository, each), str) for each in files)


def _licences(config: PipelineConfig) -> list[str]:
    return [
        f"{entry['stage']}: {item['name']}: {item['licence']}"
        for entry in checkpoint_licences(config)
        for item in entry["checkpoints"]
    ]
