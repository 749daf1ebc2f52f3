"""What a run may spend: the option, and profiles that cannot be held to it."""

import math
from collections.abc import Sequence
from typing import Any

from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import ConfigError
from mmpart_core.hosted import settings as hosted_settings
from mmpart_core.hosted.model_facts import prices_of
from mmpart_core.hosted.settings import HostedModel
from mmpart_core.records import StageName

BATCH_POLL_S = 30.0
"""Between two looks at a batch."""


def parse_max_cost(text: Any) -> float:
    """Dollars from the command line.

    Raises:
        ConfigError: no number, or a negative one.

    Example:
        >>> parse_max_cost("$0.50")
        0.5
    """
    try:
        dollars = float(str(text).strip().removeprefix("$"))
    except ValueError:
        dollars = math.nan
    if not (math.isfinite(dollars) and dollars >= 0.0):
        raise ConfigError(f"--max-cost '{text}': dollars expected, such as --max-cost 0.50")
    return dollars


def hosted_models(
    config: PipelineConfig, stages: Sequence[StageName] = backends.STAGES
) -> list[tuple[StageName, HostedModel]]:
    """The hosted models that a profile's stages call.

    Args:
        config: the profile.
        stages: which of its stages.
    """
    found: list[tuple[StageName, HostedModel]] = []
    for stage in stages:
        choice = config.choice(stage)
        settings = backends.check_settings(stage, choice.kind, choice.settings)
        for model in hosted_settings.hosted_models(settings):
            found.append((stage, model))
    return found


def check_priced(config: PipelineConfig, max_cost_usd: float | None) -> None:
    """Refuse a budget for models whose price is not known, before anything starts.

    Raises:
        ConfigError: such a model; says which settings give its price.
    """
    if max_cost_usd is None:
        return
    _check_where_calls_are(config, f"--max-cost {max_cost_usd:g}")
    check_prices(hosted_models(config), max_cost_usd)


def check_prices(
    models: Sequence[tuple[StageName, HostedModel]], max_cost_usd: float | None
) -> None:
    """Refuse a budget for models whose price is not known.

    Args:
        models: from ``hosted_models``.
        max_cost_usd: the budget; None for none.

    Raises:
        ConfigError: such a model; says which settings give its price.
    """
    if max_cost_usd is None:
        return
    for stage, model in models:
        if prices_of(model.name, model.settings) is None:
            place = f"{stage}.{model.prefix}"
            raise ConfigError(
                f"--max-cost {max_cost_usd:g}: what {place}model '{model.name}' costs is not "
                f"known; give its price in dollars per million tokens (--set {place}input_usd=... "
                f"--set {place}output_usd=..., 0 for a server of your own) or leave --max-cost out"
            )


def check_batches(config: PipelineConfig, profile: str) -> None:
    """Refuse batches where nothing would be in them.

    Raises:
        ConfigError: no stage of the profile calls a hosted model.
    """
    if not hosted_models(config):
        raise ConfigError(
            f"--batch-api: profile '{profile}' calls no hosted model, so there is nothing to send; "
            "leave it out, or choose --profile openai"
        )
    _check_where_calls_are(config, "--batch-api")


def _check_where_calls_are(config: PipelineConfig, option: str) -> None:
    """Refuse calls in other processes than the flow's, which knows budget and answers.

    Raises:
        ConfigError: the runner makes them on workers.
    """
    if config.runner == "dask-tasks" and hosted_models(config):
        raise ConfigError(
            f"{option}: with --runner dask-tasks hosted models are called on workers, which share "
            "neither budget nor batches; choose --runner dask, or leave it out"
        )
