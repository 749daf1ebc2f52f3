"""The multiview stage as a Prefect task."""

from prefect import task

from mmpart_core.records import IsolatedPart, ViewSet
from tasks._options import stage_options
from tasks._runners import Work, run_body


@task(**stage_options("multiview"))
def generate_views(part: IsolatedPart, work: Work) -> ViewSet:
    """Make posed views of one part, or of the whole object.

    Raises:
        MMPartError: whatever the stage raises.
    """
    return run_body("multiview", {"part": part}, work)
