"""What is left of a data set after each fault: one table, from real processes.

    python -m benchmarks.faults [--only WORDS] [--postgres postgresql+asyncpg://...]

Twelve objects of four parts each, by back-ends that do next to nothing, with a real Prefect server,
real Dask schedulers and workers, a real S3 server (``rclone serve s3``) and the strict model
server. In the middle of each run one thing goes wrong (``tests/faults/disturbances.py``, which the
tests use as well); where a user would run again, the same command is run again. Then everything
that is left is looked at (``tests/faults/verdict.py``). Columns:

- lost: objects without an outcome or, where they are made, without their file;
- paid twice: pieces of work that were finished and yet begun again without having been asked for;
- in hand: pieces of work that were begun and not finished when it happened, and begun again;
- outcomes: how many each object has, and what they are;
- untrue: runs that Prefect shows in a state that is not theirs;
- equal: made objects whose file is that of a run without flow and faults, bit for bit;
- left: temporary files, probes and notes of work under way;
- extra: seconds longer than a run of the same kind without fault, the user's second run included.
"""

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
TESTS = Path(__file__).resolve().parents[1] / "tests"
COLUMNS = (
    "fault", "lost", "paid twice", "in hand", "outcomes", "untrue", "equal", "left", "extra s",
)  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--postgres", help="database of Prefect's server; sqlite else")
    arguments = parser.parse_args()
    sys.path[:0] = [str(TESTS / "packages"), str(TESTS / "model_server")]
    package = ModuleType("tests")
    package.__path__ = [str(TESTS)]
    sys.modules["tests"] = package  # some dependencies install a package of that name
    servers, trials = load("faults.servers"), load("faults.trial")
    database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": arguments.postgres}
    os.environ["PYTHONPATH"] = trials.search_path()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "prefect").mkdir()
        server = servers.PrefectServer(
            Path(folder) / "prefect", database if arguments.postgres else None
        )
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
        with servers.reporting_to(server):
            print_rows(Path(folder), server, arguments.only)
        print(f"\nload {os.getloadavg()[0]:.1f}")
        server.stop()


def load(name: str) -> Any:
    """A module of the tests, which are no package of the project."""
    return importlib.import_module(f"tests.{name}")


def print_rows(folder: Path, server: Any, only: str) -> None:
    """The undisturbed runs of each kind, and the faults."""
    from prefect.events.worker import EventsWorker

    faults = load("faults.every_fault")
    truth = load("faults.verdict").true_outputs()
    chosen = faults.every_fault(server)
    kinds = {fault.kind for fault in chosen if only in fault.name}
    plain_s: dict[str, float] = {}
    for number, fault in enumerate(chosen):
        undisturbed = fault.disturb is faults.nothing
        if fault.kind in kinds if undisturbed else only in fault.name:
            told, seconds = measured(fault, folder / str(number), server, truth)
            extra = seconds - plain_s.setdefault(fault.kind, seconds)
            took = f"{seconds:.0f} in all" if undisturbed else f"{extra:.0f}"
            print(f"| {' | '.join([fault.name, *told, took])} |", flush=True)
    EventsWorker.drain_all(timeout=20)


def measured(fault: Any, folder: Path, server: Any, truth: Any) -> tuple[list[str], float]:
    """What is left of a data set after a fault, and how long it took."""
    with load("faults.every_fault").prepared(fault, folder, server) as (trial, beside):
        started = time.perf_counter()
        again = fault.disturb(trial, beside)
        seconds = time.perf_counter() - started
        compared = None if fault.kind == "hosted" else truth
        verdict = load("faults.verdict").judge(
            trial, compared, again if isinstance(again, set) else ()
        )
        paid = len(verdict.paid_twice)
        if fault.kind == "hosted":  # counted at the model server
            paid += len(beside.paid) - len(set(beside.paid))
    return cells(verdict, paid, compared is not None), seconds


def cells(verdict: Any, paid: int, compared: bool) -> list[str]:
    """What a verdict says, one text per column."""
    states = Counter(verdict.states.values())
    lost = sum(not count for count in verdict.outcomes.values()) + len(verdict.lost)
    counts = "/".join(str(each) for each in sorted(set(verdict.outcomes.values())))
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    made = states["made"]
    equal = f"{made - len(verdict.differing)} of {made}" if compared else "-"
    return [str(lost), str(paid), str(len(verdict.repeated)), f"{counts} each: {told}",
            str(len(verdict.untrue)), equal, str(len(verdict.leftovers))]  # fmt: skip


if __name__ == "__main__":
    main()
