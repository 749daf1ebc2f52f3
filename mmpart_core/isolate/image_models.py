"""What hosted image models can do: a dated table, from their published documentation."""

from dataclasses import dataclass, field
from typing import Literal

from mmpart_core.isolate.canvas import SizeRule

DATED = "2026-11-22"
Quality = Literal["auto", "low", "medium", "high", "xhigh", "max"]
_BASIC: tuple[Quality, ...] = ("auto", "low", "medium", "high")
# Any multiple of 16 between 1:3 and 3:1; above 2560x1440 it is experimental.
_FREE = SizeRule(step=16, least_px=655_360, most_px=3_686_400, ratio=3.0, longest_px=2560)
_THREE = SizeRule(fixed=((1024, 1024), (1536, 1024), (1024, 1536)))


@dataclass(frozen=True)
class ImageModel:
    """What one family of models can do.

    Attributes:
        names: how its names begin.
        sizes: which it draws.
        transparency: ``yes`` by its documentation, ``unconfirmed`` where only others say so.
        qualities: values of ``quality``.
        fidelity: values of ``input_fidelity``; empty where the parameter must not be sent.
    """

    names: tuple[str, ...]
    sizes: SizeRule = _FREE
    transparency: Literal["yes", "unconfirmed"] = "yes"
    qualities: tuple[Quality, ...] = _BASIC
    fidelity: tuple[Literal["low", "high"], ...] = field(default=())


_TABLE = (
    ImageModel(
        ("gpt-image-2.6-",), transparency="unconfirmed", qualities=(*_BASIC, "xhigh", "max")
    ),
    ImageModel(("gpt-image-2.5-",), qualities=(*_BASIC, "xhigh", "max")),
    ImageModel(("gpt-image-2",)),  # transparency is a preview there
    ImageModel(("gpt-image-1.5", "chatgpt-image-latest"), sizes=_THREE, fidelity=("low", "high")),
    ImageModel(("gpt-image-1-mini",), sizes=_THREE, fidelity=("low",)),
    ImageModel(("gpt-image-1",), sizes=_THREE, fidelity=("low", "high")),
)
# Of other servers nothing is known: nothing is sent that is not asked for, sizes are free.
UNKNOWN = ImageModel(
    (),
    sizes=SizeRule(step=16, most_px=3_686_400, longest_px=2560),
    transparency="unconfirmed",
    qualities=(*_BASIC, "xhigh", "max"),
    fidelity=("low", "high"),
)


def image_model(name: str) -> ImageModel:
    """What a model can do, by how its name begins.

    Example:
        >>> image_model("gpt-image-2.6-sunburst").transparency
        'unconfirmed'
        >>> image_model("gpt-image-1.5").sizes.fixed[1]
        (1536, 1024)
    """
    for known in _TABLE:
        if name.startswith(known.names):
            return known
    return UNKNOWN
