"""Turns the options of the measuring commands into a job; every mistake is one message."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation.dataset_scoring import LookOptions
from evaluation.loaders import LAYOUTS, detect_layout, open_dataset
from evaluation.protocol import MMPART, PRESETS, Protocol
from flows.attribution_rungs import TRUTH_KIND, build_rungs, parse_stages
from flows.cli_evaluate_options import GenerationOptions, PredictionOptions, ScoringOptions
from flows.evaluation_job import EvaluationJob, Generation, Round
from flows.inputs import (
    DEFAULT_STORE,
    STORE_VARIABLE,
    check_store_address,
    parse_camera,
)
from flows.profiles import find_config
from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.storage.opening import open_store


def prepare_evaluation(
    scoring: ScoringOptions, predictions: PredictionOptions, generation: GenerationOptions | None
) -> EvaluationJob:
    """Check everything that can be checked before work begins.

    Args:
        scoring: what is scored and how.
        predictions: which predictions, where they are there.
        generation: how to make them, where they are not.

    Raises:
        InputError, ConfigError: something given cannot be used.
        StorageError: the store cannot be used.
    """
    if (predictions.predictions is None) == (generation is None):
        raise InputError(
            "evaluate: give either --predictions FOLDER or --generate, which makes them first"
        )
    if generation is None:
        folder = predictions.predictions
        if folder is None or not folder.is_dir():
            raise InputError(f"--predictions '{folder}': there is no such folder")
        chosen = Round(predictions=str(folder))
    else:
        config = checked_config(generation)
        check_folder(generation.output, "--output")
        truths = any(config.choice(stage).kind == TRUTH_KIND for stage in backends.STAGES)
        made = generation_of(generation, config, keep_truth=truths)
        chosen = Round(predictions=str(generation.output), generation=made)
    return job_of(scoring, (chosen,), predictions)


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
    check_folder(generation.output, "--output")
    config = checked_config(generation)
    base = generation_of(generation, config, keep_truth=True, whole_bundle=False)
    rungs = build_rungs(base, chosen, generation.output)
    if len(rungs) < 2:
        raise InputError(
            f"attribute: profile '{generation.profile}' takes {', '.join(chosen)} from the truth "
            "already, so there is nothing to compare; name other stages or another profile"
        )
    return job_of(scoring, rungs)


def checked_config(generation: GenerationOptions) -> PipelineConfig:
    """The profile with its settings, all its packages installed.

    Raises:
        ConfigError: no such profile, a setting that does not fit, a package that is missing.
    """
    config = find_config(generation.profile, generation.settings or ())
    for stage in backends.STAGES:
        backends.check_installed(stage, config.choice(stage).kind)
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
        view=parse_camera(options.camera),
        regions=options.regions,
        keep_truth=keep_truth,
        seed=options.seed,
        size_px=options.size_px,
        whole_bundle=whole_bundle,
    )


def job_of(
    scoring: ScoringOptions,
    rounds: tuple[Round, ...],
    predictions: PredictionOptions | None = None,
) -> EvaluationJob:
    """The job, once its rounds are known.

    Raises:
        InputError, ConfigError: something given cannot be used.
        StorageError: the store cannot be used.
    """
    protocols = parse_protocols(scoring.protocol or ())
    check_folder(scoring.report, "--report")
    layout, name, object_ids = _objects(scoring)
    store = scoring.store or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
    check_store_address(store)
    open_store(store).probe()
    if scoring.pool == "dask" and scoring.scheduler is None:
        raise ConfigError("--pool dask: give the scheduler's address with --scheduler")
    found = predictions or PredictionOptions()
    return EvaluationJob(
        dataset=str(scoring.dataset), layout=layout, dataset_name=name, object_ids=object_ids,
        rounds=rounds, frame=found.frame, up=found.up, protocols=protocols,
        look=LookOptions() if scoring.appearance else None,
        store=store, report=str(scoring.report), command=command_line(),
        pool=scoring.pool, workers=scoring.workers or os.cpu_count() or 1,
        scheduler=scoring.scheduler,
    )  # fmt: skip


def parse_protocols(names: Sequence[str]) -> tuple[Protocol, ...]:
    """Presets by name, each once; the default one where none is named.

    Raises:
        ConfigError: no such preset.
    """
    unknown = [name for name in names if name not in PRESETS]
    if unknown:
        raise ConfigError(f"--protocol '{unknown[0]}': expected one of {', '.join(PRESETS)}")
    return tuple(PRESETS[name] for name in dict.fromkeys(names)) or (MMPART,)


def check_folder(path: Path, option: str) -> None:
    """Refuse a folder that cannot be one.

    Raises:
        InputError: it is a file.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{option} '{path}': a folder expected, this is a file")


def command_line() -> str:
    """How to run this again; only the arguments of the command itself."""
    return shlex.join(["mmpart", *sys.argv[1:]])


def _objects(scoring: ScoringOptions) -> tuple[str, str, tuple[str, ...]]:
    """Layout, name and objects of the data set."""
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
    return layout, dataset.name, tuple(chosen[: scoring.limit])
