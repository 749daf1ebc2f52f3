"""``mmpart store``: what an artifact store holds, whether it is sound, and what can go.

Exit status: 0 done; 1 the store went away; 2 it cannot be used; 3 something in it is damaged.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from flows.cli_group import UNUSABLE, OneLineGroup
from flows.cli_options import Store
from flows.cli_run import INCOMPLETE, errors_end, errors_end_with
from flows.inputs import DEFAULT_STORE, STORE_VARIABLE, check_store_address
from mmpart_core.errors import StorageError
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.opening import open_store
from mmpart_core.storage.pruning import PruneReport, parse_age, prune_store
from mmpart_core.storage.verifying import measure_usage, verify_store

SHOWN_FAULTS = 20
store_app = typer.Typer(
    cls=OneLineGroup,
    help="The artifact store: what it holds, whether it is sound, what can go.",
    no_args_is_help=True,
)
OlderThan = Annotated[
    str, typer.Option("--older-than", help="Records written longer ago go: 12h, 30d, 8w.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")]
AtOnce = Annotated[
    bool,
    typer.Option(
        "--at-once",
        help="Also remove now what otherwise goes the next time: blobs of the records that are "
        "removed, however young. Only where no run uses the store.",
    ),
]


@store_app.command()
def usage(store: Store = None) -> None:
    """Records, blobs and bytes by stage."""
    console = Console(stderr=True)
    with _opened(store, console) as opened:
        rows = measure_usage(opened)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("stage")
    for name in ("records", "blobs", "size"):
        table.add_column(name, justify="right")
    for row in rows:
        size = decimal(row.record_bytes + row.blob_bytes)
        table.add_row(row.stage, str(row.records), str(row.blobs), size)
    total = decimal(sum(row.record_bytes + row.blob_bytes for row in rows))
    records, blobs = sum(row.records for row in rows), sum(row.blobs for row in rows)
    table.add_section()
    table.add_row("all", str(records), str(blobs), total)
    Console(highlight=False).print(table)


@store_app.command()
def verify(store: Store = None) -> None:
    """Read every blob and record, and compare them with their digests. Changes nothing."""
    console = Console(stderr=True)
    out = Console(highlight=False)
    with _opened(store, console) as opened:
        report = verify_store(opened)
    out.print(f"{report.records} records, {report.blobs} blobs, {decimal(report.bytes_read)} read")
    for fault in report.faults[:SHOWN_FAULTS]:
        line = f"{fault.trouble}: {fault.path}: {fault.detail}"
        out.print(line, markup=False, soft_wrap=True)
    if report.fault_count > SHOWN_FAULTS:
        out.print(f"... and {report.fault_count - SHOWN_FAULTS} more")
    if report.fault_count:
        console.print(
            "What is damaged counts as missing: the next run that needs it makes it again.",
            soft_wrap=True,
        )
        raise typer.Exit(INCOMPLETE)
    out.print("All of it is what it should be.")


@store_app.command()
def prune(
    older_than: OlderThan,
    store: Store = None,
    dry_run: DryRun = False,
    at_once: AtOnce = False,
) -> None:
    """Remove old records and blobs that no record refers to; safe beside running work."""
    console = Console(stderr=True)
    with errors_end_with(UNUSABLE, console):
        age_s = parse_age(older_than)
    with _opened(store, console) as opened:
        grace = {"grace_s": 0.0} if at_once else {}
        report = prune_store(opened, age_s, dry_run=dry_run, at_once=at_once, **grace)
    out = Console(highlight=False)
    for line in prune_lines(report):
        out.print(line, soft_wrap=True)


def prune_lines(report: PruneReport) -> list[str]:
    """What was removed, in words."""
    verb = "would be removed" if report.dry_run else "removed"
    lines = [
        f"{report.records} records ({decimal(report.record_bytes)}), {report.blobs} blobs "
        f"({decimal(report.blob_bytes)}) and {report.leftovers} leftovers {verb}; "
        f"{report.kept_records} records stay"
    ]
    if report.next_blobs:
        lines.append(
            f"{report.next_blobs} more blobs ({decimal(report.next_bytes)}) are only those "
            "records'; they go the next time, so that no run misses what it has just found"
        )
    return lines


@contextmanager
def _opened(address: str | None, console: Console) -> Generator[FsspecStore]:
    """A store that is there; whatever it cannot do ends the command with one line."""
    with errors_end_with(UNUSABLE, console):
        url = address or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
        check_store_address(url)
        opened = open_store(url)
        if not (opened.folder_names("blobs") or opened.folder_names("records")):
            raise StorageError(
                f"store '{opened.url}': nothing of MMPart is there; name the store with --store "
                f"or {STORE_VARIABLE}"
            )
    with errors_end(console):
        yield opened
