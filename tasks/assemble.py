"""The assemble stage as a Prefect task."""

from prefect import task

from mmpart_core.records import (
    AssembledObject,
    IsolatedPart,
    ObjectRequest,
    PartMesh,
    PartPlan,
    ViewSet,
)
from tasks._options import stage_options
from tasks._runners import Work, run_body


@task(**stage_options("assemble"))
def assemble_object(
    request: ObjectRequest,
    plan: PartPlan,
    isolated: tuple[IsolatedPart, ...],
    meshes: tuple[PartMesh, ...],
    whole_views: ViewSet | None,
    work: Work,
) -> AssembledObject:
    """Place the parts and write them into one GLB.

    Raises:
        MMPartError: whatever the stage raises.
    """
    return run_body(
        "assemble",
        {
            "request": request,
            "plan": plan,
            "isolated": isolated,
            "meshes": meshes,
            "whole_views": whole_views,
        },
        work,
    )
