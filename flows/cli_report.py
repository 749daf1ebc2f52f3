"""What ``mmpart generate`` ends with."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmpart_core.output import wording
from mmpart_core.output.part_facts import gather_parts
from mmpart_core.records import ObjectResult, PartPlan, StageRun, component_label


def print_result(console: Console, result: ObjectResult, seconds: float) -> None:
    """A row per part, and how long it all took.

    Args:
        console: at least 80 columns wide; names that do not fit are folded.
        result: what the flow gave.
        seconds: wall time of the command.
    """
    table = Table(title=Text(result.request.name), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("part", overflow="fold")
    for heading in ("faces", "watertight", "seconds", "cached", "silhouette IoU"):
        table.add_column(heading, justify="right", no_wrap=heading != "silhouette IoU")
    for component in result.request.components:
        table.add_row(Text(component_label(component.name)), *_part_cells(result, component.name))
    whole = [run for run in result.runs if run.component is None]
    made = result.assembled
    table.add_section()
    table.add_row(
        component_label(None),
        f"{made.glb.faces:,}" if made else "not made",
        "",
        *_taken(whole),
        _share(made.silhouette_iou if made else None),
    )
    console.print(table)
    work = wording.duration(sum(run.seconds for run in result.runs))
    status = wording.status(result, gather_parts(result))
    total = wording.duration(seconds)
    console.print(f"{status}; {total} in all, {work} of work side by side")
    spent = spent_line(result)
    if spent:
        console.print(spent, markup=False)


def spent_line(result: ObjectResult) -> str:
    """What hosted models cost, by part and in all; empty where none was called."""
    usage = wording.summed_usage(result.runs)
    line = wording.spent(sum(run.cost_usd for run in result.runs), usage)
    by_part: dict[str | None, float] = {}
    for run in result.runs:
        if run.cost_usd:
            by_part[run.component] = by_part.get(run.component, 0.0) + run.cost_usd
    if not line or not by_part:
        return line
    listed = [f"{component_label(name)} {wording.money(usd)}" for name, usd in by_part.items()]
    return f"{line}: {', '.join(listed)}"


def _part_cells(result: ObjectResult, name: str) -> tuple[str, ...]:
    runs = [run for run in result.runs if run.component == name]
    mesh = next((part.mesh for part in result.parts if part.component == name), None)
    if mesh is None:
        failure = next((each for each in result.failures if each.component == name), None)
        return ("failed" if failure else "not made", "", *_taken(runs), "")
    placements = result.assembled.placements if result.assembled else ()
    placed = next((each for each in placements if each.component == name), None)
    return (
        f"{mesh.mesh.faces:,}",
        "yes" if mesh.watertight else "no",
        *_taken(runs),
        _share(placed.silhouette_iou if placed else None),
    )


def failure_lines(result: ObjectResult) -> list[str]:
    """One line per failure."""
    return [
        f"{component_label(failure.component)}: {failure.stage} failed: {failure.message}"
        for failure in result.failures
    ]


def warning_lines(result: ObjectResult, plan: PartPlan | None) -> list[str]:
    """What the user should know, each once, in the order of the stages."""
    lines = [*(plan.warnings if plan else ())]
    for part in result.parts:
        for record in (part.isolated, part.field, part.mesh):
            lines += [_about(part.component, warning) for warning in record.warnings]
    if result.assembled is not None:
        lines += result.assembled.warnings
        for place in result.assembled.placements:
            lines += [_about(place.component, warning) for warning in place.warnings]
    return list(dict.fromkeys(lines))


def _about(component: str, warning: str) -> str:
    return warning if f"'{component}'" in warning else f"{component}: {warning}"


def _taken(runs: Sequence[StageRun]) -> tuple[str, str]:
    """Seconds of work, and how many of the stages came from the cache."""
    if not runs:
        return "", ""
    cached = sum(run.cached for run in runs)
    return f"{sum(run.seconds for run in runs):.1f}", f"{cached} of {len(runs)}"


def _share(value: float | None) -> str:
    return "-" if value is None else wording.share(value)
