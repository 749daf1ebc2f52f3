"""What is sent to ``images.edit``, and what comes back, as pictures."""

import base64
import io
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from mmpart_core.errors import BackendError
from mmpart_core.images import region_masks
from mmpart_core.intake.image import DECODE_FAULTS
from mmpart_core.isolate.canvas import Canvas, border_colour
from mmpart_core.isolate.protocol import IsolationTask

_MOST_PX = 50_000_000  # more than any model draws: a broken or hostile answer
_ON_GROUND = "a plain, uniform, neutral light grey background"
_ON_NOTHING = "a fully transparent background (alpha 0), with no chequered pattern"


def with_ground(prompt: str, transparent: bool) -> str:
    """The prompt with the ground that is asked for by parameter too."""
    if not transparent:
        return prompt
    if _ON_GROUND in prompt:
        return prompt.replace(_ON_GROUND, _ON_NOTHING)
    return f"{prompt}\n\nShow it on {_ON_NOTHING}."


def uploads(task: IsolationTask, ground: Canvas, *, masked: bool) -> dict[str, Any]:
    """Files of a call: the source on its canvas, and a mask where one can be made.

    Names and types are given: without them the SDK sends ``application/octet-stream``.
    """
    picture = ground.drawn(task.source, border_colour(task.source))
    opaque = bool((picture[..., 3] == 255).all())
    sent = {"image": ("input.png", _png(picture[..., :3] if opaque else picture), "image/png")}
    keep = _kept(task, ground) if masked else None
    if keep is not None:
        sent["mask"] = ("mask.png", _png(keep), "image/png")
    return sent


def _kept(task: IsolationTask, ground: Canvas) -> UInt8[np.ndarray, "h w 4"] | None:
    """Opaque where the part's own region is, clear (to be edited) elsewhere."""
    index = task.prompt.index
    region = task.prompt.regions[index]
    if region is None or region.kind not in ("polygon", "mask"):
        return None  # a box holds other parts too
    shape = (task.foreground.shape[0], task.foreground.shape[1])
    known = task.region_masks.get(index)
    area = region_masks.outline_mask(region, shape) if known is None else known
    layer = np.dstack([np.zeros((*shape, 3), np.uint8), np.where(area, 255, 0).astype(np.uint8)])
    return ground.drawn(layer, (0, 0, 0, 0))


def decoded(answer: Any, what: str) -> tuple[UInt8[np.ndarray, "h w 4"], ...]:
    """The pictures of an answer, straight alpha.

    Args:
        answer: of ``images.edit``.
        what: the work, for messages.

    Raises:
        BackendError: no picture, or one that cannot be read.
    """
    data = getattr(answer, "data", None) or ()
    encoded = [getattr(item, "b64_json", None) for item in data]
    if not encoded or not all(isinstance(text, str) and text for text in encoded):
        raise BackendError(
            f"{what}: the answer was expected to hold pictures (b64_json), it holds "
            f"{len(encoded)} without; check that the server draws images with isolate.model"
        )
    return tuple(_read(str(text), what) for text in encoded)


def _read(text: str, what: str) -> UInt8[np.ndarray, "h w 4"]:
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
        if image.width * image.height > _MOST_PX:
            raise BackendError(
                f"{what}: a picture of {image.width}x{image.height} px came, at most "
                f"{_MOST_PX // 10**6} million pixels expected; check isolate.base_url"
            )
        return np.asarray(image.convert("RGBA"))
    except (*DECODE_FAULTS, Image.DecompressionBombError) as error:
        raise BackendError(
            f"{what}: a picture of the answer cannot be read ({error}); PNG, WebP or JPEG in "
            "base64 expected; run again, or check isolate.base_url"
        ) from error


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
