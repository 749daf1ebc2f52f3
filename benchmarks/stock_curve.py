"""What nerfstudio's own model reaches with its batches, and in what time, beside the cpu preset.

    python -m benchmarks.stock_curve OBJECTS RUN [--sample 6] [--model nerfacto] [--rays 512]
                                     [--batches 160 400 800 1600]

OBJECTS is a folder of GLBs whose nodes are parts. On each part the model is trained once, and its
surface is taken on the way; all are compared with the truth as in ``benchmarks.reconstruction``,
of whose rows RUN/rows.csv is made: its ``report`` tells the other figures. A run that is begun
again goes on. Of several levels of density the one that is nearest to the truth counts.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks.reconstruction import child, running
from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.methods import NAMED, Method, StockOptions
from benchmarks.reconstruction.parts import Choice, KnownPart, choose, list_parts
from benchmarks.reconstruction.rows import Row, Rows, read_rows, row_of
from mmpart_core.errors import MMPartError

OURS = NAMED["ours-cpu"]
SEED = 0
LIMIT_S = 3600  # processor seconds of one part


@dataclass(frozen=True)
class Curve:
    """What is trained.

    Attributes:
        options: which model, and the rays of a batch.
        batches: after how many its surface is taken.
    """

    options: StockOptions
    batches: tuple[int, ...]

    def method(self, batches: int) -> Method:
        """So many batches as a method of the benchmark of reconstruction."""
        options = self.options.model_copy(update={"steps": batches})
        return Method(
            f"{options.model}-{batches}",
            "stock",
            settings={"stock": options.model_dump(exclude_none=True)},
        )


def follow(limit_s: int, curve: Curve, truth_path: Path, reply: Connection) -> None:
    """In a fresh process: train, and reply with the answer for each number of batches."""
    from benchmarks.reconstruction import preload
    from benchmarks.reconstruction.scoring import score
    from benchmarks.reconstruction.stock import follow_stock_model
    from benchmarks.reconstruction.truth import load_truth
    from mmpart_core.geometry.posed_views import PosedViews

    preload.prepare_process(limit_s)
    truth = load_truth(truth_path)
    views = PosedViews(truth.rgba, Condition().training_cameras())
    answers: dict[int, dict[str, Any]] = {}
    for batches, made in follow_stock_model(curve.options, views, SEED, curve.batches).items():
        found = score(made.meshes, truth)[1] if made.meshes else {"failed": "no surface"}
        answers[batches] = {**found, **asdict(made.cost)}
    reply.send({"answers": answers})


def part_rows(
    folder: Path, work: Path, part: KnownPart, curve: Curve, rows: Rows
) -> Iterator[dict[str, Any]]:
    """Rows of one part that are not there yet."""
    methods = {count: curve.method(count) for count in curve.batches}
    missing = [count for count in curve.batches if not rows.has(part, methods[count], SEED)]
    if not missing and rows.has(part, OURS, SEED):
        return
    prepared = running.in_child(child.prepare, LIMIT_S, folder, part, Condition(), work)
    if "failed" in prepared:
        raise MMPartError(f"{part}: {prepared['failed']}")
    if not rows.has(part, OURS, SEED):
        job = child.Job(part, OURS, SEED, Condition(), prepared["path"])
        yield row_of(part, OURS, SEED, running.in_child(child.perform, LIMIT_S, job))
    if missing:
        answer = running.in_child(follow, LIMIT_S, curve, prepared["path"])
        for count in missing:
            given = answer["answers"][count] if "answers" in answer else answer
            yield row_of(part, methods[count], SEED, given)


def table(rows: Sequence[Row], curve: Curve) -> str:
    """F(0.02) and seconds of training of each part and their means, in Markdown."""
    names = [curve.method(count).name for count in curve.batches]
    found = {(row.part, row.method): row.figures for row in rows}
    parts = [part for part in dict.fromkeys(row.part for row in rows)
             if all((part, name) in found for name in (*names, OURS.name))]  # fmt: skip
    titles = ["part", *(f"{count} batches" for count in curve.batches), "best", OURS.name]
    lines = [titles, ["---"] * len(titles)]
    for part in parts:
        tried = [found[part, name] for name in names]
        best = max(tried, key=lambda figures: figures["f_02"])
        lines.append([str(part), *map(_cell, (*tried, best, found[part, OURS.name]))])
    means = [_mean([found[part, name] for part in parts]) for name in (*names, OURS.name)]
    best = max(means[:-1], key=lambda figures: figures["f_02"])
    lines.append(["mean", *map(_cell, (*means[:-1], best, means[-1]))])
    written = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    times = best["train_cpu_s"] / means[-1]["train_cpu_s"]
    return (
        f"{written}\n\nF(0.02), CPU seconds of training; no surface counts 0. At its best mean, "
        f"{best['f_02']:.3f}, the model takes {times:.1f} times the seconds that {OURS.name} takes "
        f"to {means[-1]['f_02']:.3f}.\n"
    )


def _cell(figures: Mapping[str, float]) -> str:
    return f"{figures['f_02']:.3f}, {figures['train_cpu_s']:.0f} s"


def _mean(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.fmean(each[name] for each in figures)
            for name in ("f_02", "train_cpu_s")}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--sample", type=int, default=6)
    parser.add_argument("--only", action="append", default=[], metavar="OBJECT[/PART]")
    parser.add_argument("--model", choices=("nerfacto", "tensorf"), default="nerfacto")
    parser.add_argument("--rays", type=int, default=512)
    parser.add_argument("--batches", type=int, nargs="+", default=[160, 400, 800, 1600])
    given = parser.parse_args(arguments)
    curve = Curve(StockOptions(model=given.model, rays=given.rays), tuple(sorted(given.batches)))
    running.warm_up()
    try:
        rows = Rows(given.output, Condition())
        chosen = choose(list_parts(given.folder)[0], Choice(tuple(given.only), 1, given.sample))
        for part in chosen:
            for row in part_rows(given.folder, given.output / "views", part, curve, rows):
                rows.append(row)
                print(running.row_line(row), flush=True)
        print(table(read_rows(given.output), curve))
    except MMPartError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
