"""Bumps that views which disagree leave, smoothed without shrinking the body."""

import numpy as np
import trimesh
from jaxtyping import Float, Int

from mmpart_core.mesh import topology

# Views that differ from the field this many times more than consistent ones do are smoothed a
# little and in full; known parts with wires and shadows reach 2.6, drawn views 4 to 8. By hand.
_SOME, _FULL = 3.0, 5.0
# Taubin's factors of shrinking and growing in turn; the second is a little the larger.
_SHRINK, _GROW = 0.5, 0.53


def fair_surface(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], doubt: float, passes: int
) -> tuple[Float[np.ndarray, "V 3"], int]:
    """Fair a closed surface as far as its views disagree.

    Taubin's filter (A signal processing approach to fair surface design, 1995) takes away what is
    short compared with the faces, which consistent views do not leave, and keeps what is long.

    Args:
        vertices: positions.
        faces: triangles.
        doubt: see ``FieldGrid``.
        passes: at full doubt; each shrinks and grows.

    Returns:
        The positions, and how many passes were made.
    """
    share = float(np.clip((doubt - _SOME) / (_FULL - _SOME), 0.0, 1.0))
    made = round(passes * share)
    if made == 0:
        return vertices, 0
    mesh = topology.bare(vertices, faces)
    trimesh.smoothing.filter_taubin(mesh, lamb=_SHRINK, nu=_GROW, iterations=2 * made)
    return np.asarray(mesh.vertices, dtype=np.float64), made
