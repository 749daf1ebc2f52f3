"""Short human readings of figures, shared by the page and the sheet."""

from collections.abc import Iterable

from mmpart_core.output.part_facts import LEAST_SILHOUETTE_IOU, PartFacts
from mmpart_core.quoting import MAX_ITEMS, quoted
from mmpart_core.records import ObjectResult


def status(result: ObjectResult, parts: tuple[PartFacts, ...]) -> str:
    """``complete: 3 parts`` or ``incomplete: 2 of 3 parts``."""
    made = sum(part.state == "made" for part in parts)
    if result.complete:
        return f"complete: {plural(made, 'part')}"
    return f"incomplete: {made} of {plural(len(parts), 'part')}"


def plural(count: int, noun: str) -> str:
    """``1 part``, ``2 parts``, ``1,200 faces``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def share(value: float | None) -> str:
    """A number from 0 to 1 with two digits."""
    return "not measured" if value is None else f"{value:.2f}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``42 s``, ``3 min 20 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def money(dollars: float) -> str:
    """``$0.042``, or ``none``."""
    return "none" if dollars == 0 else f"${dollars:,.3f}"


def told(message: str, component: str) -> str:
    """A message about a part, for a place that names the part already.

    Example:
        >>> told("part 'hat': nothing in front of it", "hat")
        'nothing in front of it'
    """
    for name in (f"'{component}'", repr(component)):
        message = message.removeprefix(f"part {name}: ")
    return message


def badly_fitting(parts: Iterable[PartFacts]) -> str:
    """One line on the parts that do not agree with the image, worst first; empty where all do."""
    found = [
        (part.placement.silhouette_iou or 0.0, part.name)
        for part in parts
        if part.placement is not None and part.fits_image is False
    ]
    if not found:
        return ""
    shown = [f"{quoted(name, 60)} {share(iou)}" for iou, name in sorted(found)[:MAX_ITEMS]]
    rest = f" and {len(found) - MAX_ITEMS} more" if len(found) > MAX_ITEMS else ""
    verb = "fits" if len(found) == 1 else "fit"
    return (
        f"{plural(len(found), 'part')} {verb} the image badly (silhouette IoU below "
        f"{share(LEAST_SILHOUETTE_IOU)}): {', '.join(shown)}{rest}; compare result and image in "
        "sheet.png"
    )


def part_summary(part: PartFacts) -> str:
    """One line about a part: size and fit, or why it is not there."""
    if part.result is None:
        if part.failure is None:
            return "not made: an earlier stage failed"
        return f"failed at {part.failure.stage}"
    pieces = [plural(part.result.mesh.mesh.faces, "face")]
    pieces.append("watertight" if part.result.mesh.watertight else "open")
    if part.placement is None:
        pieces.append("not placed")
    elif part.placement.silhouette_iou is not None:
        pieces.append(f"silhouette IoU {share(part.placement.silhouette_iou)}")
    if part.fits_image is False:
        pieces.append("fits the image badly")
    return ", ".join(pieces)
