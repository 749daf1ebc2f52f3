"""A Prefect server that can be killed, and data sets to be disturbed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tasks import _cluster
from tests.faults.servers import PrefectServer, reporting_to, worker_processes
from tests.faults.trial import JOURNAL, PACKAGES, Trial, search_path
from tests.faults.verdict import true_outputs


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server for all tests that leave it alone, or start it again."""
    started = PrefectServer(tmp_path_factory.mktemp("prefect"))
    yield started
    started.stop()


@pytest.fixture
def prefect(server: PrefectServer) -> Iterator[PrefectServer]:
    """Flows of this process report to the server."""
    with reporting_to(server):
        yield server


@pytest.fixture
def trial_of(
    prefect: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Trial]]:
    """Makes a data set; see ``Trial``."""
    monkeypatch.syspath_prepend(PACKAGES)
    made: list[Trial] = []

    def make(name: str = "trial", **given: Any) -> Trial:
        environment = {**prefect.environment, **given.pop("environment", {})}
        trial = Trial(tmp_path / name, environment, **given)
        made.append(trial)
        monkeypatch.setenv(JOURNAL, trial.environment[JOURNAL])
        return trial

    yield make
    for trial in made:
        trial.close()


@pytest.fixture(scope="session")
def undisturbed() -> dict[str, bytes]:
    """The file of each object, as the pipeline makes it without any flow."""
    with pytest.MonkeyPatch.context() as path:
        path.syspath_prepend(PACKAGES)
        return true_outputs()


@pytest.fixture
def cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., AbstractContextManager[str]]]:
    """Starts worker processes and gives their scheduler's address; see ``worker_processes``."""
    monkeypatch.setenv("PYTHONPATH", search_path())  # of workers, which this process starts
    yield worker_processes
    _cluster._connected.cache_clear()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are tried again soon."""
    from flows.stage_runner import TASKS

    for task in TASKS.values():
        monkeypatch.setattr(task, "retry_delay_seconds", [0.1])
