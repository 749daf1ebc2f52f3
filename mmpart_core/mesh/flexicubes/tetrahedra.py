"""Fills the inside of an extracted surface with tetrahedra (section 4.5 of the paper).

Elements, after Liang and Zhang, "An octree-based dual contouring method for triangular and
tetrahedral mesh generation with guaranteed angle range", Engineering with Computers 30, 2014:

- for each triangle of the surface, the tetrahedron over it to the inside end of its crossed edge;
- for each edge inside and each pair of neighbouring cubes round it, the tetrahedron of the edge
  and one vertex per cube: a dual vertex, or the centre of a cube that is inside altogether;
- where the faces before and behind a cube have different dual vertices, as between two sheets
  that pass through one cube, the tetrahedron of the edge and these two;
- the same round the diagonal of a face through which the inside passes from corner to corner.

Neighbours meet in whole triangles by construction, for all cases, so what is left as boundary is
the surface, and the signed volumes add up to what it encloses.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int

from mmpart_core.mesh.flexicubes.dual import CaseTensors, SurfaceCubes
from mmpart_core.mesh.flexicubes.tables import CUBE_EDGES
from mmpart_core.mesh.flexicubes.tet_tables import tet_tables


@dataclass(frozen=True)
class Corners:
    """The grid that the surface was extracted from.

    Attributes:
        values: positions, and what else is carried along.
        inside: which corners are inside.
        cube_idx: corners of each cube.
        counts: cubes along each axis.
    """

    values: Float[torch.Tensor, "V C"]
    inside: Bool[torch.Tensor, "V"]
    cube_idx: Int[torch.Tensor, "N 8"]
    counts: tuple[int, int, int]


@dataclass(frozen=True)
class Inside:
    """Points of the tetrahedra and where each kind begins in their list.

    Attributes:
        values: the surface's vertices, then grid corners inside, then centres of inner cubes.
        corner: number of each grid corner; -1 for those outside.
        full: rows of the inner cubes in the cube table.
        first_centre: number of the first centre.
    """

    values: Float[torch.Tensor, "T C"]
    corner: Int[torch.Tensor, "V"]
    full: Int[torch.Tensor, "I"]
    first_centre: int


def fill(
    values: Float[torch.Tensor, "W C"],
    faces: Int[torch.Tensor, "F 3"],
    bases: Int[torch.Tensor, "F"],
    corners: Corners,
    cubes: SurfaceCubes,
    tables: CaseTensors,
) -> tuple[Float[torch.Tensor, "T C"], Int[torch.Tensor, "K 4"]]:
    """Tetrahedra inside a surface.

    Args:
        values: the surface's.
        faces: turned outward.
        bases: grid corner at the inside end of the edge that each face was made round.
        corners: of the grid.
        cubes: the crossed ones.
        tables: of the cases.

    Returns:
        Values of all points, the surface's first, and four points per element; the first F
        elements hold the surface in their last three. An element is positive where the edges from
        its first point to the others form a right-handed frame. Where dual vertices lie in their
        cubes (always on a grid that is not deformed, without ``grad_func``), those round an edge
        are; those over quads that do not fold, too.
    """
    points = _points(values, corners)
    over_faces = torch.cat([points.corner[bases].unsqueeze(1), faces], dim=1)
    patches = tables.patch_counts[cubes.case]
    first = torch.cumsum(patches, 0) - patches
    parts = [
        over_faces,
        _round_edges(points, corners, cubes, first, tables),
        _round_diagonals(points, corners, cubes, first, tables),
    ]
    return points.values, torch.cat(parts)


def _points(values: Float[torch.Tensor, "W C"], corners: Corners) -> Inside:
    """Surface vertices, inner corners and centres of inner cubes in one list."""
    inside = corners.inside
    full = torch.nonzero(inside[corners.cube_idx].all(dim=1)).reshape(-1)
    centres = corners.values[corners.cube_idx[full]].mean(dim=1)
    number = torch.where(inside, torch.cumsum(inside, 0) - 1 + len(values), -1)
    inner = corners.values[inside]
    return Inside(torch.cat([values, inner, centres]), number, full, len(values) + len(inner))


def _round_edges(
    points: Inside,
    grid: Corners,
    cubes: SurfaceCubes,
    first: Int[torch.Tensor, "S"],
    tables: CaseTensors,
) -> Int[torch.Tensor, "K 4"]:
    """Elements round the grid edges whose two ends are inside."""
    inside, device = grid.inside, grid.inside.device
    choices = torch.as_tensor(tet_tables().edge_patches, device=device)
    edges = torch.tensor(CUBE_EDGES, device=device)
    exchanged = _exchanged(inside, cubes)
    patch = choices[exchanged.long(), cubes.case] + first[:, None, None]
    centre = torch.arange(len(points.full), device=device) + points.first_centre
    corners = torch.cat([cubes.corners, grid.cube_idx[points.full]])
    beside = torch.cat([patch, centre[:, None, None].expand(-1, len(edges), 2)])
    row, edge = torch.nonzero(inside[corners[:, edges]].all(dim=2), as_tuple=True)
    low, high = corners[row.unsqueeze(1), edges[edge]].unbind(dim=1)
    key = low * 3 + tables.edge_axis[edge]
    used = torch.zeros(3 * len(inside), dtype=torch.bool, device=device)
    used[key] = True
    place = (torch.cumsum(used, 0) - 1)[key]
    rings = torch.full((int(used.sum()), 4, 2), -1, dtype=torch.long, device=device)
    rings[place, tables.edge_slot[edge]] = beside[row, edge]
    ends = torch.zeros((len(rings), 2), dtype=torch.long, device=device)
    ends[place] = points.corner[torch.stack([low, high], dim=1)]
    return _round_axes(ends, rings.reshape(-1, 8))


def _round_diagonals(
    points: Inside,
    grid: Corners,
    cubes: SurfaceCubes,
    first: Int[torch.Tensor, "S"],
    tables: CaseTensors,
) -> Int[torch.Tensor, "K 4"]:
    """Elements round the diagonals of the faces between exchanged cubes."""
    inside, device = grid.inside, grid.inside.device
    lookup = tet_tables()
    patches = torch.as_tensor(lookup.twin_patches, device=device)
    ends = torch.as_tensor(lookup.twin_corners, device=device)
    # Each face once: from the cube on its lower side. The offset is that of the original case.
    offset = tables.twin_offset[255 - cubes.case]
    lower = torch.nonzero(_exchanged(inside, cubes) & (offset.sum(dim=1) > 0)).reshape(-1)
    rows = torch.tensor([grid.counts[1] * grid.counts[2], grid.counts[2], 1], device=device)
    step = (offset[lower] * rows).sum(dim=1)
    upper = torch.searchsorted(cubes.index, cubes.index[lower] + step)
    near = patches[cubes.case[lower]] + first[lower].unsqueeze(1)
    beyond = patches[cubes.case[upper]] + first[upper].unsqueeze(1)
    axis = points.corner[cubes.corners[lower].gather(1, ends[cubes.case[lower]])]
    return _round_axes(axis, torch.stack([*near.T, *beyond.T], dim=1)[:, [0, 2, 3, 1]])


def _exchanged(inside: Bool[torch.Tensor, "V"], cubes: SurfaceCubes) -> Bool[torch.Tensor, "S"]:
    """Cubes whose case has inside and outside exchanged: its bits are those of the outside."""
    return inside[cubes.corners[:, 0]] != (cubes.case % 2 == 1)


def _round_axes(
    ends: Int[torch.Tensor, "A 2"], rings: Int[torch.Tensor, "A R"]
) -> Int[torch.Tensor, "K 4"]:
    """An element per axis and pair of different neighbours in the ring round it.

    Rings run counter-clockwise seen from the axis' second end; -1 where the grid ends.
    """
    ahead = rings.roll(-1, dims=1)
    axis, at = torch.nonzero((rings != ahead) & (rings >= 0) & (ahead >= 0), as_tuple=True)
    return torch.cat([ends[axis], rings[axis, at, None], ahead[axis, at, None]], dim=1)
