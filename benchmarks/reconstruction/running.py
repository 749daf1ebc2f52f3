"""Runs jobs in fresh processes, some side by side, and writes a row for each as it ends."""

import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reconstruction import child
from benchmarks.reconstruction.child import Job
from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.methods import STOCK, Method
from benchmarks.reconstruction.parts import KnownPart, neighbour
from benchmarks.reconstruction.rows import Rows, row_of

_CONTEXT = multiprocessing.get_context("forkserver")
_PREPARE_TIMEOUT_S = 600.0


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
        timeout_s: a method that takes longer on a part has failed there.
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
    timeout_s: float
    jobs: int
    keep: Path | None = None


def run(plan: Plan, rows: Rows, tell: Callable[[str], None]) -> None:
    """Make what has no row yet.

    Args:
        plan: what to make.
        rows: where results are and go.
        tell: hears of each row.
    """
    _CONTEXT.set_forkserver_preload(["benchmarks.reconstruction.preload"])
    said = threading.Lock()

    def work(numbered: tuple[int, KnownPart]) -> None:
        for row in part_rows(plan, *numbered, rows):
            rows.append(row)
            with said:
                tell(row_line(row))

    with ThreadPoolExecutor(plan.jobs) as pool:
        for _ in pool.map(work, enumerate(plan.parts)):
            pass


def part_rows(plan: Plan, number: int, part: KnownPart, rows: Rows) -> Iterator[dict[str, Any]]:
    """Rows of one part by all methods and seeds, those that are there already left out."""
    methods = [
        method for method in plan.methods
        if method.family not in STOCK or number < plan.stock_parts
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
        in_child(child.prepare, _PREPARE_TIMEOUT_S, plan.folder, each, plan.condition, plan.work)
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
        yield row_of(part, method, seed, in_child(child.perform, plan.timeout_s, job))


def in_child(work: Callable[..., None], timeout_s: float, *arguments: Any) -> dict[str, Any]:
    """Answer of a fresh process; a reason under ``failed`` where it gave none in time."""
    answer, reply = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=work, args=(*arguments, reply))
    process.start()
    reply.close()
    found: dict[str, Any] = {"failed": f"took more than {timeout_s:g} s"}
    with contextlib.closing(answer):
        if answer.poll(timeout_s):
            try:
                found = answer.recv()
            except EOFError:
                process.join()
                found = {"failed": f"the process ended with status {process.exitcode}"}
        else:
            process.kill()
    process.join()
    return found


def row_line(row: dict[str, Any]) -> str:
    """One row for the eye."""
    name = f"{row['object']}/{row['part']}"
    if row["failed"]:
        return f"{name:<44} {row['method']:<14} failed: {row['failed']}"
    return (
        f"{name:<44} {row['method']:<14} F(0.02) {row['f_02']:.3f}  IoU {row['iou']:.3f}  "
        f"PSNR {row['psnr_db']:.1f}  {row['total_cpu_s']:.1f} cpu-s  {row['peak_mb']:.0f} MB"
    )
