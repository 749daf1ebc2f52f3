"""What an isolator must do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8

from mmpart_core.geometry.truth_scene import TruthGeometry
from mmpart_core.records import ImagePlacement, PartPrompt


@dataclass(frozen=True)
class IsolationTask:
    """All that isolating one part may look at.

    Attributes:
        source: the input image, sRGB with straight alpha.
        foreground: the whole object.
        prompt: the part's prompt, region hints and place in the list.
        region_masks: masks of the components whose region is a mask file, by component index.
        truth: the known scene, where there is one.
    """

    source: UInt8[np.ndarray, "H W 4"]
    foreground: Bool[np.ndarray, "H W"]
    prompt: PartPrompt
    region_masks: Mapping[int, Bool[np.ndarray, "H W"]] = field(default_factory=dict)
    truth: TruthGeometry | None = None


@dataclass(frozen=True)
class DrawnTry:
    """A picture that a model drew of a part; see ``IsolationTry`` for the other fields.

    Attributes:
        answer: as it came, straight alpha.
    """

    answer: UInt8[np.ndarray, "h w 4"]
    score: float
    faults: tuple[str, ...]
    added: str
    seed: int
    cost_usd: float
    checked: bool = False
    taken: bool = False


@dataclass(frozen=True)
class Isolation:
    """One part alone, completed, in the source's frame.

    Attributes:
        rgba: sRGB with straight alpha, transparent where the part is not.
        visible: where the part is seen in the source.
        imagined: where it was completed.
        warnings: what the user should know or add.
        cost_usd: what the calls cost.
        placement: where a model's picture was found in the source; None for isolators that work on
            the source itself.
        tries: the pictures that a model drew, in order.
    """

    rgba: UInt8[np.ndarray, "H W 4"]
    visible: Bool[np.ndarray, "H W"]
    imagined: Bool[np.ndarray, "H W"]
    warnings: tuple[str, ...] = ()
    cost_usd: float = 0.0
    placement: ImagePlacement | None = None
    tries: tuple[DrawnTry, ...] = ()


@runtime_checkable
class ImageEditor(Protocol):
    """Draws one part alone, completed, in the pose it has in the image.

    A back-end that does not look at ``task.prompt.prompt`` says so with a class attribute
    ``READS_PROMPTS: ClassVar[bool] = False``: who edits prompts is then told that they change
    nothing. Without the attribute it counts as one that reads them.
    """

    VERSION: ClassVar[str]

    def open(self) -> None:
        """Load what isolating needs."""
        ...

    def isolate(self, task: IsolationTask, seed: int) -> Isolation:
        """Draw the part.

        Raises:
            RefusedError: the model declined.
            TransientBackendError: worth trying again.
            BackendError: the part cannot be drawn; the message says what to add.
        """
        ...


def reads_prompts(backend: type[object]) -> bool:
    """Whether the words of a prompt can change what a back-end draws; see ``ImageEditor``."""
    return bool(getattr(backend, "READS_PROMPTS", True))
