"""Quads round the crossed edges, and their triangles."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int

from mmpart_core.mesh.flexicubes.dual import CaseTensors, Crossings


def vertex_rings(
    crossings: Crossings, field: Float[torch.Tensor, "V"], tables: CaseTensors
) -> tuple[Int[torch.Tensor, "Q 4"], Int[torch.Tensor, "Q"]]:
    """Dual vertices of the four cubes round each crossed edge, counter-clockwise from outside.

    Edges on the grid's border have fewer cubes and give no quad.

    Returns:
        The rings, and the grid corner at the inside end of each edge.
    """
    axis = tables.edge_axis[crossings.edge]
    number, edge_of = torch.unique(crossings.low * 3 + axis, return_inverse=True)
    rings = torch.full((len(number), 4), -1, dtype=torch.long, device=field.device)
    # Along y rings begin a cube later: of a quad's equal diagonals 0-2 is then the one that kaolin
    # takes.
    slot = (tables.edge_slot[crossings.edge] + (axis == 1)) % 4
    rings[edge_of, slot] = crossings.owner
    low = torch.div(number, 3, rounding_mode="floor")
    high = torch.empty_like(low).index_copy(0, edge_of, crossings.high)
    leaves = field[low] < 0
    # The ring runs counter-clockwise seen from the edge's upper end: right where that is outside.
    rings = torch.where(leaves.unsqueeze(1), rings, rings.flip(1))
    whole = (rings >= 0).all(dim=1)
    return rings[whole], torch.where(leaves, low, high)[whole]


def diagonal_pull(
    rings: Int[torch.Tensor, "Q 4"],
    vertices: Float[torch.Tensor, "D 3"],
    gamma: Float[torch.Tensor, "D"],
    grad_func: Callable[[torch.Tensor], torch.Tensor] | None,
) -> Float[torch.Tensor, "Q 2"]:
    """Weight of the diagonals 0-2 and 1-3: product of gammas, or agreement of normals."""
    if grad_func is None:
        at = gamma[rings]
        return torch.stack([at[:, 0] * at[:, 2], at[:, 1] * at[:, 3]], dim=1)
    normals = torch.nn.functional.normalize(grad_func(vertices), dim=1)[rings]
    agree = normals[:, :2] * normals[:, 2:]
    return agree.sum(dim=-1) + 1.0


def unfolded(
    rings: Int[torch.Tensor, "Q 4"],
    vertices: Float[torch.Tensor, "D 3"],
    apexes: Float[torch.Tensor, "Q 3"],
    pull: Float[torch.Tensor, "Q 2"],
) -> Float[torch.Tensor, "Q 2"]:
    """Weights of the diagonals, exchanged where that of less weight alone does not fold the quad.

    Seen from its edge's inner end, a quad whose vertices lie in their cubes goes once round the
    edge, so at most one of its corners bends inward and one diagonal gives two triangles that face
    away from that end.
    """
    with torch.no_grad():
        first, second, third, fourth = (vertices[rings] - apexes.unsqueeze(1)).unbind(dim=1)

        def volume(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
            return (a * torch.linalg.cross(b, c)).sum(dim=1)

        along_02 = torch.minimum(volume(first, second, third), volume(first, third, fourth))
        along_13 = torch.minimum(volume(first, second, fourth), volume(fourth, second, third))
        least = torch.stack([along_02, along_13], dim=1)
        taken = torch.where(pull[:, 0] >= pull[:, 1], 0, 1).unsqueeze(1)
        turn = (least.gather(1, taken) <= 0) & (least.gather(1, 1 - taken) > least.gather(1, taken))
        exchanged = torch.zeros_like(pull).scatter(1, 1 - taken, 1.0)
        return torch.where(turn, exchanged, pull)


def split(
    rings: Int[torch.Tensor, "Q 4"], pull: Float[torch.Tensor, "Q 2"]
) -> Int[torch.Tensor, "F 3"]:
    """Two triangles per quad, cut along the diagonal with the larger weight; 0-2 of equal ones."""
    along_02 = rings[:, [0, 1, 2, 0, 2, 3]]
    along_13 = rings[:, [0, 1, 3, 3, 1, 2]]
    return torch.where((pull[:, 0] >= pull[:, 1]).unsqueeze(1), along_02, along_13).reshape(-1, 3)


def fan(
    rings: Int[torch.Tensor, "Q 4"],
    values: Float[torch.Tensor, "D C"],
    pull: Float[torch.Tensor, "Q 2"],
) -> tuple[Float[torch.Tensor, "D2 C"], Int[torch.Tensor, "F 3"]]:
    """Four triangles round a weighted centre per quad (equation 8 of the paper)."""
    corners = values[rings]
    middle = (corners[:, :2] + corners[:, 2:]) / 2
    weight = pull / (pull.sum(dim=1, keepdim=True) + 1e-8)
    centre = (weight.unsqueeze(2) * middle).sum(dim=1)
    hub = torch.arange(len(rings), device=rings.device).unsqueeze(1) + len(values)
    ahead = rings.roll(-1, dims=1)
    faces = torch.stack([rings, ahead, hub.expand(-1, 4)], dim=2).reshape(-1, 3)
    return torch.cat([values, centre]), faces
