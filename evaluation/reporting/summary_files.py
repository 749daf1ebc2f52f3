"""Summaries as CSV, JSON and Markdown."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evaluation.protocol import describe_protocol
from evaluation.reporting.bootstrap import CONFIDENCE
from evaluation.reporting.notices import shell_words
from evaluation.reporting.summary import FAILURE_RATE, LevelSummary
from evaluation.reporting.wording import (
    arrow,
    facts_of,
    headline_metrics,
    interval_text,
    mean_text,
    metric_title,
    number,
    percent,
)

SUCCESSES_LABEL = "mean over successes only"


def summary_frame(summaries: Sequence[LevelSummary]) -> pd.DataFrame:
    """One line per protocol, level, category and metric; an empty category is all."""
    lines = [
        {
            "protocol": summary.protocol.name,
            "level": summary.level,
            "category": summary.category or "",
            "metric": each.metric,
            "unit": facts_of(each.metric, summary.protocol).unit,
            "better": facts_of(each.metric, summary.protocol).better,
            "rows": summary.rows,
            "objects": summary.objects,
            "failed": summary.failed,
            "unscored": summary.unscored,
            "failure_rate": summary.failure_rate,
            "count": each.count,
            "mean": each.mean,
            "low": each.interval.low if each.interval else None,
            "high": each.interval.high if each.interval else None,
            "interval_objects": each.objects,
            "median": each.median,
            "successes": each.successes,
            "success_mean": each.success_mean,
            **_split_values(summary, each.metric),
        }
        for summary in summaries
        for each in summary.metrics
    ]
    return pd.DataFrame(lines)


def summary_json(summaries: Sequence[LevelSummary]) -> list[dict[str, Any]]:
    """Summaries as JSON-safe values, each with its whole protocol."""
    return [
        {
            "protocol": summary.protocol.model_dump(mode="json"),
            "level": summary.level,
            "category": summary.category,
            **{
                key: getattr(summary, key)
                for key in ("rows", "objects", "scored", "failed", "unscored", "failure_rate")
            },
            "metrics": {
                each.metric: {
                    "count": each.count,
                    "mean": each.mean,
                    "interval": [each.interval.low, each.interval.high] if each.interval else None,
                    "interval_objects": each.objects,
                    "median": each.median,
                    "successes": each.successes,
                    "success_mean": each.success_mean,
                    **_split_values(summary, each.metric),
                }
                for each in summary.metrics
            },
        }
        for summary in summaries
    ]


def _split_values(summary: LevelSummary, metric: str) -> dict[str, int | float | None]:
    """Shells and solids of a metric; empty columns where none is compared as a shell."""
    split = summary.split(metric)
    return {
        name: getattr(split, name) if split else None
        for name in ("shells", "shell_mean", "solids", "solid_mean")
    }


def summary_markdown(summaries: Sequence[LevelSummary]) -> str:
    """A table per protocol and level, then one per protocol for categories."""
    blocks: list[str] = []
    for protocol in dict.fromkeys(summary.protocol for summary in summaries):
        own = [summary for summary in summaries if summary.protocol == protocol]
        blocks += [f"## Protocol {protocol.name}", describe_protocol(protocol)]
        blocks += [_level_block(summary) for summary in own if summary.category is None]
        split = [summary for summary in own if summary.category is not None]
        if split:
            blocks += ["### Per category", *_category_tables(split)]
    return "\n\n".join(blocks) + "\n"


def write_summary(folder: Path, summaries: Sequence[LevelSummary]) -> None:
    """Write ``summary.csv``, ``summary.json`` and ``summary.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    summary_frame(summaries).to_csv(folder / "summary.csv", index=False)
    text = json.dumps(summary_json(summaries), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
    (folder / "summary.md").write_text(summary_markdown(summaries), encoding="utf-8")


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars in cells are escaped, the first column is text."""
    marks = ["---", *("---:" for _ in head[1:])]
    escaped = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(head), marks, *escaped])


def _level_block(summary: LevelSummary) -> str:
    head = (
        "metric", "mean", f"{CONFIDENCE:.0%} interval", "objects", "median", "n", SUCCESSES_LABEL,
    )  # fmt: skip
    lines = [
        (
            f"{metric_title(each.metric)} {arrow(each.metric, summary.protocol)}".strip(),
            number(each.mean),
            interval_text(each.interval),
            str(each.objects),
            number(each.median),
            str(each.count),
            number(each.success_mean) if each.metric != FAILURE_RATE else "",
        )
        for each in summary.metrics
    ]
    counts = (
        f"{summary.rows} rows of {summary.objects} objects: {summary.scored} scored, "
        f"{summary.failed} failed ({percent(summary.failure_rate)}), {summary.unscored} unscored."
    )
    said = "\n\n".join([counts, *(f"{line}." for line in shell_words(summary))])
    return f"### Level: {summary.level}\n\n{said}\n\n{markdown_table(head, lines)}"


def _category_tables(summaries: Sequence[LevelSummary]) -> list[str]:
    blocks: list[str] = []
    for level in dict.fromkeys(summary.level for summary in summaries):
        own = [summary for summary in summaries if summary.level == level]
        metrics = headline_metrics(own)
        head = (level, "rows", "failure rate", *map(metric_title, metrics))
        lines = [
            (
                summary.category or "",
                str(summary.rows),
                percent(summary.failure_rate),
                *(mean_text(summary.metric(metric)) for metric in metrics),
            )
            for summary in own
        ]
        blocks.append(markdown_table(head, lines))
    return blocks
