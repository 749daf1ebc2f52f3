"""What the Prefect UI shows of a finished object: one table, however many parts."""

from typing import Any

import httpx
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger

from mmpart_core.records import ObjectResult


def publish_parts(result: ObjectResult) -> None:
    """Add a table of the parts to the flow run; a server that refuses it does not fail the run."""
    try:
        create_table_artifact(
            table=part_rows(result),
            key="object-parts",
            description=f"Parts of {result.request.name}",
        )
    except (httpx.HTTPError, RuntimeError) as error:
        get_run_logger().warning("the table of parts was not published: %s", error)


def part_rows(result: ObjectResult) -> list[dict[str, Any]]:
    """One row per component, made or not."""
    meshes = {part.component: part.mesh for part in result.parts}
    failures = {failure.component: failure for failure in result.failures}
    rows: list[dict[str, Any]] = []
    for component in result.request.components:
        mesh, failure = meshes.get(component.name), failures.get(component.name)
        runs = [run for run in result.runs if run.component == component.name]
        rows.append(
            {
                "part": component.name,
                "faces": mesh.mesh.faces if mesh else None,
                "watertight": mesh.watertight if mesh else None,
                "seconds": round(sum(run.seconds for run in runs), 1),
                "cached": sum(run.cached for run in runs),
                "cost_usd": sum(run.cost_usd for run in runs),
                "failure": f"{failure.stage}: {failure.message}" if failure else None,
            }
        )
    return rows
