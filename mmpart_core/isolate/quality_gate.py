"""Judges a picture that a model drew of a part: usable as it is, or why not.

Each fault says what is wrong, for people, and what to do, for the next prompt.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, UInt8

from mmpart_core.errors import InputError
from mmpart_core.images import morphology, region_masks
from mmpart_core.isolate import background_removal
from mmpart_core.isolate.background_removal import Matting
from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.gate_checks import (
    Fault,
    drawn_faults,
    ground_faults,
    place_faults,
    seen_faults,
)
from mmpart_core.isolate.other_parts import alone_faults, stray_faults
from mmpart_core.isolate.protocol import IsolationTask
from mmpart_core.isolate.registration import Registration, register_part
from mmpart_core.isolate.visible_pixels import Comparison, compare_with_source

_CARELESS = 0.03  # of the longer side: how far a region hint may be off
# What a part without detail counts as, on the scale of ``Comparison.structure``; by hand.
_NO_DETAIL = 0.7
_PER_FAULT = 0.6  # a fault leaves this share of the score
_LOST = 0.2  # score of a picture that is not worth looking for in the source
_WANTED_SHARE = 0.5  # visible share from which more is no better: the rest is hidden


@dataclass(frozen=True)
class Judged:
    """A picture, and what the gate says of it.

    Attributes:
        faults: empty when it is accepted.
        score: 0 to 1, for choosing among pictures.
        registration: its place in the source; None where the picture failed before that.
        comparison: the part in the source's frame; None likewise.
        shift: how far the model moved the part, over the source's longer side.
        zoom: by how much it enlarged it.
        turn_deg: by how much it turned it.
        removed_by: how its ground was told.
    """

    faults: tuple[Fault, ...]
    score: float = 0.0
    registration: Registration | None = None
    comparison: Comparison | None = None
    shift: float = 0.0
    zoom: float = 1.0
    turn_deg: float = 0.0
    removed_by: str = ""


def judge_answer(
    answer: UInt8[np.ndarray, "h w 4"],
    source_from_answer: Float[np.ndarray, "3 3"],
    task: IsolationTask,
    settings: EditorSettings,
    matting: Matting | None = None,
) -> Judged:
    """Judge a picture.

    Args:
        answer: as the model drew it, straight alpha.
        source_from_answer: pixels of it to pixels of the source, if the part was left in place.
        task: what was to be drawn.
        settings: what is accepted.
        matting: for opaque pictures.
    """
    try:
        removal = background_removal.remove_background(answer, settings.removal, matting)
    except InputError as error:
        return Judged((_nothing_stands_out(error),))
    drawn = removal.rgba[..., 3] >= 128
    source = _on_grey(task.source)
    faults = drawn_faults(drawn, task)
    faults += ground_faults(answer, drawn, removal.by, source, source_from_answer)
    if faults:  # nothing is gained by looking for the place of what cannot be used
        return Judged(tuple(faults), _LOST * _PER_FAULT ** len(faults), removed_by=removal.by)
    room = possible_area(task)
    placed = register_part(removal.rgba, source, room, source_from_answer)
    seen = compare_with_source(removal.rgba, source, room, task.foreground, placed.source_from_part)
    moved = _movement(placed.source_from_part, source_from_answer, drawn, max(source.shape))
    faults += place_faults(placed, seen, moved, settings)
    faults += seen_faults(seen, settings)
    faults += stray_faults(seen, task)
    faults += alone_faults(seen, task)
    return Judged(
        tuple(faults), _score(placed, seen, len(faults)), placed, seen, *moved, removal.by
    )


def with_fault(judged: Judged, fault: Fault) -> Judged:
    """A judgement with one fault more, which somebody else found."""
    return replace(judged, faults=(*judged.faults, fault), score=_PER_FAULT * judged.score)


def possible_area(task: IsolationTask) -> Bool[np.ndarray, "H W"]:
    """Where the part may be seen: the object, within what its own region hint allows."""
    index = task.prompt.index
    region = task.prompt.regions[index]
    if region is None or region.kind == "points":
        return task.foreground
    shape = (task.foreground.shape[0], task.foreground.shape[1])
    known = task.region_masks.get(index)
    area = region_masks.outline_mask(region, shape) if known is None else known
    room = task.foreground & morphology.dilated(area, round(_CARELESS * max(shape)))
    return room if room.any() else task.foreground


def _on_grey(rgba: UInt8[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "H W 3"]:
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    return np.rint(rgba[..., :3] * alpha + 200.0 * (1.0 - alpha)).astype(np.uint8)


def _movement(
    source_from_part: Float[np.ndarray, "3 3"],
    source_from_answer: Float[np.ndarray, "3 3"],
    drawn: Bool[np.ndarray, "h w"],
    longest: int,
) -> tuple[float, float, float]:
    """Shift over the longer side, zoom and turn in degrees that the model gave the part."""
    rows, columns = np.nonzero(drawn)
    middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5, 1.0])
    shift = ((source_from_answer - source_from_part) @ middle)[:2]
    change = (source_from_answer @ np.linalg.inv(source_from_part))[:2, :2]
    zoom = float(np.sqrt(np.linalg.det(change)))
    turn = float(np.rad2deg(np.arctan2(change[1, 0], change[0, 0])))
    return float(np.linalg.norm(shift) / longest), zoom, turn


def _score(placed: Registration, seen: Comparison, faults: int) -> float:
    detail = _NO_DETAIL if seen.structure is None else max(seen.structure, 0.0)
    share = min(seen.share / _WANTED_SHARE, 1.0)
    parts = placed.confidence * (0.5 + 0.5 * detail) * (0.5 + 0.5 * share)
    return float(np.clip(parts * _PER_FAULT**faults, 0.0, 1.0))


def _nothing_stands_out(error: InputError) -> Fault:
    return Fault(
        "foreground",
        f"no part stands out in the picture ({error})",
        "show the part alone, whole and opaque, on a plain, uniform light grey background",
    )
