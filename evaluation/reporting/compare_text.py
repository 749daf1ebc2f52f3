"""Comparisons of runs as tables and Markdown."""

from collections.abc import Sequence

import pandas as pd

from evaluation.protocol import describe_protocol
from evaluation.reporting.bootstrap import CONFIDENCE
from evaluation.reporting.compare import MIN_OBJECTS, LevelComparison
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
            "objects": metric.objects,
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
        "metric", first, second, "difference", f"{CONFIDENCE:.0%} interval", "objects", "n",
        f"{second} is",
    )  # fmt: skip
    lines = [
        (
            f"{metric_title(metric.metric)} {arrow(metric.metric, each.protocol)}".strip(),
            number(metric.first_mean),
            number(metric.second_mean),
            signed(metric.difference),
            interval_text(metric.interval),
            str(metric.objects),
            str(metric.pairs),
            metric.verdict,
        )
        for metric in each.metrics
    ]
    counts = (
        f"{each.pairs} paired; {each.only_first} only in {first}, {each.only_second} only in "
        f"{second}: those are in no mean."
    )
    said = "\n\n".join([counts, *verdict_words(each)])
    return f"### Level: {each.level}\n\n{said}\n\n{markdown_table(head, lines)}"


def verdict_words(each: LevelComparison) -> list[str]:
    """Why a level has no verdicts, or not all of them; empty where it has."""
    few = [metric for metric in each.metrics if metric.verdict == "too few objects"]
    if not few:
        return []
    which = "No verdict" if len(few) == len(each.metrics) else "No verdict where it says so"
    counts = sorted({metric.objects for metric in few})
    given = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return [
        f"{which}: at least {MIN_OBJECTS} objects in both runs are needed, there "
        f"{'is' if counts == [1] else 'are'} {given}; an interval of so few only shows how far "
        "they lie apart."
    ]
