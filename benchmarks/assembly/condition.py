"""What is wrong with what assembly is given."""

from dataclasses import dataclass, field

import numpy as np

# Azimuth from the object's front and elevation of the three input cameras. None has the elevation
# that is assumed where nothing is known (20), and one looks from behind.
CAMERAS_DEG = ((30.0, 12.0), (300.0, 32.0), (150.0, 2.0))
ASSUMED_DEG = 20.0
FOV_DEG = 30.0


@dataclass(frozen=True)
class Condition:
    """How the evidence of one run is spoilt; the defaults leave it true.

    Attributes:
        name: what tables call it.
        whole: give the whole object's views.
        framed: give the camera that a photograph's planner would give (a square around the
            foreground is taken for the unit sphere), and do not tell the frame of the views.
        shift: isolated images are moved by up to this share of the picture's side.
        zoom: isolated images are scaled by a factor between these.
        gain: light of isolated images, of each view and of each mesh, between these factors.
        warp_px: the whole object's views are displaced by a smooth field of this size, in pixels
            of a 320 px view.
        assumed_deg: the elevation that is assumed, drawn between these.
        fov_deg: true field of view of the input camera, drawn between these; the assumed one stays.
        cut: visible pixels are lost outside a wrong box, off by up to this share of the part.
    """

    name: str = "plain"
    whole: bool = True
    framed: bool = False
    shift: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    gain: tuple[float, float] = (1.0, 1.0)
    warp_px: float = 0.0
    assumed_deg: tuple[float, float] = field(default=(ASSUMED_DEG, ASSUMED_DEG))
    fov_deg: tuple[float, float] = (FOV_DEG, FOV_DEG)
    cut: float = 0.0

    def drawn(self, random: np.random.Generator) -> float:
        """An assumed elevation, in degrees."""
        return float(random.uniform(*self.assumed_deg))


CONDITIONS = {
    each.name: each
    for each in (
        Condition(),
        Condition("one-image", whole=False),
        Condition("framed", framed=True),
        Condition("shifted", shift=0.10),
        Condition("zoomed", zoom=(0.8, 1.25)),
        Condition("relit", gain=(0.75, 1.25)),
        Condition("warped", warp_px=4.0),
        Condition("elevation", assumed_deg=(-10.0, 50.0)),
        Condition("lens", fov_deg=(15.0, 60.0)),
        Condition("boxes", cut=0.2),
        Condition(
            "all",
            shift=0.05,
            zoom=(0.9, 1.1),
            gain=(0.85, 1.15),
            warp_px=2.0,
            assumed_deg=(-10.0, 50.0),
        ),
    )
}
