"""Which dual vertex stands for a cube beside each inner edge: lookups of the tetrahedral output.

Round an edge whose two ends are inside lie four cubes and, between them, four faces. Every cube
gives each of its two faces at that edge one dual vertex. For a face that the surface crosses it is
the vertex of the patch that crosses it: the two crossed edges of such a face always share one.
Only a face that is inside altogether leaves a choice.

In exchanged cubes (``tables``: two one-patch cases whose ambiguous faces meet) the inside passes
through the ambiguous face from corner to corner; the face's diagonal takes the part of an edge.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Int

from mmpart_core.mesh.flexicubes import tables

_N_EDGES = len(tables.CUBE_EDGES)


@dataclass(frozen=True)
class TetTables:
    """What filling the inside looks up.

    Attributes:
        edge_patches: by whether the case was exchanged, case and edge: the patch that stands for
            the cube in the face before the cube and in the one behind it, counter-clockwise round
            the edge seen from its upper end; -1 where an end is outside or the cube has no patch.
        twin_corners: of exchanged cases, the inside corners of the ambiguous face; else -1.
        twin_patches: patches at that face to the left of the line from the first of these corners
            to the second and to its right, seen from the face's positive side; else -1.
    """

    edge_patches: Int[np.ndarray, "2 256 12 2"]
    twin_corners: Int[np.ndarray, "256 2"]
    twin_patches: Int[np.ndarray, "256 2"]


@cache
def tet_tables() -> TetTables:
    """All tables, worked out once per process."""
    edge_patches = np.full((2, tables.N_CASES, _N_EDGES, 2), -1, dtype=np.int64)
    twin_corners = np.full((tables.N_CASES, 2), -1, dtype=np.int64)
    twin_patches = np.full((tables.N_CASES, 2), -1, dtype=np.int64)
    for case in range(tables.N_CASES):
        edge_patches[0, case] = _patches_beside_edges(case, case)
        for axis, side in tables.shared_patch_faces(case):
            exchanged = tables.N_CASES - 1 - case
            edge_patches[1, exchanged] = _patches_beside_edges(exchanged, case)
            twin_corners[exchanged], twin_patches[exchanged] = _across_face(exchanged, axis, side)
    return TetTables(edge_patches, twin_corners, twin_patches)


def _patches_beside_edges(case: int, inside: int) -> list[tuple[int, int]]:
    """Patch in the faces before and behind a cube, for each edge with both ends inside.

    Args:
        case: whose patches the cube has.
        inside: bits of the corners that are inside: ``case``, or its opposite where exchanged.
    """
    patches = tables.case_patches(case)
    found: list[tuple[int, int]] = []
    for edge, (first, second) in enumerate(tables.CUBE_EDGES):
        if not patches or not (inside >> first & 1 and inside >> second & 1):
            found.append((-1, -1))
            continue
        axis, slot = tables.axis_and_slot(edge)
        right, up = (axis + 1) % 3, (axis + 2) % 3
        # The cube in slot 0 lies to the lower left of the edge: coming counter-clockwise, it is
        # entered through the face that looks up and left through the one that looks right.
        order = (up, right) if slot % 2 == 0 else (right, up)
        before, behind = (_face_patch(patches, a, first >> a & 1) for a in order)
        found.append((before, behind))
    return found


def _face_patch(patches: tuple[tuple[int, ...], ...], axis: int, side: int) -> int:
    """The patch that crosses a face; the first of all for a face inside."""
    ring = set(tables.face_edges(axis, side))
    return next((number for number, patch in enumerate(patches) if ring & set(patch)), 0)


def _across_face(case: int, axis: int, side: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Inside corners of an exchanged case's ambiguous face, and the patches beside their line."""
    ring = tables.face_corners(axis, side)
    # The case's own bits are those of the outside.
    start = 1 if case >> ring[0] & 1 else 0
    patches = tables.case_patches(case)

    def patch_round(corner: int) -> int:
        edges = [e for e in tables.face_edges(axis, side) if corner in tables.CUBE_EDGES[e]]
        return next(number for number, patch in enumerate(patches) if edges[0] in patch)

    left, right = ring[(start + 3) % 4], ring[start + 1]
    return (ring[start], ring[start + 2]), (patch_round(left), patch_round(right))
