"""What is kept of a shape that was carved and trained."""

from jaxtyping import Float
from torch import Tensor

# Views that differ from the field this many times more than consistent ones do may have bent the
# first shape a little, and too much to hold anything to it. By hand, as in ``mesh.fairing``: known
# parts with wires and shadows reach 2.6, drawn views 3.5 to 8.
_SOME, _FULL = 3.0, 3.5
# So far beyond the first shape a trained one may be: a pixel of a view of 320, by which the
# outlines of round bodies are worn off otherwise.
_PLAY = 0.006


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


def undo_swelling(
    first: Float[Tensor, "*P"], trained: Float[Tensor, "*P"], threshold: float, doubt: float
) -> Float[Tensor, "*P"]:
    """A trained shape, less what it grew by little beyond the first one.

    Where colours say nothing, on plain faces, a step is as long as where they say much, as Adam
    divides by the size of what it follows: such faces drift, most of them outwards. What outlines
    ask for beyond the first shape, such as a tip that its convex body cut off, is further away.

    Args:
        first: distances of the shape that training started from, object units.
        trained: the same after training.
        threshold: of growth, as ``keep_carved`` has it.
        doubt: disagreement of the views' colours, as a multiple of what consistent ones leave; the
            threshold falls to nothing where the first shape cannot be trusted either.
    """
    trust = min(max((_FULL - doubt) / (_FULL - _SOME), 0.0), 1.0)
    bound = first - _PLAY
    return trained.maximum(keep_carved(bound, trained.minimum(bound), threshold * trust))
