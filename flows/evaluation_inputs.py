"""Turns the options of the measuring commands into a job; every mistake is one message."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.dataset_scoring import LookOptions
from evaluation.loaders import LAYOUTS, detect_layout, open_dataset
from evaluation.models.model_files import ModelFiles, find_models, open_models, with_models
from evaluation.protocol import MMPART, PRESETS, Protocol
from flows.attribution_rungs import TRUTH_KIND, build_rungs, parse_stages
from flows.budget import BATCH_POLL_S, check_batches, check_priced
from flows.cli_evaluate_options import (
    GenerationOptions,
    PredictionOptions,
    ScoringOptions,
)
from flows.evaluation_job import EvaluationJob, Generation, Round
from flows.evaluation_options_used import check_axes_and_frame, check_pool, refuse_ignored
from flows.evaluation_output import check_apart_from_data, check_outputs, check_report
from flows.inputs import (
    DEFAULT_STORE,
    STORE_VARIABLE,
    check_store_address,
    parse_camera,
)
from flows.profiles import find_config
from mmpart_core import backends
from mmpart_core.config import PipelineConfig, check_usable
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.intake.names import slug
from mmpart_core.records import TRUTH_VIEW
from mmpart_core.storage.opening import open_store


@dataclass(frozen=True)
class ChosenData:
    """What of a data set is scored.

    Attributes:
        layout: a key of ``loaders.LAYOUTS``.
        name: as the loader gives it.
        object_ids: at least one.
    """

    layout: str
    name: str
    object_ids: tuple[str, ...]


def prepare_evaluation(
    scoring: ScoringOptions,
    predictions: PredictionOptions,
    generation: GenerationOptions,
    generate: bool,
) -> EvaluationJob:
    """Check everything that can be checked before work begins.

    Args:
        scoring: what is scored and how.
        predictions: which predictions, where they are there.
        generation: how to make them, where they are not.
        generate: make them.

    Raises:
        InputError, ConfigError: something given cannot be used.
        StorageError: the store cannot be used.
    """
    if (predictions.predictions is None) != generate:
        raise InputError(
            "evaluate: give either --predictions FOLDER or --generate, which makes them first"
        )
    refuse_ignored(predictions, generation, generate)
    data = _chosen_data(scoring)
    if not generate:
        folder = predictions.predictions
        if folder is None or not folder.is_dir():
            raise InputError(f"--predictions '{folder}': there is no such folder")
        check_axes_and_frame(predictions, folder, data.object_ids)
        return job_of(scoring, data, (Round(predictions=str(folder)),), predictions)
    config = checked_config(generation)
    truths = any(config.choice(stage).kind == TRUTH_KIND for stage in backends.STAGES)
    made = generation_of(generation, config, keep_truth=truths)
    output = output_folder(generation, data.name)
    rounds = (Round(predictions=str(output), generation=made),)
    job = job_of(scoring, data, rounds, predictions, generation)
    check_outputs(job, output, scoring.overwrite)
    return job


def prepare_attribution(
    scoring: ScoringOptions, generation: GenerationOptions, stages: Sequence[str]
) -> EvaluationJob:
    """Check everything that can be checked before work begins.

    Args:
        scoring: what is scored and how.
        generation: the profile to take apart.
        stages: which stages to replace by their truth; all that can be where none is named.

    Raises:
        InputError, ConfigError: something given cannot be used.
        StorageError: the store cannot be used.
    """
    chosen = parse_stages(stages)
    config = checked_config(generation)
    base = generation_of(generation, config, keep_truth=True, whole_bundle=False)
    data = _chosen_data(scoring)
    output = output_folder(generation, data.name)
    rungs = build_rungs(base, chosen, output)
    if len(rungs) < 2:
        raise InputError(
            f"attribute: profile '{generation.profile}' takes {', '.join(chosen)} from the truth "
            "already, so there is nothing to compare; name other stages or another profile"
        )
    job = job_of(scoring, data, rungs, generation=generation)
    check_outputs(job, output, scoring.overwrite)
    return job


def output_folder(generation: GenerationOptions, dataset_name: str) -> Path:
    """Where objects are written, a folder each: as given, else ``out/<data set>``."""
    return generation.output or Path("out") / slug(dataset_name)


def checked_config(generation: GenerationOptions) -> PipelineConfig:
    """The profile with its settings, all its packages installed and its devices there.

    Raises:
        ConfigError: no such profile, a setting that does not fit, a package or device that is
            missing, a budget for models whose price is not known.
    """
    config = find_config(generation.profile, generation.settings or ())
    check_usable(config)
    check_priced(config, generation.max_cost)
    if generation.batch_api:
        check_batches(config, generation.profile)
    return config


def generation_of(
    options: GenerationOptions,
    config: PipelineConfig,
    *,
    keep_truth: bool,
    whole_bundle: bool = True,
) -> Generation:
    """How predictions are made.

    Args:
        options: as given.
        config: of the pipeline.
        keep_truth: let back-ends see the known scene.
        whole_bundle: write pictures and page too.

    Raises:
        ConfigError: a camera that cannot be read.
    """
    return Generation(
        config=config,
        view=parse_camera(options.camera, TRUTH_VIEW),
        regions=options.regions,
        keep_truth=keep_truth,
        seed=options.seed,
        size_px=options.size_px,
        whole_bundle=whole_bundle,
    )


def job_of(
    scoring: ScoringOptions,
    data: ChosenData,
    rounds: tuple[Round, ...],
    predictions: PredictionOptions | None = None,
    generation: GenerationOptions | None = None,
) -> EvaluationJob:
    """The job, once its objects and rounds are known.

    Raises:
        InputError, ConfigError: something given cannot be used.
        StorageError: the store cannot be used.
    """
    protocols = parse_protocols(scoring.protocol or ())
    models = _opened_models(scoring, protocols)
    check_pool(scoring)
    store = scoring.store or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
    check_store_address(store)
    check_apart_from_data(scoring.report, scoring.dataset, "--report")
    check_report(scoring.report, scoring.overwrite, store)
    open_store(store).probe()
    found = predictions or PredictionOptions()
    return EvaluationJob(
        dataset=str(scoring.dataset), layout=data.layout, dataset_name=data.name,
        object_ids=data.object_ids, rounds=rounds, frame=found.frame, up=found.up,
        protocols=tuple(with_models(each, models) for each in protocols),
        look=LookOptions(models=models) if scoring.appearance else None, store=store,
        report=str(scoring.report), pool=scoring.pool,
        workers=scoring.workers or os.cpu_count() or 1, scheduler=scoring.scheduler,
        max_cost_usd=generation.max_cost if generation else None,
        batch_poll_s=BATCH_POLL_S if generation and generation.batch_api else None,
    )  # fmt: skip


def _opened_models(scoring: ScoringOptions, protocols: Sequence[Protocol]) -> ModelFiles:
    """The models for appearance, opened once so that a broken one is told before work begins."""
    given = [name for name in ("lpips", "clip") if getattr(scoring, name) is not None]
    if not given:
        return ModelFiles()
    if not scoring.appearance:
        raise ConfigError(f"--{given[0]}: has no use with --no-appearance; leave one of them out")
    if not any(each.takes("appearance") for each in protocols):
        names = ", ".join(each.name for each in protocols)
        raise ConfigError(
            f"--{given[0]}: protocol {names} compares no renders; leave it out, or add --protocol "
            f"{MMPART.name}"
        )
    found = find_models(scoring.lpips, scoring.clip)
    open_models(found)
    return found


def parse_protocols(names: Sequence[str]) -> tuple[Protocol, ...]:
    """Presets by name, each once; the default one where none is named.

    Raises:
        ConfigError: no such preset.
    """
    unknown = [name for name in names if name not in PRESETS]
    if unknown:
        raise ConfigError(f"--protocol '{unknown[0]}': expected one of {', '.join(PRESETS)}")
    return tuple(PRESETS[name] for name in dict.fromkeys(names)) or (MMPART,)


def _chosen_data(scoring: ScoringOptions) -> ChosenData:
    """Layout, name and objects of the data set, checked."""
    if not scoring.dataset.is_dir():
        raise InputError(f"data set '{scoring.dataset}': there is no such folder")
    if scoring.loader is not None and scoring.loader not in LAYOUTS:
        raise ConfigError(f"--loader '{scoring.loader}': expected one of {', '.join(LAYOUTS)}")
    layout = scoring.loader or detect_layout(scoring.dataset)
    dataset = open_dataset(scoring.dataset, layout)
    ids = dataset.object_ids()
    if not ids:
        raise InputError(f"data set '{scoring.dataset}': read as '{layout}' it holds no object")
    unknown = [name for name in scoring.only or () if name not in ids]
    if unknown:
        raise InputError(
            f"--only '{unknown[0]}': no such object among {len(ids)}: {', '.join(ids[:8])}"
            f"{', ...' if len(ids) > 8 else ''}"
        )
    chosen = [name for name in ids if not scoring.only or name in scoring.only]
    return ChosenData(layout, dataset.name, tuple(chosen[: scoring.limit]))
