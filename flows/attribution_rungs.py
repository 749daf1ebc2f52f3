"""The rungs of an attribution: truth up to here, ours from here on."""

from collections.abc import Sequence
from pathlib import Path

from flows.evaluation_job import Generation, Round
from mmpart_core import backends
from mmpart_core.config import PipelineConfig, validate_config
from mmpart_core.errors import ConfigError
from mmpart_core.records import StageName

TRUTH_KIND = "groundtruth"
OURS, WHOLE_TRUTH = "ours", "truth"
NO_TRUTH: tuple[StageName, ...] = ("reconstruct", "mesh")


def replaceable_stages() -> tuple[StageName, ...]:
    """The stages that have a back-end which gives the truth, in order."""
    return tuple(
        stage for stage in backends.STAGES if TRUTH_KIND in backends.available_kinds(stage)
    )


def parse_stages(names: Sequence[str]) -> tuple[StageName, ...]:
    """The stages to replace, in the order given; all that can be where none is named.

    Raises:
        ConfigError: no such stage, or one that has no truth.
    """
    known = replaceable_stages()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"--stage '{unknown[0]}': expected one of {', '.join(known)}; no other stage has a "
            f"back-end '{TRUTH_KIND}'"
        )
    given: list[StageName] = [stage for name in names for stage in known if stage == name]
    return tuple(dict.fromkeys(given)) if given else known


def build_rungs(base: Generation, stages: Sequence[StageName], folder: Path) -> tuple[Round, ...]:
    """Rounds from all stages ours to the truth itself.

    A stage that the profile takes from the truth counts as replaced from the start. The last rung
    scores the truth against itself: what it gains over the one before is lost by the stages
    that no truth can stand in for, reconstruction and meshing.

    Args:
        base: the profile to take apart; its back-ends see the known scene.
        stages: which to replace, one more per rung.
        folder: where predictions go, a folder per rung.

    Raises:
        ConfigError: a truth back-end that refuses its settings.
    """
    config = base.config
    replaced: tuple[StageName, ...] = tuple(
        s for s in backends.STAGES if config.choice(s).kind == TRUTH_KIND
    )
    rungs = [_rung(0, base, replaced, folder)]
    for stage in stages:
        if stage in replaced:
            continue
        replaced = (*replaced, stage)
        config = _with_truth(config, stage)
        made = base.model_copy(update={"config": config})
        rungs.append(_rung(len(rungs), made, replaced, folder))
    rest: tuple[StageName, ...] = tuple(s for s in NO_TRUTH if s not in replaced)
    missing = [s for s in replaceable_stages() if s not in replaced]
    if rest and not missing:
        name = f"{len(rungs)}-{WHOLE_TRUTH}"
        rungs.append(Round(name=name, predictions=None, replaced=(*replaced, *rest)))
    return tuple(rungs)


def _rung(index: int, made: Generation, replaced: tuple[StageName, ...], folder: Path) -> Round:
    name = f"{index}-{'+'.join(replaced) or OURS}"
    return Round(name=name, predictions=str(folder / name), generation=made, replaced=replaced)


def _with_truth(config: PipelineConfig, stage: StageName) -> PipelineConfig:
    return validate_config(config.model_dump(), "attribute", {f"{stage}.kind": TRUTH_KIND})
