"""What is said of a placement: how it was found and what is uncertain about it."""

import numpy as np

from mmpart_core.assemble.image_alignment import Move
from mmpart_core.assemble.protocol import AssemblyTask, PartEvidence
from mmpart_core.assemble.reshape import Reshaping

# Cost of a part's isolated image, per area of its silhouette, from which it is warned of: about
# the area that does not agree. By hand, as the next two.
_POOR_FIT = 0.45
# Views of the whole object frame it anew, so that another scale is usual; far from 1 they show
# something else, as they do where outlines of views and parts overlap by less than this.
_PLAUSIBLE_SCALES = (0.6, 1.6)
_POOR_OVERLAP = 0.7
_WIDE = 0.5  # object units of depth from which a part's place is called uncertain


def method_in_words(views: int, scale: float) -> str:
    """How parts were placed by views, fitted at a scale."""
    fitted = f", fitted at scale {scale:.2f}," if round(scale, 2) != 1.0 else ""
    return (
        f"drawn into the source, its isolated image and {views} views of the whole object{fitted} "
        "until they agree best"
    )


def frame_warnings(scale: float, overlap: float) -> tuple[str, ...]:
    """What is doubtful about the whole object's views: scale, and overlap of outlines (IoU)."""
    smallest, largest = _PLAUSIBLE_SCALES
    if smallest <= scale <= largest and overlap >= _POOR_OVERLAP:
        return ()
    return (
        f"views of the whole object fit the parts badly (scale {scale:.2f}, outlines overlap by "
        f"{overlap:.2f} IoU), so depths are doubtful; refresh multiview, or set "
        "assemble.use_whole_views=false",
    )


def part_notes(part: PartEvidence, cost: float) -> tuple[str, ...]:
    """What is uncertain about a part: not seen, or unlike its isolated image by a cost."""
    notes: list[str] = []
    if not part.visible.any():
        notes.append("entirely hidden in the image; placed by its imagined image alone")
    if cost > _POOR_FIT:
        notes.append(f"its mesh looks unlike its isolated image (cost {cost:.2f} of about 1)")
    return tuple(notes)


def move_notes(part: PartEvidence, move: Move | None, task: AssemblyTask) -> tuple[str, ...]:
    """That an isolated image was moved."""
    if move is None:
        return ()
    where = "over its visible pixels" if part.visible.any() else "in the box that was given"
    share = 100.0 * move.middle_px / max(task.foreground.shape)
    return (
        f"its isolated image was moved by {share:.0f} % of the picture and scaled by "
        f"{move.zoom:.2f} to lie {where}",
    )


def view_notes(spread: float, undone: bool) -> tuple[str, ...]:
    """What is uncertain about a part placed by views: its depth, or its refinement."""
    notes: list[str] = []
    if spread > _WIDE:
        notes.append(f"depth uncertain within {spread:.2f} object units")
    if undone:
        notes.append("refining its place made it worse and was undone: this is the first guess")
    return tuple(notes)


def shape_notes(shape: Reshaping) -> tuple[str, ...]:
    """That a part was turned or stretched."""
    notes: list[str] = []
    turned = float(np.rad2deg(np.linalg.norm(shape.turn)))
    if turned > 0.0:
        notes.append(f"turned by {turned:.1f} degrees, as the pictures show it")
    if shape.stretched:
        x, y, z = shape.stretch
        notes.append(f"stretched by {x:.2f}, {y:.2f} and {z:.2f} along its axes, as the pictures "
                     "show it")  # fmt: skip
    return tuple(notes)


def image_notes(told: bool, mirrored: bool, parts: int) -> tuple[str, ...]:
    """What is uncertain about the depth of one of several parts placed by one image."""
    if parts < 2:
        return ()
    if mirrored:
        return ("depth from occlusion order, contact and the object's symmetry",)
    if told:
        return ("depth from occlusion order and contact only",)
    return ("nothing in the image tells its depth; left at the object's middle",)
