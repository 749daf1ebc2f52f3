"""The plan stage as a Prefect task."""

from prefect import task

from mmpart_core.records import ObjectRequest, PartPlan
from tasks._options import stage_options
from tasks._runners import Work, run_body


@task(**stage_options("plan"))
def plan_parts(request: ObjectRequest, work: Work) -> PartPlan:
    """Write one isolation prompt per component.

    Raises:
        MMPartError: whatever the stage raises.
    """
    return run_body("plan", {"request": request}, work)
