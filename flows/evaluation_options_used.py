"""Options without effect are refused, so that nobody believes that they did something."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.loaders.own_output import is_own_output
from evaluation.loaders.predictions import PredictionFolder, part_files
from flows.cli_evaluate_options import (
    GenerationOptions,
    PredictionOptions,
    ScoringOptions,
    given_options,
)
from mmpart_core.errors import ConfigError

_UPRIGHT_FORMATS = (".glb", ".gltf")


def refuse_ignored(
    predictions: PredictionOptions, generation: GenerationOptions, generate: bool
) -> None:
    """Refuse what is said of predictions that are there with ``--generate``, and the reverse.

    Raises:
        ConfigError: names the option, given as its default or not.
    """
    if generate:
        ignored, why = given_options(predictions), "is for predictions that are there"
        other = "--generate"
    else:
        ignored, why = given_options(generation), "is for predictions that --generate makes"
        other = "--predictions"
    if ignored:
        raise ConfigError(f"{ignored[0]}: {why}, {other} was given; leave it out")


def check_pool(scoring: ScoringOptions) -> None:
    """Refuse a pool, its workers and a scheduler that do not go together.

    Raises:
        ConfigError: says which of them to leave out.
    """
    if scoring.pool == "dask" and scoring.scheduler is None:
        raise ConfigError("--pool dask: give the scheduler's address with --scheduler")
    if scoring.pool in ("here", "processes") and scoring.scheduler is not None:
        raise ConfigError(
            f"--scheduler '{scoring.scheduler}': has no use with --pool {scoring.pool}; leave one "
            "of them out"
        )
    if scoring.workers is None:
        return
    if scoring.pool == "here":
        raise ConfigError(
            f"--workers {scoring.workers}: has no use with --pool here, which scores in this "
            "process; leave one of them out"
        )
    if scoring.scheduler is not None:
        raise ConfigError(
            f"--workers {scoring.workers}: has no use with --scheduler, whose cluster has workers "
            "of its own; leave it out"
        )


def check_axes_and_frame(
    options: PredictionOptions, folder: Path, object_ids: Sequence[str]
) -> None:
    """Refuse an upright axis or a frame that every prediction states itself.

    Args:
        options: as given.
        folder: of the predictions.
        object_ids: which of them are scored.

    Raises:
        ConfigError: no prediction is of a kind that the option speaks of.
    """
    names = given_options(options)
    if not {"--up", "--frame"} & set(names):
        return
    found = PredictionFolder(folder)
    places = [place for name in object_ids if (place := found.find(name)) is not None]
    foreign = [place for place in places if not (place.is_dir() and is_own_output(place))]
    if places and not foreign:
        option = "--frame" if "--frame" in names else "--up"
        raise ConfigError(
            f"{option}: has no effect, all predictions in '{folder}' are MMPart's own output, "
            "whose manifests say it; leave it out"
        )
    files = [
        file for place in foreign for file in (part_files(place) if place.is_dir() else [place])
    ]
    if "--up" in names and files and all(f.suffix.lower() in _UPRIGHT_FORMATS for f in files):
        raise ConfigError(
            f"--up {options.up}: has no effect, all predictions in '{folder}' are GLB or glTF, "
            "which are +Y up by definition; leave it out, and export files that were written Z up "
            "again as +Y up"
        )
