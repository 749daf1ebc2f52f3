"""Under which conditions parts are seen: poses, size, light, and what is wrong with the views."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mmpart_core.geometry import cameras
from mmpart_core.geometry.cameras import Zero123PlusVersion
from mmpart_core.records import Camera

STUDIO_SHADING = 0.75  # as much light as in the examples' pictures
HELD_OUT_PX = 320
# Between the six training azimuths, at elevations that no training view has: azimuth, elevation.
HELD_OUT_DEG = (
    (0.0, -15.0), (0.0, 50.0), (60.0, 40.0), (120.0, 0.0),
    (180.0, -15.0), (180.0, 35.0), (240.0, 10.0), (300.0, 5.0),
)  # fmt: skip
_HELD_OUT_FOV_DEG = 30.0
_FIRST_AZIMUTH_DEG = 30.0


class Condition(BaseModel):
    """How the views of every part of one run are made; equal conditions can be compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    poses: Zero123PlusVersion = Field(
        default="v1.2", description="Whose elevations and lens: Zero123++ v1.1 or v1.2."
    )
    views: int = Field(
        default=6, ge=2, le=96, description="Views, evenly spread in azimuth; 6 are Zero123++'s."
    )
    size_px: int = Field(default=320, ge=160, le=1024, description="Side of a view.")
    shading: float = Field(
        default=STUDIO_SHADING, ge=0.0, le=1.0, description="Light; 0 for the bare base colour."
    )
    warp_px: float = Field(
        default=0.0,
        ge=0.0,
        le=32.0,
        description="Views that disagree: largest displacement by a smooth field, in pixels of a "
        "320 px view; with a shift of 1 px and 0.6 % of scale besides.",
    )
    input_elevation_deg: float | None = Field(
        default=None,
        gt=-89.0,
        lt=89.0,
        description="A further true view, never spoilt: from azimuth 0, where the input image is "
        "taken, and this elevation; none for the generated views alone.",
    )
    wrong_view: Literal["none", "mirrored", "other"] = Field(
        default="none", description="One view mirrored, or taken of another part."
    )
    grey: bool = Field(
        default=False, description="Opaque views on grey, cut out by an imperfect matte."
    )

    @property
    def degraded(self) -> bool:
        """Whether views differ from true ones, so that the seed changes them."""
        return self.warp_px > 0.0 or self.wrong_view != "none" or self.grey

    def training_cameras(self) -> tuple[Camera, ...]:
        """The views' cameras, part frame; with six views ``cameras.zero123plus_cameras``.

        The input view's, where there is one, comes last.
        """
        elevations = cameras.ZERO123PLUS_ELEVATIONS_DEG[self.poses]
        fov = cameras.ZERO123PLUS_FOV_DEG[self.poses]
        around = tuple(
            cameras.orbit_camera(
                (_FIRST_AZIMUTH_DEG + 360.0 * index / self.views) % 360.0,
                elevations[index % 2],
                fov,
                self.size_px,
            )
            for index in range(self.views)
        )
        if self.input_elevation_deg is None:
            return around
        return (*around, cameras.orbit_camera(0.0, self.input_elevation_deg, fov, self.size_px))


def held_out_cameras() -> tuple[Camera, ...]:
    """Eight cameras that look where no training view does, the same in every condition."""
    return tuple(
        cameras.orbit_camera(azimuth, elevation, _HELD_OUT_FOV_DEG, HELD_OUT_PX)
        for azimuth, elevation in HELD_OUT_DEG
    )
