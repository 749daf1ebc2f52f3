"""The tables of docs/evaluation.md, made from what the code does; a test holds the two together.

    python -m evaluation.manual docs/evaluation.md

writes the tables where they stand in the file: between ``<!-- table NAME: make docs -->`` and
``<!-- end NAME -->``. Everything else in it stays as it is.
"""

import argparse
import re
import sys
from pathlib import Path

from evaluation.metric_catalogue import COST_ENDINGS, PLAIN_METRICS, UP, MetricFacts
from evaluation.metric_facts import metric_facts
from evaluation.protocol import MMPART, PRESETS, Protocol
from mmpart_core.errors import InputError

_ALIGNMENTS = {
    "none": "none", "best_of_4_rotations": "best of 4 turns about the up axis",
    "rigid_icp": "rigid ICP",
}  # fmt: skip
_MATCHINGS = {
    "name_then_shape": "name, then shape", "shape": "shape", "name": "name",
    "name_then_box": "name, then box", "none": "none",
}  # fmt: skip


def metric_table() -> str:
    """All metrics as a Markdown table: what, formula, range, direction, source."""
    patterns = {
        "chamfer": MetricFacts(
            "lower", 0.0, "", "Chamfer distance", "from 0 up, in units of the frame",
            "mean d(p, T) + mean d(t, P); squared or halved where the protocol says so",
            metric_facts("chamfer", MMPART).source,
        ),
        "f_<tau>": metric_facts("f_tau", MMPART),
    }  # fmt: skip
    costs = {
        f"<stage>{ending}": MetricFacts("neither", None, unit, f"{what} of a stage", UP)
        for ending, (unit, what) in COST_ENDINGS.items()
    }
    rows = [
        (
            f"`{name}`", facts.words, facts.formula,
            _range(facts),
            "" if facts.better == "neither" else facts.better, facts.source,
        )
        for name, facts in (patterns | PLAIN_METRICS | costs).items()
    ]  # fmt: skip
    return _table(("metric", "what", "formula", "range", "better", "source"), rows)


def preset_table() -> str:
    """All presets as a Markdown table."""
    header = (
        "preset", "frame", "points: part, whole", "Chamfer", "taus", "occupancy", "alignment",
        "parts paired by", "levels", "failures",
    )  # fmt: skip
    return _table(header, [_preset(each) for each in PRESETS.values()])


def _range(facts: MetricFacts) -> str:
    between = ", " if facts.span == UP else " "
    return f"{facts.span}{between}{facts.unit}" if facts.unit else facts.span


def _preset(protocol: Protocol) -> tuple[str, ...]:
    distance = {"l1": "L1", "l2": "L2"}[protocol.norm]
    chamfer = f"{protocol.reduction}, {distance}{', squared' * protocol.squared}"
    occupied = any(map(protocol.takes, ("volume_iou", "voxel_f", "mutual_iou")))
    return (
        f"`{protocol.name}`",
        f"`{protocol.frame}`",
        f"{protocol.points}, {protocol.whole_points}",
        chamfer,
        ", ".join(f"{tau:g}" for tau in protocol.taus) or "none",
        f"{protocol.voxels}^3 {protocol.voxels_from}" if occupied else "none",
        _ALIGNMENTS[protocol.alignment],
        _MATCHINGS[protocol.matching],
        ", ".join(protocol.levels),
        {"worst": "worst value", "successes_only": "in rates only"}[protocol.failure_policy],
    )


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


TABLES = {"presets": preset_table, "metrics": metric_table}


def with_tables(text: str) -> str:
    """A manual with its tables as the code has them now.

    Args:
        text: Markdown, with the marks of every table once.

    Raises:
        InputError: marks are missing, or there more than once.
    """
    for name, table in TABLES.items():
        begin, end = f"<!-- table {name}: make docs -->\n", f"\n<!-- end {name} -->"
        place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        found = len(place.findall(text))
        if found != 1:
            raise InputError(
                f"table '{name}': expected '{begin.strip()}' ... '{end.strip()}' once in the "
                f"manual, found {found} times; put them around the table"
            )
        written = f"{begin}{table()}{end}"
        text = place.sub(lambda _, written=written: written, text)
    return text


def main(arguments: list[str] | None = None) -> int:
    """Write the tables into a manual; 2 where it cannot be used.

    Args:
        arguments: of the command line; None takes the process's own.
    """
    parser = argparse.ArgumentParser(description="Write the tables of the evaluation's manual.")
    parser.add_argument("manual", type=Path, help="docs/evaluation.md")
    path: Path = parser.parse_args(arguments).manual
    try:
        text = path.read_text(encoding="utf-8")
        path.write_text(with_tables(text), encoding="utf-8")
    except (InputError, OSError) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
