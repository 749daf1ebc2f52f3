"""Stage attribution as a table and Markdown."""

from collections.abc import Sequence

import pandas as pd

from evaluation.reporting.attribution import Attribution
from evaluation.reporting.summary_files import markdown_table
from evaluation.reporting.wording import arrow, interval_text, metric_title, number, signed


def attribution_frame(attribution: Attribution) -> pd.DataFrame:
    """One line per stage and metric."""
    lines = [
        {
            "protocol": attribution.protocol.name,
            "level": attribution.level,
            "stage": loss.stage,
            "metric": loss.metric,
            "mean_before": loss.before,
            "mean_with_truth": loss.after,
            "loss": loss.loss,
            "low": loss.interval.low if loss.interval else None,
            "high": loss.interval.high if loss.interval else None,
            "pairs": loss.pairs,
        }
        for loss in attribution.losses
    ]
    return pd.DataFrame(lines)


def attribution_markdown(attribution: Attribution, metrics: Sequence[str] | None = None) -> str:
    """Two tables: the mean of each run, and the loss of each stage with its interval.

    Args:
        attribution: what ``attribute_losses`` found.
        metrics: which to show; None for all.
    """
    chosen = [metric for metric in metrics or attribution.means if metric in attribution.means]
    heads = [f"{metric_title(m)} {arrow(m, attribution.protocol)}".strip() for m in chosen]
    means = [
        (label, *(number(attribution.means[metric][index]) for metric in chosen))
        for index, label in enumerate(attribution.labels)
    ]
    stages = list(dict.fromkeys(loss.stage for loss in attribution.losses))
    losses = [
        (stage, *(_loss_text(attribution, stage, metric) for metric in chosen)) for stage in stages
    ]
    return "\n\n".join(
        [
            f"{attribution.items} {attribution.level}s in all runs, {attribution.left_out} left "
            "out. Truth up to here, ours from here on:",
            markdown_table(("truth through", *heads), means),
            "What each stage loses (positive: the result is better with the truth in its place):",
            markdown_table(("stage", *heads), losses),
        ]
    ) + "\n"  # fmt: skip


def _loss_text(attribution: Attribution, stage: str, metric: str) -> str:
    loss = next((each for each in attribution.of_metric(metric) if each.stage == stage), None)
    return "–" if loss is None else f"{signed(loss.loss)} {interval_text(loss.interval)}".strip()
