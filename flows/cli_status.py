"""``mmpart status``: how far a data set is; needs no Prefect server."""

import json
import time
from contextlib import suppress
from typing import Annotated, Any

import typer
from rich.console import Console

from flows.cli_batch_report import counts_table
from flows.cli_run import errors_end
from flows.dataset_job import read_job
from flows.dataset_lease import Lease, is_live, read_lease
from flows.dataset_outcomes import STATES
from flows.dataset_table import compact, load_outcomes
from mmpart_core.errors import InputError, StorageError
from mmpart_core.output.wording import duration, money
from mmpart_core.records import Record
from mmpart_core.storage.store_files import StoreFiles

WATCHED_EVERY_S = 2.0
_COUNTED = ("component", "number", "run", "state", "error", "spent_usd")


class DatasetStatus(Record):
    """How far a data set is.

    Attributes:
        output: where it lies.
        running: a run goes on.
        run: number of the latest run.
        rows: objects that it was asked for.
        states: objects by state.
        left: objects without an outcome.
        parts: parts by state.
        reasons: objects that were not made, by class of error.
        cost_usd: what hosted models cost, over all runs.
        per_hour: objects that the latest run finished in an hour, without rows that cannot be used;
            None where it finished none.
        seconds_left: at this rate; None where nothing runs or the rate is not known.
        heard_at: the run's latest sign of life, in seconds since 1970.
    """

    output: str
    running: bool
    run: int
    rows: int
    states: dict[str, int]
    left: int
    parts: dict[str, int]
    reasons: dict[str, int]
    cost_usd: float
    per_hour: float | None
    seconds_left: float | None
    heard_at: float


def status(
    output: Annotated[str, typer.Argument(help="Output of 'mmpart batch': folder or address.")],
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every two seconds until the run ends.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """How far a data set is: counts, rate, cost, time left, failures by reason."""
    console = Console(highlight=False)
    with errors_end(Console(stderr=True)):
        while True:
            found = read_status(output)
            if as_json:
                console.print(json.dumps(found.model_dump()), markup=False, soft_wrap=True)
            else:
                print_status(console, found)
            if not (watch and found.running):
                return
            time.sleep(WATCHED_EVERY_S)


def read_status(output: str) -> DatasetStatus:
    """How far a data set is; between runs its outcomes are made one table.

    Raises:
        InputError: there is no data set.
        StorageError: the output cannot be read.
    """
    if read_job(output) is None:
        raise InputError(
            f"'{output}': no batch was ever run there (dataset.json is missing); check the path"
        )
    place = StoreFiles(output)
    lease = read_lease(place)
    running = is_live(lease)
    if not running:
        with suppress(StorageError):  # whoever looks may not be allowed to write
            compact(place)
    return _status_of(output, load_outcomes(place, _COUNTED), lease, running)


def _status_of(output: str, table: Any, lease: Lease | None, running: bool) -> DatasetStatus:
    rows = lease.rows if lease else 0
    frame = table.to_pandas()
    objects = frame[frame["component"].isna() & ((frame["number"] <= rows) | (rows == 0))]
    parts = frame[frame["component"].notna()]
    begun = objects[objects["state"] != "invalid"]
    here = 0 if lease is None else int((begun["run"] == lease.run).sum())
    taken_s = 0.0 if lease is None else lease.renewed_at - lease.began_at
    per_s = here / taken_s if here and taken_s > 0 else None
    left = max(rows - len(objects), 0)
    reasons = objects[objects["state"] != "made"]["error"].value_counts()
    return DatasetStatus(
        output=output,
        running=running,
        run=lease.run if lease else 0,
        rows=rows,
        states=_by_state(objects["state"]),
        left=left,
        parts=_by_state(parts["state"]),
        reasons={str(name): int(count) for name, count in reasons.items()},
        cost_usd=float(objects["spent_usd"].sum()),
        per_hour=None if per_s is None else 3600.0 * per_s,
        seconds_left=left / per_s if running and per_s else None,
        heard_at=lease.renewed_at if lease else 0.0,
    )


def _by_state(states: Any) -> dict[str, int]:
    counts = states.value_counts()
    return {state: int(counts[state]) for state in STATES if state in counts}


def print_status(console: Console, found: DatasetStatus) -> None:
    """The status for people."""
    console.print(counts_table(found.states, found.left, found.reasons))
    heard = duration(max(time.time() - found.heard_at, 0.0))
    state = f"running (run {found.run}, heard of {heard} ago)" if found.running else "not running"
    rate = f", {found.per_hour:,.0f} objects an hour" if found.per_hour is not None else ""
    left = f", {duration(found.seconds_left)} left" if found.seconds_left is not None else ""
    cost = f", cost {money(found.cost_usd)}" if found.cost_usd else ""
    made = sum(found.parts.values())
    parts = f", {found.parts.get('made', 0):,} of {made:,} parts made" if made else ""
    console.print(f"{state}{parts}{rate}{left}{cost}")
