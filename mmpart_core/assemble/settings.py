"""Settings of the layout back-end."""

from typing import ClassVar, Literal

from pydantic import Field

from mmpart_core.backends import BackendSettings


class Settings(BackendSettings):
    """How thoroughly to look; lengths are in object units (the object fits the unit sphere)."""

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        "threads": "each picture is drawn by one thread, and costs are summed in one order",
    }

    elevation: Literal["auto", "estimate", "given"] = Field(
        default="auto",
        description="Elevation of the input camera: estimated by drawing the parts, taken as the "
        "request gives it, or 'auto': estimated unless the request says that it is known.",
    )
    field_of_view: Literal["auto", "estimate", "given"] = Field(
        default="auto",
        description="Field of view of the input camera: estimated by views of the whole object, "
        "taken as the request gives it, or 'auto': estimated unless the request says that it is "
        "known. Without such views it is the request's.",
    )
    use_whole_views: bool = Field(
        default=True, description="Use views of the whole object as evidence, where there are any."
    )
    coarse_px: int = Field(
        default=128, ge=48, le=512, description="Side of the pictures that depths are tried in."
    )
    fine_px: int = Field(
        default=256, ge=48, le=1024, description="Side of the pictures of the last refinement."
    )
    fine_sweeps: int = Field(
        default=2, ge=0, le=10, description="Refinements of all parts; 0 leaves the coarse search."
    )
    sweeps: int = Field(
        default=2, ge=0, le=10, description="How often every part's depth is searched, others held."
    )
    depth_reach: float = Field(
        default=1.0, gt=0.0, le=2.0, description="How far a part may be from the middle depth."
    )
    depth_steps: int = Field(
        default=81, ge=11, le=401, description="Depths tried per part and sweep."
    )
    keep_contact: bool = Field(
        default=True,
        description="Where pictures leave it open, parts that meet stay in contact, do not reach "
        "into each other, twins keep one size, and from one image what is symmetric stays so.",
    )
    free_turn_deg: float = Field(
        default=0.0, ge=0.0, le=30.0,
        description="How far a part may be turned about each axis where views of the whole ask for "
        "it; 0 keeps its orientation.",
    )  # fmt: skip
    free_stretch: float = Field(
        default=0.0, ge=0.0, le=1.0,
        description="How far a part may be stretched along its axes where views of the whole ask "
        "for it, as the logarithm of the factor; 0 keeps its proportions.",
    )  # fmt: skip
    match_colors: bool = Field(
        default=True,
        description="Bring each part's colours to what the image shows of it, by a factor per "
        "channel.",
    )
    color_limit: float = Field(
        default=1.4, gt=1.0, le=3.0,
        description="Largest such factor; one over it is the smallest.",
    )  # fmt: skip
    resolve_overlaps: bool = Field(
        default=False,
        description="Cut parts that reach into each other, in the object's GLB: the smaller one "
        "keeps its shape. Files of single parts stay uncut.",
    )
    window_px: int = Field(
        default=112, ge=32, le=512,
        description="From one image: side of the window a silhouette is compared in.",
    )  # fmt: skip
    fit_rounds: int = Field(
        default=10, ge=0, le=60,
        description="From one image: rounds of silhouette fitting; 0 keeps the box fit.",
    )  # fmt: skip
    order_px: int = Field(
        default=96, ge=16, le=512,
        description="From one image: side of the window that shows who hides whom.",
    )  # fmt: skip
    threads: int = Field(
        default=0, ge=0, le=64,
        description="Threads that draw at a time; 0 takes one per processor, at most 4.",
    )  # fmt: skip
