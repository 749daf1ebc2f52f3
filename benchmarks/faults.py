"""What is left of a data set after each fault: one table, from real processes.

    python -m benchmarks.faults [--only WORDS ...] [--postgres postgresql+asyncpg://...]

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

A run that ends in another way than it should takes its row; the others go on.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.tests_modules import provide_packages, search_path, tests_module
from mmpart_core.errors import MMPartError

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
COLUMNS = (
    "fault", "lost", "paid twice", "in hand", "outcomes", "untrue", "equal", "left", "extra s",
)  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""], help="faults whose name holds one")
    parser.add_argument("--postgres", help="database of Prefect's server; sqlite else")
    arguments = parser.parse_args()
    provide_packages()
    servers = tests_module("faults.servers")
    database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": arguments.postgres}
    with search_path(), tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "prefect").mkdir()
        server = servers.PrefectServer(
            Path(folder) / "prefect", database if arguments.postgres else None
        )
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
        try:
            with servers.reporting_to(server):
                print_rows(Path(folder), server, arguments.only)
        finally:
            server.stop()
        print(f"\nload {os.getloadavg()[0]:.1f}")


def print_rows(folder: Path, server: Any, only: list[str]) -> None:
    """The undisturbed runs of each kind, and the faults."""
    faults = tests_module("faults.every_fault")
    truth = tests_module("faults.verdict").true_outputs()
    chosen = faults.every_fault(server)
    asked = [fault for fault in chosen if any(words in fault.name for words in only)]
    kinds = {fault.kind for fault in asked}
    plain_s: dict[str, float] = {}
    for number, fault in enumerate(chosen):
        undisturbed = fault.disturb is faults.nothing
        if fault.kind in kinds if undisturbed else fault in asked:
            try:
                told, seconds = measured(fault, folder / str(number), server, truth)
            except (AssertionError, MMPartError, TimeoutError) as error:
                print(f"| {fault.name} | it ended as it should not: {error!r} |", flush=True)
                continue
            extra = seconds - plain_s.setdefault(fault.kind, seconds)
            took = f"{seconds:.0f} in all" if undisturbed else f"{extra:.0f}"
            print(f"| {' | '.join([fault.name, *told, took])} |", flush=True)


def measured(fault: Any, folder: Path, server: Any, truth: Any) -> tuple[list[str], float]:
    """What is left of a data set after a fault, and how long it took."""
    verdicts = tests_module("faults.verdict")
    with tests_module("faults.every_fault").prepared(fault, folder, server) as (trial, beside):
        started = time.perf_counter()
        again = fault.disturb(trial, beside)
        seconds = time.perf_counter() - started
        paid = 0
        if fault.kind == "hosted":  # counted at the model server
            paid = len(beside.paid) - len(set(beside.paid))
            truth = verdicts.true_outputs({"plan": beside.choice()})
        verdict = verdicts.judge(trial, truth, again if isinstance(again, set) else ())
    return cells(verdict, paid + len(verdict.paid_twice)), seconds


def cells(verdict: Any, paid: int) -> list[str]:
    """What a verdict says, one text per column."""
    states = Counter(verdict.states.values())
    lost = sum(not count for count in verdict.outcomes.values()) + len(verdict.lost)
    counts = "/".join(str(each) for each in sorted(set(verdict.outcomes.values())))
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    made = states["made"]
    equal = f"{made - len(verdict.differing)} of {made}"
    return [str(lost), str(paid), str(len(verdict.repeated)), f"{counts} each: {told}",
            str(len(verdict.untrue)), equal, str(len(verdict.leftovers))]  # fmt: skip


if __name__ == "__main__":
    main()
