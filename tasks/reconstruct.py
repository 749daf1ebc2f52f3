"""The reconstruct stage as a Prefect task."""

from prefect import task

from mmpart_core.records import RadianceField, ViewSet
from tasks._options import stage_options
from tasks._runners import Work, run_here


@task(**stage_options("reconstruct"))
def reconstruct_part(views: ViewSet, work: Work) -> RadianceField:
    """Train a field on one part's views.

    Raises:
        MMPartError: whatever the stage raises.
    """
    return run_here("reconstruct", {"views": views}, work)
