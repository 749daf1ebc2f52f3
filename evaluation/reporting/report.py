"""A report folder: rows, summaries, and one self-contained page."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from evaluation.protocol import MMPART
from evaluation.reporting.attribution import Attribution
from evaluation.reporting.attribution_text import attribution_frame, attribution_markdown
from evaluation.reporting.bootstrap import CONFIDENCE, BootstrapOptions
from evaluation.reporting.compare import LevelComparison
from evaluation.reporting.compare_text import (
    comparison_frame,
    comparison_markdown,
    verdict_words,
)
from evaluation.reporting.notices import data_issues, hints_of, lost_in_words
from evaluation.reporting.sections import (
    AttributionSection,
    ProtocolSection,
    attribution_section,
    headline_cards,
    protocol_section,
)
from evaluation.reporting.summary import LevelSummary, protocols_of, summarize
from evaluation.reporting.summary_files import write_summary
from evaluation.reporting.tables import ROWS_FILE, write_rows
from evaluation.reporting.wording import (
    arrow,
    interval_text,
    metric_title,
    number,
    percent,
    signed,
    unit,
)
from evaluation.reporting.worst import PairLoader
from evaluation.rows import ScoreRow
from mmpart_core.errors import InputError

PAGE_FILE = "index.html"
WORST_COUNT = 6


@dataclass(frozen=True)
class RunComparison:
    """Two runs to show side by side.

    Attributes:
        first: what to call the run that the other is compared with.
        second: what to call the other.
        levels: from ``compare.compare_rows``.
    """

    first: str
    second: str
    levels: Sequence[LevelComparison]


@dataclass(frozen=True)
class ReportOptions:
    """What a report shows besides its rows.

    Attributes:
        title: of the page.
        command: how to make it again; empty to leave it out.
        notes: what else to know about the run, a sentence each.
        load_pair: gives an object and its prediction by data set and id, for pictures of the
            worst cases; None for a report without pictures.
        worst_count: how many worst cases to show, under the default protocol or else the first.
        attributions: from ``attribution.attribute_losses``.
        comparison: with another run.
        bootstrap: how intervals are drawn.
    """

    title: str = "Evaluation"
    command: str = ""
    notes: Sequence[str] = ()
    load_pair: PairLoader | None = None
    worst_count: int = WORST_COUNT
    attributions: Sequence[Attribution] = ()
    comparison: RunComparison | None = None
    bootstrap: BootstrapOptions | None = None


def write_report(
    folder: Path, rows: Sequence[ScoreRow], options: ReportOptions | None = None
) -> Path:
    """Write ``index.html``, ``rows.parquet`` and the summaries.

    Tables of attribution and comparison are written beside them where they are given.

    Args:
        folder: made where it is missing.
        rows: scores of any number of objects under any number of protocols.
        options: what else to show.

    Returns:
        The page.

    Raises:
        InputError: no rows.
    """
    if not rows:
        raise InputError("report: there are no score rows; evaluate at least one object")
    chosen = options or ReportOptions()
    write_rows(folder / ROWS_FILE, rows)
    summaries = summarize(rows, options=chosen.bootstrap)
    write_summary(folder, summaries)
    _write_tables(folder, chosen)
    page = folder / PAGE_FILE
    page.write_text(render_page(rows, summaries, chosen), encoding="utf-8")
    return page


def render_page(
    rows: Sequence[ScoreRow], summaries: Sequence[LevelSummary], options: ReportOptions
) -> str:
    """The page as HTML; every name in it is escaped.

    Args:
        rows: at least one.
        summaries: of these rows.
        options: what else to show.
    """
    # pictures once, under the default protocol or the first: the others rank the same objects
    ordered = sorted(protocols_of(rows), key=lambda protocol: protocol.name != MMPART.name)
    sections: list[ProtocolSection] = [
        protocol_section(
            [row for row in rows if row.protocol == protocol],
            [summary for summary in summaries if summary.protocol == protocol],
            options.load_pair if protocol is ordered[0] else None,
            options.worst_count if protocol is ordered[0] else 0,
            with_cost=protocol is ordered[0],
        )
        for protocol in ordered
    ]
    attributions: list[AttributionSection] = [
        attribution_section(each) for each in options.attributions
    ]
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        number=number, percent=percent, interval=interval_text, title=metric_title, signed=signed
    )
    return environment.from_string(_asset("report.html")).render(
        css=_asset("report.css"),
        options=options,
        sections=sections,
        attributions=attributions,
        datasets=sorted({row.dataset for row in rows if row.dataset}),
        objects=len({(row.dataset, row.object_id) for row in rows}),
        issues=data_issues(rows),
        hints=hints_of(rows),
        lost=lost_in_words(rows),
        arrow=arrow,
        unit=unit,
        verdict_words=verdict_words,
        headline_cards=headline_cards,
        confidence=f"{CONFIDENCE:.0%}",
    )


def _write_tables(folder: Path, options: ReportOptions) -> None:
    for each in options.attributions:
        stem = folder / f"attribution-{each.protocol.name}-{each.level}"
        attribution_frame(each).to_csv(stem.with_name(f"{stem.name}.csv"), index=False)
        text = attribution_markdown(each)
        stem.with_name(f"{stem.name}.md").write_text(text, encoding="utf-8")
    if options.comparison is not None:
        found = options.comparison
        comparison_frame(found.levels).to_csv(folder / "comparison.csv", index=False)
        text = comparison_markdown(found.levels, found.first, found.second)
        (folder / "comparison.md").write_text(text, encoding="utf-8")


def _asset(name: str) -> str:
    return (files("evaluation.reporting") / "assets" / name).read_text(encoding="utf-8")
