"""Takes apart the places where decimation has pressed two sheets of a surface together.

Edge collapses that ignore topology leave edges with four faces and pairs of faces back to back.
Every edge is still run through as often in one direction as in the other, so the sheets can be
told apart again: faces are paired over each edge, and every fan of paired faces round a vertex
gets a vertex of its own (Gueziec et al., "Converting Sets of Polygons to Manifold Surfaces by
Cutting and Stitching", IEEE Visualization 1998).
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from mmpart_core.mesh import topology

# Copies of a vertex step apart by this share of the way into their own fan, so that they stay
# apart when a file's reader welds by position.
_STEP_APART = 0.02
_ROUNDS = 4

Pairs = tuple[Int[np.ndarray, "H"], Int[np.ndarray, "H"]]


def mend_surface(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]] | None:
    """A closed surface of the same sheets; None where the faces bound nothing.

    Args:
        vertices: float64 positions.
        faces: consistently wound, edges shared by any even number of faces.
    """
    for _ in range(_ROUNDS):
        vertices, faces = topology.weld(vertices, faces)
        faces = _without_flat(faces)
        pairs = _pair_half_edges(vertices, faces)
        if pairs is None or not len(faces):
            return None
        vertices, faces = _split_fans(vertices, faces, pairs)
        if topology.is_closed(topology.weld(vertices, faces)[1]):
            return vertices, faces
        vertices, faces = _halve_double_edges(vertices, faces, pairs)
    return None


def _split_fans(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], pairs: Pairs
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "F 3"]]:
    """Give each fan of paired faces a vertex of its own."""
    forward, backward = pairs
    # Half-edge h = 3 f + c runs from corner c of face f to the next corner.
    ahead = np.arange(faces.size).reshape(-1, 3)[:, [1, 2, 0]].reshape(-1)
    joined = np.concatenate([forward, ahead[forward]]), np.concatenate([ahead[backward], backward])
    graph = coo_matrix((np.ones(len(joined[0]), dtype=bool), joined), shape=(faces.size,) * 2)
    _, fan = connected_components(graph, directed=False)
    split = fan.reshape(-1, 3).astype(np.int64)
    source = np.zeros(int(split.max()) + 1, dtype=np.int64)
    source[split.reshape(-1)] = faces.reshape(-1)
    return _step_apart(vertices[source], split, source), split


def _halve_double_edges(
    vertices: Float[np.ndarray, "W 3"], faces: Int[np.ndarray, "F 3"], pairs: Pairs
) -> tuple[Float[np.ndarray, "X 3"], Int[np.ndarray, "G 3"]]:
    """Where two edges still join the same two vertices, give each a middle of its own."""
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    forward, backward = pairs
    key = np.minimum(start, end)[forward] * len(vertices) + np.maximum(start, end)[forward]
    _, same, counts = np.unique(key, return_inverse=True, return_counts=True)
    touched: set[int] = set()
    points, added, dropped = [vertices], [], []
    for pair in np.flatnonzero(counts[same.reshape(-1)] > 1):
        halves = (int(forward[pair]), int(backward[pair]))
        if touched & {half // 3 for half in halves}:
            continue
        middle = len(vertices) + len(points) - 1
        centre = vertices[faces[[half // 3 for half in halves]]].mean(axis=(0, 1))
        halfway = vertices[[start[halves[0]], end[halves[0]]]].mean(axis=0)
        points.append((halfway + _STEP_APART * (centre - halfway))[None])
        for half in halves:
            touched.add(half // 3)
            dropped.append(half // 3)
            apex = faces[half // 3, (half % 3 + 2) % 3]
            added += [(start[half], middle, apex), (middle, end[half], apex)]
    kept = np.delete(faces, dropped, axis=0)
    extra = np.array(added, dtype=np.int64).reshape(-1, 3)
    return np.concatenate(points), np.concatenate([kept, extra])


def _without_flat(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "G 3"]:
    """Without faces that name a vertex twice and pairs of faces back to back."""
    uneven = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    faces = faces[uneven]
    ordered = np.sort(faces, axis=1)
    # Even permutations of the sorted corners face one way, odd ones the other.
    turn = np.argmin(faces, axis=1)
    rolled = np.take_along_axis(faces, (turn[:, None] + np.arange(3)) % 3, axis=1)
    sign = np.where(rolled[:, 1] < rolled[:, 2], 1, -1)
    _, same = np.unique(ordered, axis=0, return_inverse=True)
    same = same.reshape(-1)
    total = np.bincount(same, weights=sign)
    surplus = np.where(sign == np.sign(total[same]), 1.0, 0.0)
    # Of n equal faces only as many stay as are not cancelled by faces the other way.
    order = np.lexsort((1 - surplus, same))
    starts = np.flatnonzero(np.r_[True, np.diff(same[order]) != 0])
    lengths = np.diff(np.r_[starts, len(order)])
    rank = np.zeros(len(faces), dtype=np.int64)
    rank[order] = np.arange(len(faces)) - np.repeat(starts, lengths)
    return faces[rank < np.abs(total[same])]


def _pair_half_edges(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Pairs | None:
    """Half-edges and their partners the other way; None where an edge is out of balance."""
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    key = np.minimum(start, end) * len(vertices) + np.maximum(start, end)
    up, down = np.flatnonzero(start < end), np.flatnonzero(start > end)
    up, down = up[np.argsort(key[up], kind="stable")], down[np.argsort(key[down], kind="stable")]
    if len(up) != len(down) or not np.array_equal(key[up], key[down]):
        return None
    _, first, counts = np.unique(key[up], return_index=True, return_counts=True)
    angle = _angles(vertices, faces, start, end)
    for begin, count in zip(first[counts > 1], counts[counts > 1], strict=True):
        part = slice(begin, begin + count)
        up[part], down[part] = _match_round_edge(up[part], down[part], angle)
    return up, down


def _match_round_edge(
    up: Int[np.ndarray, "K"], down: Int[np.ndarray, "K"], angle: Float[np.ndarray, "H"]
) -> tuple[Int[np.ndarray, "K"], Int[np.ndarray, "K"]]:
    """Pair the faces of one edge that bound the same wedge of solid.

    Seen along the edge, a wedge begins at a face whose half-edge runs down and ends at the next
    one that runs up: brackets on a ring.
    """
    ring = sorted(
        [*((h, True) for h in up), *((h, False) for h in down)], key=lambda e: angle[e[0]]
    )
    waiting: list[int] = []
    partner: dict[int, int] = {}
    # Twice round, as a wedge may begin before the cut of the ring and end behind it.
    for half, runs_up in ring * 2:
        if not runs_up and half not in waiting and half not in partner.values():
            waiting.append(half)
        elif runs_up and half not in partner and waiting:
            partner[half] = waiting.pop()
    return np.array(list(partner.keys())), np.array(list(partner.values()))


def _angles(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    start: Int[np.ndarray, "H"],
    end: Int[np.ndarray, "H"],
) -> Float[np.ndarray, "H"]:
    """Angle of each face round its edge, about the edge's lower to higher vertex."""
    low, high = vertices[np.minimum(start, end)], vertices[np.maximum(start, end)]
    axis = high - low
    axis = axis / np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-30)
    across = vertices[np.roll(faces, -2, axis=1).reshape(-1)] - low
    helper = np.eye(3)[np.argmin(np.abs(axis), axis=1)]
    right = np.cross(axis, helper)
    up = np.cross(axis, right)
    return np.arctan2(np.einsum("hc,hc->h", across, up), np.einsum("hc,hc->h", across, right))


def _step_apart(
    vertices: Float[np.ndarray, "W 3"], faces: Int[np.ndarray, "G 3"], source: Int[np.ndarray, "W"]
) -> Float[np.ndarray, "W 3"]:
    """Move vertices that share their source a little towards the middle of their own faces."""
    copies = np.bincount(source)[source] > 1
    corners = faces.reshape(-1)
    centres = np.repeat(vertices[faces].mean(axis=1), 3, axis=0)
    number = np.bincount(corners, minlength=len(vertices))
    middle = np.stack(
        [np.bincount(corners, centres[:, axis], len(vertices)) / number for axis in range(3)],
        axis=1,
    )
    return np.where(copies[:, None], vertices + _STEP_APART * (middle - vertices), vertices)
