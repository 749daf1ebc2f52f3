"""The mesh stage as a Prefect task."""

from prefect import task

from mmpart_core.records import PartMesh, RadianceField
from tasks._options import stage_options
from tasks._runners import Work, run_body


@task(**stage_options("mesh"))
def mesh_part(field: RadianceField, work: Work) -> PartMesh:
    """Extract and texture one part's surface.

    Raises:
        MMPartError: whatever the stage raises.
    """
    return run_body("mesh", {"field": field}, work)
