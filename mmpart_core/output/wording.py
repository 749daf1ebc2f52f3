"""Short human readings of figures, shared by the page and the sheet."""

from collections.abc import Iterable, Sequence

from mmpart_core.output.part_facts import LEAST_SILHOUETTE_IOU, PartFacts
from mmpart_core.quoting import MAX_ITEMS, quoted
from mmpart_core.records import ModelUsage, ObjectResult, StageRun


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
    """``$1.250``, ``$0.0042``, or ``none``."""
    if dollars == 0:
        return "none"
    return f"${dollars:,.3f}" if dollars >= 0.1 else f"${dollars:.4f}"


def spent(dollars: float, usage: Sequence[ModelUsage]) -> str:
    """What hosted models cost, with tokens where a price is not known; empty where none was used.

    Example:
        >>> spent(0.0, [ModelUsage(model="qwen3-vl", calls=2, input_tokens=9000)])
        'cost of 2 calls: none known (qwen3-vl: price unknown, 9,000 tokens in, 0 out)'
    """
    calls = sum(each.calls for each in usage)
    if not calls and not dollars:
        return ""
    unknown = [
        f"{each.model}: price unknown, {each.input_tokens:,} tokens in, {each.output_tokens:,} out"
        for each in usage
        if each.cost_usd is None
    ]
    known = money(dollars) if dollars or not unknown else "none known"
    of_calls = f" of {plural(calls, 'call')}" if calls else ""
    told = f" ({'; '.join(unknown)})" if unknown else ""
    return f"cost{of_calls}: {known}{told}"


def summed_usage(runs: Iterable[StageRun]) -> tuple[ModelUsage, ...]:
    """What stages used together, one entry per model, in the order of first use."""
    found: dict[str, ModelUsage] = {}
    for each in (usage for run in runs for usage in run.usage):
        before = found.get(each.model)
        found[each.model] = each if before is None else before.plus(each)
    return tuple(found.values())


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


def placement_summary(part: PartFacts) -> str:
    """One line about where a part stands and how sure that is; empty where it was not placed.

    Lengths are in object units (the object fits the unit sphere), +Z up.
    """
    placement = part.placement
    if placement is None:
        return ""
    x, y, z = (row[3] for row in placement.world_from_part[:3])
    pieces = [f"at ({x:.2f}, {y:.2f}, {z:.2f})", f"scale {placement.scale:.2f}"]
    if placement.depth_uncertainty is not None:
        pieces.append(f"depth known to {placement.depth_uncertainty:.2f}")
    pieces.append(f"silhouette IoU {share(placement.silhouette_iou)}")
    if placement.imagined:
        pieces.append("imagined: the image shows nothing of it")
    if placement.color_error is not None:
        pieces.append(f"colour error {placement.color_error:.0f} of 255")
    if placement.color_gain is not None:
        red, green, blue = placement.color_gain
        pieces.append(f"colours times {red:.2f}, {green:.2f}, {blue:.2f}")
    return "placed " + ", ".join(pieces)
