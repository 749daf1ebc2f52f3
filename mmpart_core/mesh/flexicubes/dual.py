"""Dual vertices: which there are, and where the weights put them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int

from mmpart_core.mesh.flexicubes.tables import CUBE_EDGES


@dataclass(frozen=True)
class CaseTensors:
    """``tables.CaseTables`` on a device."""

    patch_edges: Int[torch.Tensor, "256 4 E"]
    patch_counts: Int[torch.Tensor, "256"]
    twin_offset: Int[torch.Tensor, "256 3"]
    edge_axis: Int[torch.Tensor, "12"]
    edge_slot: Int[torch.Tensor, "12"]


@dataclass(frozen=True)
class SurfaceCubes:
    """The cubes that the surface passes through.

    Attributes:
        index: row in the cube table.
        corners: vertex indices.
        case: case number, exchanged where two one-patch faces meet.
    """

    index: Int[torch.Tensor, "S"]
    corners: Int[torch.Tensor, "S 8"]
    case: Int[torch.Tensor, "S"]


@dataclass(frozen=True)
class Crossings:
    """One row per dual vertex and crossed edge round it.

    Attributes:
        owner: dual vertex of each crossing.
        edge: edge number inside the cube.
        first: corner number of the edge's lower end inside the cube.
        second: its upper end.
        low: vertex index of the lower end.
        high: vertex index of the upper end.
        row: surface cube of each crossing.
        cube: surface cube of each dual vertex.
    """

    owner: Int[torch.Tensor, "M"]
    edge: Int[torch.Tensor, "M"]
    first: Int[torch.Tensor, "M"]
    second: Int[torch.Tensor, "M"]
    low: Int[torch.Tensor, "M"]
    high: Int[torch.Tensor, "M"]
    row: Int[torch.Tensor, "M"]
    cube: Int[torch.Tensor, "D"]


@dataclass(frozen=True)
class Weights:
    """Squashed weights of the surface cubes."""

    beta: Float[torch.Tensor, "S 12"]
    alpha: Float[torch.Tensor, "S 8"]
    gamma: Float[torch.Tensor, "S"]


def surface_cubes(
    field: Float[torch.Tensor, "V"],
    cube_idx: Int[torch.Tensor, "N 8"],
    counts: tuple[int, int, int],
    tables: CaseTensors,
) -> SurfaceCubes:
    """Find the crossed cubes and their cases."""
    inside = field < 0
    case = torch.zeros(len(cube_idx), dtype=torch.uint8, device=field.device)
    for corner in range(8):
        case |= inside[cube_idx[:, corner]].to(torch.uint8) << corner
    index = torch.nonzero((case != 0) & (case != 255)).reshape(-1)
    found = _exchange_twins(index, case[index].long(), counts, tables)
    return SurfaceCubes(index, cube_idx[index], found)


def _exchange_twins(
    index: Int[torch.Tensor, "S"],
    case: Int[torch.Tensor, "S"],
    counts: tuple[int, int, int],
    tables: CaseTensors,
) -> Int[torch.Tensor, "S"]:
    """Exchange inside and outside where two one-patch cases share their ambiguous face."""
    offset = tables.twin_offset[case]
    rows = torch.nonzero(offset.abs().sum(dim=1)).reshape(-1)
    size = torch.tensor(counts, device=index.device)
    number = index[rows]
    place = torch.stack(
        [number // (counts[1] * counts[2]), number // counts[2] % counts[1], number % counts[2]],
        dim=1,
    )
    beyond = place + offset[rows]
    in_grid = ((beyond >= 0) & (beyond < size)).all(dim=1)
    rows, beyond = rows[in_grid], beyond[in_grid]
    neighbour = (beyond[:, 0] * counts[1] + beyond[:, 1]) * counts[2] + beyond[:, 2]
    at = torch.searchsorted(index, neighbour).clamp(max=max(len(index) - 1, 0))
    # A one-patch case has one ambiguous face, so a neighbour of that kind means this very face.
    twin = (index[at] == neighbour) & (offset[at].abs().sum(dim=1) > 0)
    exchanged = case.clone()
    exchanged[rows[twin]] = 255 - case[rows[twin]]
    return exchanged


def squash_weights(
    index: Int[torch.Tensor, "S"],
    beta: Float[torch.Tensor, "N 12"] | None,
    alpha: Float[torch.Tensor, "N 8"] | None,
    gamma: Float[torch.Tensor, "N"] | None,
    scale: float,
    like: Float[torch.Tensor, "V"],
) -> Weights:
    """Weights in their ranges: 1 +- scale, gamma in the middle of [0, 1] (section 4.3)."""
    ones = like.new_ones(1, 1)
    return Weights(
        beta=ones.expand(len(index), 12) if beta is None else torch.tanh(beta[index]) * scale + 1,
        alpha=ones.expand(len(index), 8) if alpha is None else torch.tanh(alpha[index]) * scale + 1,
        gamma=(
            like.new_ones(len(index))
            if gamma is None
            else torch.sigmoid(gamma[index]) * scale + (1 - scale) / 2
        ),
    )


def find_crossings(
    cubes: SurfaceCubes, field: Float[torch.Tensor, "V"], tables: CaseTensors
) -> Crossings:
    """List all dual vertices and the crossed edges round each."""
    device = field.device
    patches = tables.patch_counts[cubes.case]
    cube = torch.repeat_interleave(torch.arange(len(patches), device=device), patches)
    first_of_cube = torch.cumsum(patches, 0) - patches
    patch = torch.arange(len(cube), device=device) - first_of_cube[cube]
    edges = tables.patch_edges[cubes.case[cube], patch]
    owner, column = torch.nonzero(edges >= 0, as_tuple=True)
    edge = edges[owner, column]
    ends = torch.tensor(CUBE_EDGES, device=device)[edge]
    row = cube[owner]
    corners = cubes.corners[row]
    low, high = corners.gather(1, ends).unbind(dim=1)
    return Crossings(owner, edge, ends[:, 0], ends[:, 1], low, high, row, cube)


def _sum_by_owner(values: Float[torch.Tensor, "M C"], crossings: Crossings) -> torch.Tensor:
    total = values.new_zeros(len(crossings.cube), values.shape[1])
    return total.index_add(0, crossings.owner, values)


def dual_values(
    carried: Float[torch.Tensor, "V C"],
    field: Float[torch.Tensor, "V"],
    crossings: Crossings,
    weights: Weights,
) -> Float[torch.Tensor, "D C"]:
    """Corner values at the dual vertices (equations 6 and 7 of the paper)."""
    low = field[crossings.low] * weights.alpha[crossings.row, crossings.first]
    high = field[crossings.high] * weights.alpha[crossings.row, crossings.second]
    crossed = _interpolate(carried, crossings, low, high)
    beta = weights.beta[crossings.row, crossings.edge].unsqueeze(1)
    return _sum_by_owner(beta * crossed, crossings) / _sum_by_owner(beta, crossings)


def zero_crossings(
    positions: Float[torch.Tensor, "V 3"], field: Float[torch.Tensor, "V"], crossings: Crossings
) -> Float[torch.Tensor, "M 3"]:
    """Where the unweighted field crosses each edge."""
    return _interpolate(positions, crossings, field[crossings.low], field[crossings.high])


def _interpolate(
    carried: Float[torch.Tensor, "V C"],
    crossings: Crossings,
    low: Float[torch.Tensor, "M"],
    high: Float[torch.Tensor, "M"],
) -> Float[torch.Tensor, "M C"]:
    part = (low / (low - high)).unsqueeze(1)
    return carried[crossings.low] * (1 - part) + carried[crossings.high] * part


def deviations(
    vertices: Float[torch.Tensor, "D 3"], crossed: Float[torch.Tensor, "M 3"], crossings: Crossings
) -> Float[torch.Tensor, "M"]:
    """How much a vertex's distances to its crossings differ from their mean (equation 9)."""
    distance = torch.linalg.vector_norm(vertices[crossings.owner] - crossed, dim=1, keepdim=True)
    number = _sum_by_owner(torch.ones_like(distance), crossings)
    mean = _sum_by_owner(distance, crossings) / number
    return (distance - mean[crossings.owner]).abs().squeeze(1)


def solve_qef(
    crossed: Float[torch.Tensor, "M 3"],
    gradients: Float[torch.Tensor, "M 3"],
    crossings: Crossings,
    regularizer: float,
) -> Float[torch.Tensor, "D 3"]:
    """Points nearest to the tangent planes at their crossings (Ju et al. 2002, equation 1).

    Solved about the crossings' mean, with ``regularizer`` squared on the diagonal, in float64.
    """
    normals = torch.nn.functional.normalize(gradients.double(), dim=1)
    points = crossed.double()
    number = _sum_by_owner(torch.ones_like(points[:, :1]), crossings)
    mean = _sum_by_owner(points, crossings) / number
    heights = (normals * (points - mean[crossings.owner])).sum(dim=1, keepdim=True)
    squares = (normals.unsqueeze(2) * normals.unsqueeze(1)).reshape(-1, 9)
    matrix = _sum_by_owner(squares, crossings).reshape(-1, 3, 3)
    matrix = matrix + regularizer**2 * torch.eye(3, dtype=matrix.dtype, device=matrix.device)
    step = torch.linalg.solve(matrix, _sum_by_owner(normals * heights, crossings))
    return (mean + step).to(crossed.dtype)
