"""Comparisons of runs as tables and Markdown."""

from collections.abc import Sequence

import pandas as pd

from evaluation.protocol import describe_protocol
from evaluation.reporting.bootstrap import CONFIDENCE
from evaluation.reporting.compare import LevelComparison
from evaluation.reporting.summary_files import markdown_table
from evaluation.reporting.wording import (
    arrow,
    facts_of,
    interval_text,
    metric_title,
    number,
    signed,
)


def comparison_frame(comparisons: Sequence[LevelComparison]) -> pd.DataFrame:
    """One line per protocol, level and metric."""
    lines = [
        {
            "protocol": each.protocol.name,
            "level": each.level,
            "metric": metric.metric,
            "unit": facts_of(metric.metric, each.protocol).unit,
            "pairs": metric.pairs,
            "only_first": each.only_first,
            "only_second": each.only_second,
            "without_value": metric.lost,
            "first_mean": metric.first_mean,
            "second_mean": metric.second_mean,
            "difference": metric.difference,
            "low": metric.interval.low if metric.interval else None,
            "high": metric.interval.high if metric.interval else None,
            "verdict": metric.verdict,
        }
        for each in comparisons
        for metric in each.metrics
    ]
    return pd.DataFrame(lines)


def comparison_markdown(
    comparisons: Sequence[LevelComparison], first: str = "first", second: str = "second"
) -> str:
    """A table per protocol and level.

    Args:
        comparisons: what ``compare_rows`` found.
        first: what to call the first run.
        second: what to call the second run.
    """
    blocks: list[str] = []
    for protocol in dict.fromkeys(each.protocol for each in comparisons):
        blocks += [f"## Protocol {protocol.name}", describe_protocol(protocol)]
        blocks += [_block(each, first, second) for each in comparisons if each.protocol == protocol]
    return "\n\n".join(blocks) + "\n"


def _block(each: LevelComparison, first: str, second: str) -> str:
    head = (
        "metric", first, second, "difference", f"{CONFIDENCE:.0%} interval", f"{second} is", "n",
    )  # fmt: skip
    lines = [
        (
            f"{metric_title(metric.metric)} {arrow(metric.metric, each.protocol)}".strip(),
            number(metric.first_mean),
            number(metric.second_mean),
            signed(metric.difference),
            interval_text(metric.interval),
            metric.verdict,
            str(metric.pairs),
        )
        for metric in each.metrics
    ]
    counts = (
        f"{each.pairs} paired; {each.only_first} only in {first}, {each.only_second} only in "
        f"{second}: those are in no mean."
    )
    return f"### Level: {each.level}\n\n{counts}\n\n{markdown_table(head, lines)}"
