"""What is kept of a shape that was carved."""

from jaxtyping import Float
from torch import Tensor


def keep_carved(
    first: Float[Tensor, "*P"], carved: Float[Tensor, "*P"], threshold: float
) -> Float[Tensor, "*P"]:
    """The first shape, where carving moved it by little; else what carving made of it.

    Training with wide surfaces on a coarse grid finds concavities, and rounds edges and swells
    faces that the first shape has right. Both are told apart by how far the surface moved.

    Args:
        first: distances of the shape that training started from, object units.
        carved: the same after carving.
        threshold: changes below it are undone, those of twice as much are kept whole; between,
            smoothly.
    """
    if threshold <= 0.0:
        return carved
    change = carved - first
    share = (change.abs() / threshold - 1.0).clamp(0.0, 1.0)
    return first + share * share * (3.0 - 2.0 * share) * change
