"""What a report tells about how it was made, without secrets and paths of the machine."""

import json
import shlex
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flows.evaluation_job import EvaluationJob, Round, describe_job
from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import StorageError
from mmpart_core.output.manifest import backend_facts
from mmpart_core.output.scrubbing import scrub, scrub_text

RUN_FILE = "run.json"
SET_OPTION = "--set"
report_command: ContextVar[str] = ContextVar("mmpart_report_command", default="")
"""How to make the report again; not in the job, whose values Prefect keeps with the run."""


def command_line(arguments: Sequence[str], job: EvaluationJob) -> str:
    """How to run a command again, fit for a report that others read.

    Settings that do not affect the output, credentials among them, are left out with their
    ``--set``; paths of the machine and what looks like a secret are taken out of the rest.

    Args:
        arguments: of the command, without its own name.
        job: what they were read as.
    """
    hidden = {name for config in _configs(job) for name in _told_to_nobody(config)}
    kept: list[str] = []
    for argument in arguments:
        is_value = bool(kept) and kept[-1] == SET_OPTION
        setting = argument if is_value else argument.removeprefix(f"{SET_OPTION}=")
        if (is_value or setting != argument) and setting.partition("=")[0].strip() in hidden:
            del kept[len(kept) - is_value :]
            continue
        kept.append(argument)
    return shlex.join(["mmpart", *map(scrub_text, kept)])


@contextmanager
def published_command(arguments: Sequence[str], job: EvaluationJob) -> Generator[None]:
    """Within: reports say that this command, as ``command_line`` gives it, made them."""
    token = report_command.set(command_line(arguments, job))
    try:
        yield
    finally:
        report_command.reset(token)


def write_run_file(job: EvaluationJob) -> None:
    """Write ``run.json``: all that was asked and that affects what came of it.

    Raises:
        StorageError: the report's folder cannot be written.
    """
    folder = Path(job.report)
    facts = {
        "mmpart": version("mmpart"),
        "notes": describe_job(job),
        "job": {
            **job.model_dump(mode="json", exclude={"rounds"}),
            "rounds": [_round_facts(each) for each in job.rounds],
        },
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(scrub(facts), indent=1, ensure_ascii=False)
        (folder / RUN_FILE).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"report '{folder}': cannot be written ({error.strerror})") from error


def _round_facts(chosen: Round) -> dict[str, Any]:
    """A round with the settings that affect its output only."""
    facts = chosen.model_dump(mode="json")
    if chosen.generation is not None:
        facts["generation"]["config"].update(backend_facts(chosen.generation.config))
    return facts


def _configs(job: EvaluationJob) -> Iterator[PipelineConfig]:
    return (each.generation.config for each in job.rounds if each.generation is not None)


def _told_to_nobody(config: PipelineConfig) -> Iterator[str]:
    """Settings that are in no key, as ``--set`` names them."""
    for stage in backends.STAGES:
        settings = backends.find_module(stage, config.choice(stage).kind).Settings
        yield from (f"{stage}.{name}" for name in settings.EXCLUDED_FROM_KEY)
