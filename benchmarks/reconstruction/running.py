"""Runs jobs in fresh processes, some side by side, and writes a row for each as it ends."""

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reconstruction import child
from benchmarks.reconstruction.child import Job
from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.methods import Method
from benchmarks.reconstruction.parts import KnownPart, neighbour
from benchmarks.reconstruction.rows import CRASHED, Rows, row_of

_CONTEXT = multiprocessing.get_context("forkserver")
_PREPARE_LIMIT_S = 600
_PATIENCE = 30.0  # clock seconds per processor second of the limit: what waits that long hangs


@dataclass(frozen=True)
class Plan:
    """What one run makes.

    Attributes:
        folder: of the GLBs.
        work: where truths are kept.
        condition: how views are made.
        methods: in the order they run on each part.
        seeds: one run of each method for each.
        parts: in the order they are begun.
        all_parts: of the folder, for a view of another one.
        stock_parts: stock models run on so many of the first parts.
        limit_s: a method that takes more processor seconds on a part has failed there.
        jobs: parts side by side.
        keep: folder for GLBs of all results; None keeps none.
    """

    folder: Path
    work: Path
    condition: Condition
    methods: Sequence[Method]
    seeds: Sequence[int]
    parts: Sequence[KnownPart]
    all_parts: Sequence[KnownPart]
    stock_parts: int
    limit_s: int
    jobs: int
    keep: Path | None = None


def run(plan: Plan, rows: Rows, tell: Callable[[str], None]) -> None:
    """Make what has no row yet.

    Args:
        plan: what to make.
        rows: where results are and go.
        tell: hears of each row.
    """
    warm_up()
    said = threading.Lock()

    def work(numbered: tuple[int, KnownPart]) -> None:
        for row in part_rows(plan, *numbered, rows):
            rows.append(row)
            with said:
                tell(row_line(row))

    with ThreadPoolExecutor(plan.jobs) as pool:
        for _ in pool.map(work, enumerate(plan.parts)):
            pass


def warm_up() -> None:
    """Let the process that all others are forks of import what they need, once."""
    _CONTEXT.set_forkserver_preload(["benchmarks.reconstruction.preload"])


def part_rows(plan: Plan, number: int, part: KnownPart, rows: Rows) -> Iterator[dict[str, Any]]:
    """Rows of one part by all methods and seeds, those that are there already left out."""
    methods = [
        method for method in plan.methods
        if method.family != "stock" or number < plan.stock_parts
    ]  # fmt: skip
    todo = [
        (method, seed) for method in methods for seed in plan.seeds
        if not rows.has(part, method, seed)
    ]  # fmt: skip
    if not todo:
        return
    wanted = [part]
    if plan.condition.wrong_view == "other":
        wanted.append(neighbour(part, plan.all_parts))
    prepared = [
        in_child(child.prepare, _PREPARE_LIMIT_S, plan.folder, each, plan.condition, plan.work)
        for each in wanted
    ]
    failed = next((each["failed"] for each in prepared if "failed" in each), None)
    for method, seed in todo:
        if failed is not None:
            yield row_of(part, method, seed, {"failed": failed})
            continue
        keep = None
        if plan.keep is not None:
            keep = plan.keep / method.name / f"{part.object_id}-{part.part}-{seed}.glb"
        other = prepared[1]["path"] if len(prepared) > 1 else None
        job = Job(part, method, seed, plan.condition, prepared[0]["path"], other, keep)
        yield row_of(part, method, seed, in_child(child.perform, plan.limit_s, job))


def in_child(work: Callable[..., None], limit_s: int, *arguments: Any) -> dict[str, Any]:
    """Answer of a fresh process; a reason under ``failed`` where it gave none.

    Args:
        work: called with the limit, the arguments, and the pipe for its answer.
        limit_s: processor seconds it may take.
        arguments: of ``work``.
    """
    answer, reply = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=work, args=(limit_s, *arguments, reply))
    process.start()
    reply.close()
    found: dict[str, Any] | None = None
    with contextlib.closing(answer):
        if answer.poll(_PATIENCE * limit_s):
            with contextlib.suppress(EOFError):
                found = answer.recv()
        else:
            process.kill()
    process.join()
    if found is not None:
        return found
    if process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL):
        return {"failed": f"took more than {limit_s} processor seconds"}
    return {"failed": f"{CRASHED} {process.exitcode}"}


def row_line(row: dict[str, Any]) -> str:
    """One row for the eye."""
    name = f"{row['object']}/{row['part']}"
    if row["failed"]:
        return f"{name:<44} {row['method']:<14} failed: {row['failed']}"
    return (
        f"{name:<44} {row['method']:<14} F(0.02) {row['f_02']:.3f}  IoU {row['iou']:.3f}  "
        f"PSNR {row['psnr_db']:.1f}  {row['total_cpu_s']:.1f} cpu-s  {row['peak_mb']:.0f} MB"
    )
