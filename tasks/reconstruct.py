"""The reconstruct stage as a Prefect task."""

from prefect import task

from mmpart_core.records import IsolatedPart, RadianceField, ViewSet
from tasks._options import stage_options
from tasks._runners import Work, run_body


@task(**stage_options("reconstruct"))
def reconstruct_part(
    views: ViewSet, work: Work, input_part: IsolatedPart | None = None
) -> RadianceField:
    """Train a field on one part's views.

    Raises:
        MMPartError: whatever the stage raises.
    """
    # As the key was computed: an input that is not given has no part in it.
    inputs = {"views": views} if input_part is None else {"views": views, "input_part": input_part}
    return run_body("reconstruct", inputs, work)
