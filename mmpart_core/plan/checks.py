"""What makes a plan unusable."""

import math

import numpy as np
from jaxtyping import Bool

from mmpart_core.errors import InputError, StageError
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.records import ObjectRequest, Region

# Of the image, for the object as a whole: 64 x 32 of 1024 x 1024 pixels. By hand.
MIN_SHARE = 0.002
MAX_PROMPT_CHARS = 32000  # the longest prompt of the OpenAI image-edit endpoint
_POINT_REACH = 0.01  # of the image's side: how far a hand may miss; by hand


def check_foreground(mask: Bool[np.ndarray, "H W"], request: ObjectRequest) -> None:
    """Refuse a foreground in which the request's components cannot be.

    Args:
        mask: true on the whole object.
        request: image and components; region hints must meet the object.

    Raises:
        StageError: a mask of another size.
        InputError: too small an object, or a region with nothing of the object in
            it. Regions given as mask files are not looked at here.
    """
    image = request.image
    if mask.shape != (image.height, image.width):
        raise StageError(
            f"request '{request.name}': foreground of {image.width}x{image.height} px expected, "
            f"got {mask.shape[1]}x{mask.shape[0]} px; store the image again"
        )
    share = float(mask.mean())
    if share < MIN_SHARE:
        raise InputError(
            f"request '{request.name}': the object covers {100 * share:.2f} % of the image, at "
            f"least {100 * MIN_SHARE:.2f} % expected; crop the image closer to the object"
        )
    for component in request.components:
        if component.region is not None and not _meets(component.region, mask):
            raise InputError(
                f"request '{request.name}': the {component.region.kind} region of "
                f"'{component.name}' holds nothing of the object, at least one pixel expected; "
                "correct the region (numbers within 0 to 1 are fractions of width and height, "
                "others pixels of the original image)"
            )


def _meets(region: Region, mask: Bool[np.ndarray, "H W"]) -> bool:
    if region.kind == "mask":
        return True
    corners: tuple[tuple[float, float], ...] = region.points or region.polygon
    reach = _POINT_REACH
    if region.box is not None:
        corners, reach = ((region.box[0], region.box[1]), (region.box[2], region.box[3])), 0.0
    if region.kind == "points":
        return any(_any_within(mask, [point], reach) for point in corners)
    return _any_within(mask, list(corners), reach)


def _any_within(
    mask: Bool[np.ndarray, "H W"], corners: list[tuple[float, float]], reach: float
) -> bool:
    """Whether the bounding box of some points, a little wider, holds a true pixel."""
    height, width = mask.shape
    columns, rows = zip(*corners, strict=True)
    left, right = (min(columns) - reach) * width, (max(columns) + reach) * width
    top, bottom = (min(rows) - reach) * height, (max(rows) + reach) * height
    window = mask[
        max(math.floor(top), 0) : math.ceil(bottom) + 1,
        max(math.floor(left), 0) : math.ceil(right) + 1,
    ]
    return bool(window.any())


def check_draft(draft: PlanDraft, request: ObjectRequest) -> None:
    """Refuse prompts that do not match the components one to one.

    Raises:
        StageError: too few or too many prompts, or one that is empty or too long.
    """
    if len(draft.prompts) != len(request.components):
        raise StageError(
            f"request '{request.name}': {len(request.components)} prompts expected, one per "
            f"component, got {len(draft.prompts)}; change the seed or use another planner"
        )
    if draft.sights and len(draft.sights) != len(request.components):
        raise StageError(
            f"request '{request.name}': {len(request.components)} sights expected, one per "
            f"component, or none, got {len(draft.sights)}; use another planner"
        )
    for component, prompt in zip(request.components, draft.prompts, strict=True):
        if not prompt.strip():
            raise StageError(
                f"part '{component.name}': its prompt is empty, text expected; change the seed or "
                "use another planner"
            )
        if len(prompt) > MAX_PROMPT_CHARS:
            raise StageError(
                f"part '{component.name}': its prompt has {len(prompt)} characters, at most "
                f"{MAX_PROMPT_CHARS} expected; shorten the words on its hidden area"
            )
