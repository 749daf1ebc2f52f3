"""The 256 cube cases, worked out from the cube itself.

Corner k of a cube lies at x = bit 0, y = bit 1, z = bit 2 of k. A case is the sum of 2^k over its
inside corners. The surface inside a cube falls into patches, each crossed by a closed ring of
edges; dual marching cubes (Nielson, "Dual Marching Cubes", IEEE Visualization 2004) puts one
vertex into each.

On a face with two inside corners on a diagonal the four crossed edges can be joined in two ways.
Both cubes beside the face must choose alike, or the surface has a hole; here the edges round an
inside corner are joined. In a few cases both joints of such a face belong to one patch. When two
of those meet at the face, four quads share an edge; the case with inside and outside exchanged
has two patches there, and both cubes then take it (FlexiCubes, section 4.2; cases C16 and C19).
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from jaxtyping import Int

N_CASES = 256
MAX_PATCHES = 4
Edge = tuple[int, int]
# The ring at y = 0; the ring at y = 1 follows, then the edges along y. Columns of beta are in this
# order, which is part of the call's contract.
_RING = (0, 1, 5, 4)
_RING_EDGES: tuple[Edge, ...] = ((0, 1), (1, 5), (4, 5), (0, 4))
CUBE_EDGES: tuple[Edge, ...] = (
    *_RING_EDGES,
    *((a + 2, b + 2) for a, b in _RING_EDGES),
    *((corner, corner + 2) for corner in _RING),
)
_EDGE_INDEX: dict[frozenset[int], int] = {
    frozenset(edge): index for index, edge in enumerate(CUBE_EDGES)
}


@dataclass(frozen=True)
class CaseTables:
    """What extraction looks up.

    Attributes:
        patch_edges: edges round each patch of each case; -1 where there are fewer.
        patch_counts: patches of each case.
        twin_offset: for cases whose ambiguous face lies in one patch, the step to the neighbour
            beyond that face; 0 0 0 for all others.
        edge_axis: axis that each edge runs along.
        edge_slot: place of the cube in the ring of four round the edge, counter-clockwise seen
            from the edge's upper end.
    """

    patch_edges: Int[np.ndarray, "256 4 E"]
    patch_counts: Int[np.ndarray, "256"]
    twin_offset: Int[np.ndarray, "256 3"]
    edge_axis: Int[np.ndarray, "12"]
    edge_slot: Int[np.ndarray, "12"]


@cache
def case_tables() -> CaseTables:
    """All tables, worked out once per process."""
    patches = [case_patches(case) for case in range(N_CASES)]
    longest = max(len(patch) for groups in patches for patch in groups)
    patch_edges = np.full((N_CASES, MAX_PATCHES, longest), -1, dtype=np.int64)
    twin_offset = np.zeros((N_CASES, 3), dtype=np.int64)
    for case, groups in enumerate(patches):
        for row, patch in enumerate(groups):
            patch_edges[case, row, : len(patch)] = patch
        for axis, side in shared_patch_faces(case):
            twin_offset[case, axis] = 2 * side - 1
    axes, slots = zip(*(axis_and_slot(edge) for edge in range(len(CUBE_EDGES))), strict=True)
    return CaseTables(
        patch_edges=patch_edges,
        patch_counts=np.array([len(groups) for groups in patches], dtype=np.int64),
        twin_offset=twin_offset,
        edge_axis=np.array(axes, dtype=np.int64),
        edge_slot=np.array(slots, dtype=np.int64),
    )


def case_patches(case: int) -> tuple[tuple[int, ...], ...]:
    """Edges round each patch of a case, each patch and the list in rising order."""
    patch_of = {index: index for index in range(len(CUBE_EDGES)) if _crossed(case, index)}
    for axis in range(3):
        for side in range(2):
            for first, second in _joints(case, axis, side):
                old, new = patch_of[first], patch_of[second]
                patch_of = {e: new if patch == old else patch for e, patch in patch_of.items()}
    labels = sorted(set(patch_of.values()), key=lambda patch: _first_edge(patch_of, patch))
    return tuple(
        tuple(sorted(edge for edge, patch in patch_of.items() if patch == label))
        for label in labels
    )


def shared_patch_faces(case: int) -> tuple[tuple[int, int], ...]:
    """Axis and side of the faces whose four crossed edges all belong to one patch."""
    patches = case_patches(case)
    found: list[tuple[int, int]] = []
    for axis in range(3):
        for side in range(2):
            ring = set(face_edges(axis, side))
            if all(_crossed(case, edge) for edge in ring) and any(
                ring <= set(patch) for patch in patches
            ):
                found.append((axis, side))
    return tuple(found)


def _inside(case: int, corner: int) -> bool:
    return bool(case >> corner & 1)


def _crossed(case: int, edge: int) -> bool:
    first, second = CUBE_EDGES[edge]
    return _inside(case, first) != _inside(case, second)


def face_corners(axis: int, side: int) -> tuple[int, int, int, int]:
    """Corners of a face in a ring, counter-clockwise seen from its positive side."""
    base, right, up = side << axis, 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
    return base, base + right, base + right + up, base + up


def face_edges(axis: int, side: int) -> tuple[int, ...]:
    """Edges of a face in the order of ``face_corners``, each from its corner to the next."""
    ring = face_corners(axis, side)
    return tuple(_EDGE_INDEX[frozenset(pair)] for pair in pairwise((*ring, ring[0])))


def _joints(case: int, axis: int, side: int) -> list[tuple[int, int]]:
    """Pairs of crossed edges of a face that the surface joins across it."""
    edges = face_edges(axis, side)
    crossed = [edge for edge in edges if _crossed(case, edge)]
    if len(crossed) < 4:
        return [(crossed[0], crossed[1])] if crossed else []
    return [
        (edges[index - 1], edges[index])
        for index, corner in enumerate(face_corners(axis, side))
        if _inside(case, corner)
    ]


def _first_edge(patch_of: dict[int, int], patch: int) -> int:
    return min(edge for edge, label in patch_of.items() if label == patch)


def axis_and_slot(edge: int) -> tuple[int, int]:
    """Axis that an edge runs along, and the cube's place in the ring of four round it."""
    first, second = CUBE_EDGES[edge]
    axis = (first ^ second).bit_length() - 1
    right, up = first >> (axis + 1) % 3 & 1, first >> (axis + 2) % 3 & 1
    # An edge at the cube's upper right is seen by the cube at its lower left, the ring's first.
    return axis, {(1, 1): 0, (0, 1): 1, (0, 0): 2, (1, 0): 3}[right, up]
