"""What the planner writes."""

from pydantic import Field

from mmpart_core.records.base import ImageRef, Record
from mmpart_core.records.request import Region
from mmpart_core.records.views import Camera, TruthPart


class PartPrompt(Record):
    """All that isolating one part needs.

    Attributes:
        component: the component's name.
        prompt: the whole isolation prompt that an image-edit model is given.
        hidden: the user's words for the hidden area, untouched.
        index: position in the component list.
        regions: region hints of all components, in the list's order; None where not given.
        counts: number of pieces of all components, in the list's order.
        names: names of all components, in the list's order; the user's words may use them.
        foreground: 8-bit mask of the whole object in the source image.
        camera: the input camera in the camera-aligned object frame.
        truth: the node it stands for, for a known scene.
    """

    component: str
    prompt: str = Field(min_length=1)
    hidden: str = ""
    index: int = Field(ge=0)
    regions: tuple[Region | None, ...]
    counts: tuple[int, ...]
    names: tuple[str, ...] = ()
    foreground: ImageRef
    camera: Camera
    truth: TruthPart | None = None


class PartPlan(Record):
    """One prompt per component, and the input camera they share.

    Attributes:
        prompts: one per component, in the request's order.
        foreground: 8-bit mask of the whole object in the source image.
        camera: the input camera, in the camera-aligned object frame (azimuth 0, looking at the
            centre of the framed square; the object fits the unit sphere).
        planner: kind and version of the back-end that wrote it.
        cost_usd: what the planner's calls cost.
        warnings: what the user should know or add.
    """

    prompts: tuple[PartPrompt, ...] = Field(min_length=1)
    foreground: ImageRef
    camera: Camera
    planner: str
    cost_usd: float = 0.0
    warnings: tuple[str, ...] = ()
