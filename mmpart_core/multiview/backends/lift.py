"""Views without a learned model: one image lifted to a closed surface, seen from around it."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.geometry import cameras
from mmpart_core.geometry.cameras import Zero123PlusVersion
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.multiview.lifting.lift import LiftRules, LiftShape, lift_part
from mmpart_core.multiview.protocol import GeneratedViews, PartImage


class Settings(BackendSettings):
    """How the shape is chosen and how deep it becomes."""

    version: Zero123PlusVersion = Field(
        default="v1.2", description="Release of Zero123++ whose six poses and lens are used."
    )
    size_px: int = Field(
        default=320, ge=16, le=2048, description="Side of a view; Zero123++ makes 320."
    )
    supersample: int = Field(
        default=2, ge=1, le=8, description="Rays along each side of a pixel, against jagged rims."
    )
    outline_px: int = Field(
        default=256,
        ge=64,
        le=768,
        description="Side of the grid on which the outline is lifted; its texture has twice that.",
    )
    shape: LiftShape = Field(
        default="auto",
        description="auto decides by the image; revolved, round (inflated) and flat (a slab with "
        "rounded rims) force one.",
    )
    thickness: float = Field(
        default=0.9,
        gt=0.0,
        le=2.0,
        description="Depth of an inflated part over its width where it is widest; 1 gives a disc "
        "the depth of a ball.",
    )
    flat_thickness: float = Field(
        default=0.6, gt=0.0, le=2.0, description="The same for parts with straight edges."
    )
    outline_symmetry: float = Field(
        default=0.94,
        ge=0.0,
        le=1.0,
        description="Least overlap of the outline with its mirror image to try a revolution.",
    )
    color_tolerance: float = Field(
        default=0.15,
        ge=0.0,
        le=1.0,
        description="Largest mean difference of colour between the halves to try a revolution.",
    )
    revolution_fit: float = Field(
        default=0.95,
        ge=0.0,
        le=1.0,
        description="Least overlap of the revolved silhouette with the outline to keep it.",
    )
    straight_edges: float = Field(
        default=0.96,
        ge=0.0,
        le=1.0,
        description="Overlap with a convex polygon of at most six corners from which a part is "
        "taken for a box and made flat.",
    )

    def rules(self) -> LiftRules:
        """What decides the shape."""
        return LiftRules(
            shape=self.shape,
            thickness=self.thickness,
            flat_thickness=self.flat_thickness,
            outline_symmetry=self.outline_symmetry,
            color_tolerance=self.color_tolerance,
            revolution_fit=self.revolution_fit,
            straight_edges=self.straight_edges,
            size_px=self.outline_px,
        )


class LiftViews:
    """Revolves or inflates the part's outline and draws it at six fixed poses."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def generate(self, part: PartImage, seed: int) -> GeneratedViews:
        """Lift the part and draw it.

        Raises:
            BackendError: the image shows next to nothing.
        """
        options = self._settings
        lifted = lift_part(part.rgba, part.camera, options.rules())
        scene = RenderScene([lifted.in_part_frame()])
        poses = cameras.zero123plus_cameras(options.version, options.size_px)
        rgba = [scene.render(pose, supersample=options.supersample).rgba for pose in poses]
        return GeneratedViews(PosedViews(np.stack(rgba), poses), lifted.method)


BACKEND = LiftViews
