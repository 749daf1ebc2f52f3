"""What makes a surface unusable."""

from dataclasses import dataclass

import numpy as np

from mmpart_core.errors import StageError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh import hygiene, topology

# A tenth of a thousandth of the unit sphere's area: nothing that small can be seen.
_LEAST_AREA = 1e-3


@dataclass(frozen=True)
class SurfaceFacts:
    """What a surface is like.

    Attributes:
        watertight: every edge is shared by two faces, consistently wound (seams welded).
        bodies: connected components.
        area: in squared part units.
        volume: enclosed volume in cubed part units; 0 where not watertight.
        faults: what is not as it should be but leaves the surface usable, see ``hygiene``.
    """

    watertight: bool
    bodies: int
    area: float
    volume: float
    faults: tuple[str, ...]


def check_surface(mesh: TriangleMesh, component: str) -> SurfaceFacts:
    """Facts of a usable surface.

    Args:
        mesh: part frame.
        component: the component's name, for messages.

    Raises:
        StageError: empty, not finite, without area, or its texture does not fit.
    """
    _check_arrays(mesh, component)
    welded = topology.weld_surface(mesh)
    area = float(welded.mesh.area)
    if area < _LEAST_AREA:
        raise StageError(
            f"part '{component}': surface area {area:.2g} is next to nothing, at least "
            f"{_LEAST_AREA} expected; refresh reconstruct with another seed"
        )
    return SurfaceFacts(
        watertight=welded.closed,
        bodies=len(welded.areas),
        area=area,
        volume=float(welded.mesh.volume) if welded.closed else 0.0,
        faults=hygiene.measure_surface(mesh, welded).faults(),
    )


def _check_arrays(mesh: TriangleMesh, component: str) -> None:
    if not len(mesh.faces) or not len(mesh.vertices):
        raise StageError(
            f"part '{component}': the surface is empty; refresh reconstruct with another seed"
        )
    if not np.isfinite(mesh.vertices).all():
        raise StageError(f"part '{component}': a vertex is not finite; refresh reconstruct")
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise StageError(f"part '{component}': a face names a vertex that does not exist")
    if (mesh.uv is None) != (mesh.texture is None):
        given, absent = ("uv", "texture") if mesh.texture is None else ("texture", "uv")
        raise StageError(
            f"part '{component}': {given} without {absent}; an extractor gives both or neither"
        )
    uv = mesh.uv
    if uv is not None and (len(uv) != len(mesh.vertices) or not np.isfinite(uv).all()):
        raise StageError(
            f"part '{component}': expected one finite uv for each of {len(mesh.vertices)} "
            f"vertices, got {len(uv)} or values that are not finite"
        )
    if mesh.uv is None and mesh.colors is None:
        raise StageError(
            f"part '{component}': the surface has neither a texture nor vertex colours"
        )
