"""Mesh: a clean textured surface per part."""

from mmpart_core.keys import Stage
from mmpart_core.mesh import checks
from mmpart_core.mesh.protocol import SurfaceExtractor
from mmpart_core.records import PartMesh, RadianceField
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.blob_store import BlobStore

STAGE = Stage("mesh", 3)


def mesh_part(
    field: RadianceField, *, backend: SurfaceExtractor, store: BlobStore, seed: int
) -> PartMesh:
    """Extract and texture one part's surface.

    Args:
        field: the trained field.
        backend: the extractor.
        store: where the field and views are and the mesh goes.
        seed: every random choice follows from it.

    Raises:
        StageError: the surface is empty or degenerate.
        BackendError: extraction failed.
    """
    grid = codecs.get_field(store, field.checkpoint)
    surface = backend.extract(grid, codecs.get_views(store, field.views), seed)
    facts = checks.check_surface(surface.mesh, field.component)
    return PartMesh(
        component=field.component,
        mesh=glb.put_mesh(store, field.component, surface.mesh),
        watertight=facts.watertight,
        bodies=facts.bodies,
        area=facts.area,
        volume=facts.volume,
        method=surface.method,
        truth=field.truth,
        warnings=(*surface.warnings, *facts.faults),
    )
