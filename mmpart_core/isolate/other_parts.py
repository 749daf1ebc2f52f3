"""Checks of the quality gate: is it this part that is drawn, and no other thing?"""

import numpy as np
from jaxtyping import Bool

from mmpart_core.images import morphology, region_masks
from mmpart_core.isolate.gate_checks import Fault
from mmpart_core.isolate.protocol import IsolationTask
from mmpart_core.isolate.visible_pixels import Comparison
from mmpart_core.records import Region

# All set by hand; ``benchmarks/isolation_gate.py`` shows what they let through and what not.
_WHOLE = 0.95  # of the object: a part that is all of it, where there are other parts
_STILL_SHOWN = 0.6  # of another part's own area
_DRAWN = 0.15  # of the area of the part alone, at least: parts that nobody named lie there, too
_OWN_AREA = 0.02  # of the object: smaller areas of single parts say nothing
_STRAY = 0.02  # of the largest piece: smaller ones beside the object are specks
_NEAR = 0.03  # of the longer side: how far around the object a piece may still be part of it
_OPAQUE = 128  # alpha from which a pixel is the part's: half of 255

Mask = Bool[np.ndarray, "H W"]


def stray_faults(seen: Comparison, task: IsolationTask) -> list[Fault]:
    """Pieces where the source shows no object: of the part only what other parts hide is imagined.

    Args:
        seen: the part in the source's frame.
        task: what was to be drawn.
    """
    labels, count = morphology.pieces(seen.rgba[..., 3] >= _OPAQUE)
    if count < 2:
        return []
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    near = morphology.dilated(task.foreground, round(_NEAR * max(labels.shape)))
    inside = np.bincount(labels[near], minlength=count + 1)[1:]
    if not ((areas >= _STRAY * areas.max()) & (inside < 0.5 * areas)).any():
        return []
    return [
        Fault(
            "pieces",
            "another thing is drawn beside it, where the source image shows no object",
            f"show only the {task.prompt.component} and no other object",
        )
    ]


def alone_faults(seen: Comparison, task: IsolationTask) -> list[Fault]:
    """Other parts that are still shown, nothing removed at all, or another part instead.

    Args:
        seen: the part in the source's frame.
        task: what was to be drawn; regions tell parts apart as far as they do not overlap.
    """
    index, names = task.prompt.index, dict(enumerate(task.prompt.names))
    others = [each for each in range(len(task.prompt.regions)) if each != index]
    if not others:
        return []
    areas = [_area(each, task) for each in range(len(task.prompt.regions))]
    if _is_whole(seen, areas[index], task.foreground):
        told = "the whole object is shown, nothing was removed"
        return [Fault("alone", told, "remove everything else completely")]
    faults = [
        Fault("alone", f"'{names[each]}' is still shown", f"remove the {names[each]} completely")
        for each in others
        if each in names and _is_shown(each, areas, seen, task)
    ]
    rest = [areas[each] for each in others]
    if not _is_drawn(areas[index], rest, seen, task.foreground):
        name = task.prompt.component
        told = f"where only the {name} is seen in the source almost nothing is drawn"
        faults.append(Fault("alone", told, f"show the {name}, not another part"))
    return faults


def _area(index: int, task: IsolationTask) -> Mask | None:
    """Where a part is seen at most; None where nobody said."""
    region = task.prompt.regions[index]
    if region is None or region.kind == "points":
        return None
    known = task.region_masks.get(index)
    shape = (task.foreground.shape[0], task.foreground.shape[1])
    return region_masks.outline_mask(region, shape) if known is None else known


def _is_whole(seen: Comparison, own: Mask | None, foreground: Mask) -> bool:
    """Whether all of the object is shown, though the part is less."""
    most = _WHOLE * float(foreground.sum())
    if own is not None and (own & foreground).sum() > most:
        return False
    return float((seen.shown & foreground).sum()) > most


def _is_shown(index: int, areas: list[Mask | None], seen: Comparison, task: IsolationTask) -> bool:
    """Whether most of what is another part's alone agrees with the source."""
    region, area, own = task.prompt.regions[index], areas[index], areas[task.prompt.index]
    if region is not None and region.kind == "points":
        return _agrees_at(region, seen)
    if area is None or own is None:
        return False
    alone = area & ~own & task.foreground
    if alone.sum() < _OWN_AREA * task.foreground.sum():
        return False
    return float(seen.shown[alone].mean()) > _STILL_SHOWN


def _agrees_at(region: Region, seen: Comparison) -> bool:
    shape = seen.shown.shape
    at = np.array([(y * shape[0], x * shape[1]) for x, y in region.points]).astype(int)
    at = np.minimum(at, np.array(shape) - 1)
    return bool(seen.shown[at[:, 0], at[:, 1]].all())


def _is_drawn(
    own: Mask | None, others: list[Mask | None], seen: Comparison, foreground: Mask
) -> bool:
    """Whether something is drawn where the source shows the part and no other."""
    if own is None:
        return True
    alone = own & foreground
    for each in others:
        if each is not None:
            alone &= ~each
    if alone.sum() < _OWN_AREA * foreground.sum():
        return True
    return float((seen.rgba[..., 3] >= _OPAQUE)[alone].mean()) >= _DRAWN
