"""Views without a learned model: one image lifted to a closed surface, seen from around it."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.multiview.lifting.depth import DEPTH_TO_WIDTH
from mmpart_core.multiview.lifting.lift import LiftBack, LiftRules, LiftShape, lift_part
from mmpart_core.multiview.poses import PosedDrawingSettings
from mmpart_core.multiview.protocol import GeneratedViews, PartImage

# Of half a view's side, left empty at each border: two pixels of Zero123++'s 320.
_CLEAR_BORDER = 2.0 / 160.0


class Settings(PosedDrawingSettings):
    """How the shape is chosen and how deep it becomes."""

    outline_px: int = Field(
        default=256,
        ge=64,
        le=768,
        description="Side of the grid on which the outline is lifted; its texture has twice that.",
    )
    shape: LiftShape = Field(
        default="auto",
        description="auto decides by the image; revolved, round (inflated), sections (level "
        "circles, row by row) and flat (a slab with rounded rims) force one.",
    )
    back: LiftBack = Field(
        default="plain",
        description="Colours behind: mirror repeats the front; plain repeats only what reaches the "
        "outline (bands, stripes, large areas), so that a face has no second face behind it.",
    )
    depth_to_width: float = Field(
        default=DEPTH_TO_WIDTH,
        gt=0.0,
        le=4.0,
        description="Depth of an inflated part over its width, of a bar over its thickness; the "
        "default is the median of known parts (mmpart_core.multiview.lifting.depth).",
    )
    outline_symmetry: float = Field(
        default=0.92,
        ge=0.0,
        le=1.0,
        description="Least overlap of the outline with its mirror image to try a revolution; "
        "what is missing on one side is filled from the other. The axis is upright, or leans where "
        "that is clearly better. Of a core with thin appendages at its sides 0.90 is enough.",
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
        description="Least overlap of the revolved silhouette with the outline to keep it; 0.97 at "
        "least about an axis that leans. What misses of a core counts over the whole part.",
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
            back=self.back,
            depth_to_width=self.depth_to_width,
            outline_symmetry=self.outline_symmetry,
            color_tolerance=self.color_tolerance,
            revolution_fit=self.revolution_fit,
            straight_edges=self.straight_edges,
            size_px=self.outline_px,
        )


class LiftViews:
    """Revolves the part's outline, inflates it, or both, and draws it at six fixed poses."""

    VERSION: ClassVar[str] = "6"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def generate(self, part: PartImage, seed: int) -> GeneratedViews:
        """Lift the part and draw it.

        A lifted part's scale is free, so it is drawn as large as every view holds: seen from
        1 / tan(fov / 2), a frame just holds a sphere of cos(fov / 2), 0.97 at 30 degrees. The unit
        sphere runs over the borders, and clipped outlines become pits.

        Raises:
            BackendError: the image shows next to nothing.
        """
        options = self._settings
        lifted = lift_part(part.rgba, part.camera, options.rules())
        half_fov = np.deg2rad(cameras.ZERO123PLUS_FOV_DEG[options.version]) / 2.0
        radius = (1.0 - _CLEAR_BORDER) * float(np.cos(half_fov))
        scene = RenderScene(lifted.painted(radius))
        poses = cameras.zero123plus_cameras(options.version, options.size_px)
        rgba = [scene.render(pose, supersample=options.supersample).rgba for pose in poses]
        return GeneratedViews(PosedViews(np.stack(rgba), poses), lifted.method)


BACKEND = LiftViews
