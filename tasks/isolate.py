"""The isolate stage as a Prefect task."""

from prefect import task

from mmpart_core.records import ImageRef, IsolatedPart, PartPrompt
from tasks._options import stage_options
from tasks._runners import Work, run_body


@task(**stage_options("isolate"))
def isolate_part(image: ImageRef, prompt: PartPrompt, work: Work) -> IsolatedPart:
    """Draw one part alone, completed.

    Raises:
        MMPartError: whatever the stage raises.
    """
    return run_body("isolate", {"image": image, "prompt": prompt}, work)
