"""``mmpart.log`` beside a result: what somebody needs who is to find out what went wrong."""

import json
import logging
import os
import platform
import shlex
import sys
import time
import traceback
from contextvars import Token
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self

from flows.cli_report import warning_lines
from flows.inputs import Job
from flows.log_file import open_log
from flows.progress import RunListener, SeveralListen, listener
from mmpart_core import backends
from mmpart_core.errors import MMPartError
from mmpart_core.output.scrubbing import scrub_text
from mmpart_core.records import (
    ObjectResult,
    PartFailure,
    PartPlan,
    StageName,
    StageRun,
    component_label,
)

PACKAGES = ("mmpart", "prefect", "pydantic", "numpy", "torch", "nerfstudio", "trimesh", "rich")
_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class RunLog:
    """Writes one run into ``mmpart.log``; runs follow one another in it.

    Within: every piece of work's start, end, seconds and whether it was cached; at the end the
    warnings and failures, or the error with its class. Machine paths and secrets are taken out,
    so that the file can be sent to others. Prefect's own log goes to the same file.

    Args:
        folder: where the file goes; None writes nothing (a result behind an address).
        job: what is run.
        seed: every random choice follows from it.
    """

    def __init__(self, folder: Path | None, job: Job, seed: int) -> None:
        self._folder = folder
        self._job = job
        self._seed = seed
        self._logger = logging.Logger("mmpart.run", logging.INFO)
        self._token: Token[RunListener] | None = None
        self._started = 0.0

    def __enter__(self) -> Self:
        """Begin, with what was asked and what runs it.

        Raises:
            ConfigError: the file cannot be written.
        """
        self._started = time.perf_counter()
        self._logger.addHandler(_handler(self._folder))
        self._say(f"run begins: {_command()}")
        self._say(f"machine: Python {platform.python_version()}, {platform.platform()}, "
                  f"{os.cpu_count()} processors")  # fmt: skip
        self._say(f"packages: {_versions()}")
        request = self._job.request
        names = ", ".join(component.name for component in request.components)
        image = request.image
        self._say(f"object '{request.name}': {names}; seed {self._seed}")
        self._say(f"image: {image.width}x{image.height} px, {image.sha256[:12]}; "
                  f"store: {self._job.store_url}")  # fmt: skip
        self._say_backends()
        self._token = listener.set(SeveralListen(listener.get(), self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End with how long it took, or with the error and, where nobody meant it, its trace."""
        if self._token is not None:
            listener.reset(self._token)
        taken = f"after {time.perf_counter() - self._started:.1f} s"
        if kind is None:
            self._say(f"run ended {taken}")
        elif isinstance(error, MMPartError | KeyboardInterrupt):
            self._say(f"run broke off {taken}: {kind.__name__}: {error}", logging.ERROR)
        else:
            self._say(f"run broke off {taken}: {kind.__name__}: {error}", logging.ERROR)
            # as text, not exc_info: what a handler formats by itself would not be scrubbed
            lines = traceback.format_exception(kind, error, trace)
            self._say("".join(lines).rstrip(), logging.ERROR)
        for handler in self._logger.handlers:
            handler.close()

    def result(self, result: ObjectResult) -> None:
        """Log what came of it: warnings, and whether all parts were made."""
        for line in warning_lines(result, result.plan):
            self._say(line, logging.WARNING)
        made = f"{len(result.parts)} of {len(result.request.components)} parts"
        self._say(f"{'complete' if result.complete else 'incomplete'}: {made}")

    def planned(self, plan: PartPlan) -> None:
        """See ``RunListener.planned``."""
        self._say(f"plan: {len(plan.prompts)} parts, by {plan.planner}")

    def started(self, stage: StageName, component: str | None) -> None:
        """See ``RunListener.started``."""
        self._say(f"{stage} of {component_label(component)}: started")

    def finished(self, run: StageRun) -> None:
        """See ``RunListener.finished``."""
        how = "cached" if run.cached else "made"
        self._say(f"{run.stage} of {component_label(run.component)}: ended, {how}, "
                  f"{run.seconds:.2f} s, {run.backend}, {run.key[:20]}")  # fmt: skip

    def failed(self, failure: PartFailure) -> None:
        """See ``RunListener.failed``."""
        where = f"{failure.stage} of {component_label(failure.component)}"
        self._say(f"{where}: failed, {failure.error}: {failure.message}", logging.ERROR)

    def _say_backends(self) -> None:
        for stage in backends.STAGES:
            choice = self._job.config.choice(stage)
            settings = backends.check_settings(stage, choice.kind, choice.settings)
            self._say(f"{stage}: {backends.backend_version(stage, choice.kind)} "
                      f"{json.dumps(settings.model_dump(mode='json'))}")  # fmt: skip

    def _say(self, text: str, level: int = logging.INFO) -> None:
        self._logger.log(level, "mmpart %s", scrub_text(text))


def _handler(folder: Path | None) -> logging.Handler:
    if folder is None:
        return logging.NullHandler()
    return open_log(folder, _FORMAT)


def _command() -> str:
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _versions() -> str:
    found: list[str] = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)
