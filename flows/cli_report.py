"""What ``mmpart generate`` ends with."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmpart_core.records import ObjectResult, PartPlan, StageRun


def print_result(console: Console, result: ObjectResult) -> None:
    """A row per part: faces, watertight, seconds, cached or made, silhouette IoU."""
    table = Table(title=Text(result.request.name), title_justify="left")
    table.add_column("part")
    for heading in ("faces", "watertight", "seconds", "stages", "silhouette IoU"):
        table.add_column(heading, justify="right")
    meshes = {part.component: part.mesh for part in result.parts}
    placed = {p.component: p for p in result.assembled.placements} if result.assembled else {}
    failed = {failure.component: failure for failure in result.failures}
    for component in result.request.components:
        runs = [run for run in result.runs if run.component == component.name]
        mesh = meshes.get(component.name)
        if mesh is None:
            failure = failed.get(component.name)
            note = f"failed in {failure.stage}" if failure else "not made"
            table.add_row(Text(component.name), note, "", _seconds(runs), _how(runs), "")
            continue
        placement = placed.get(component.name)
        table.add_row(
            Text(component.name),
            f"{mesh.mesh.faces:,}",
            "yes" if mesh.watertight else "no",
            _seconds(runs),
            _how(runs),
            _share(placement.silhouette_iou if placement else None),
        )
    whole = [run for run in result.runs if run.component is None]
    glb = result.assembled.glb if result.assembled else None
    table.add_section()
    table.add_row(
        "whole object",
        f"{glb.faces:,}" if glb else "not assembled",
        "",
        _seconds(whole),
        _how(whole),
        _share(result.assembled.silhouette_iou if result.assembled else None),
    )
    console.print(table)


def failure_lines(result: ObjectResult) -> list[str]:
    """One line per failure."""
    return [
        f"{failure.component or 'whole object'}: {failure.stage} failed: {failure.message}"
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


def _seconds(runs: Sequence[StageRun]) -> str:
    return f"{sum(run.seconds for run in runs):.1f}"


def _how(runs: Sequence[StageRun]) -> str:
    cached = sum(run.cached for run in runs)
    if not runs:
        return ""
    if cached == len(runs):
        return "cached"
    return "made" if cached == 0 else f"{len(runs) - cached} made, {cached} cached"


def _share(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
