"""What the planner writes."""

from typing import Literal

from pydantic import Field

from mmpart_core.records.base import ImageRef, Record
from mmpart_core.records.request import Fraction, Region
from mmpart_core.records.views import Camera, TruthPart


class PartSight(Record):
    """What a planner that looks at the image sees of a component.

    Attributes:
        presence: ``hidden`` is there but covered; ``absent`` is not; ``ambiguous`` fits several
            things.
        pieces: how many separate pieces it is in.
        box: around what is visible of it: left, top, right, bottom as fractions of width and
            height.
        covered_by: components in front of it that hide some of it.
        touches: components that it is in contact with.
        depth_rank: its place among all components from the nearest (0) to the farthest.
    """

    presence: Literal["visible", "hidden", "absent", "ambiguous"] = "visible"
    pieces: int = Field(default=1, ge=1, le=64)
    box: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    covered_by: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()
    depth_rank: int = Field(default=0, ge=0)


class PartPrompt(Record):
    """All that isolating one part needs.

    Attributes:
        component: the component's name.
        prompt: the whole isolation prompt that an image-edit model is given.
        hidden: the user's words for the hidden area, untouched.
        index: position in the component list.
        regions: region hints of all components, in the list's order: the user's, else the box a
            planner saw; None where there is neither.
        counts: number of pieces of all components, in the list's order.
        names: names of all components, in the list's order; the user's words may use them.
        foreground: 8-bit mask of the whole object in the source image.
        camera: the input camera in the camera-aligned object frame.
        truth: the node it stands for, for a known scene.
        sight: what a planner saw of it; None for a planner that does not look.
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
    sight: PartSight | None = None


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
