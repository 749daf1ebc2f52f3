"""Which way a part stands: upright, or about an axis that leans sideways and in depth."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from mmpart_core.multiview.lifting.crop import TEXTURE_SCALE, PartCrop, crop_part
from mmpart_core.multiview.lifting.outline import Symmetry, measure_symmetry, mirror_axis
from mmpart_core.multiview.lifting.tilt import find_tilt
from mmpart_core.records import Camera

# A tilted axis must make the outline this much more like its mirror image than the upright one:
# what stands upright is not made to lean by a detail, and less than two degrees are not seen. Both
# by hand.
_TILT_GAIN = 0.03
_LEAST_TILT_DEG = 2.0
# An outline that is nearly as much its mirror image about the axis across may be that of a body
# that lies. Across, wheels seen aslant have 0.00 to 0.03 more, crosses up to 0.02 less, cans seen
# from 20 degrees above 0.03 to 0.05 less, hats 0.27 less.
_LYING_MARGIN = 0.025
# What leans sideways may lean in depth as well, as far, up to this. Circles must stay open enough
# for the outline to tell a disc's end from a straight edge: at 5 degrees a disc is seen a twelfth
# as high as wide. By hand.
_MOST_LEAN_DEG = 8.0
_LEAST_OPEN_DEG = 5.0


@dataclass(frozen=True)
class Stance:
    """A part seen with one direction of the image upright.

    Attributes:
        crop: the part, so seen.
        symmetry: about the upright axis of the crop.
        tilt_deg: that axis in the image, from upright, clockwise.
        lean_deg: that axis in depth, from upright, away from the camera.
    """

    crop: PartCrop
    symmetry: Symmetry
    tilt_deg: float = 0.0
    lean_deg: float = 0.0

    def leaned(self, lean_deg: float) -> "Stance":
        """The same, its upper end leaning away from the camera by so much."""
        crop = self.crop.seen_from(self.crop.elevation_deg + self.lean_deg - lean_deg)
        return replace(self, crop=crop, lean_deg=lean_deg)

    def most_lean_deg(self) -> float | None:
        """How far it may lean in depth; None where its circles are seen too nearly edge-on.

        Only so that circles close: a body of revolution whose circles are seen edge-on fits any
        outline that is its own mirror image.
        """
        room = abs(self.crop.elevation_deg) - _LEAST_OPEN_DEG
        if room < 0.0:
            return None
        return float(
            np.sign(self.crop.elevation_deg) * min(room, abs(self.tilt_deg), _MOST_LEAN_DEG)
        )

    def about(self) -> str:
        """Words for the axis; none where it is upright."""
        if not self.tilt_deg:
            return ""
        side = "clockwise" if self.tilt_deg > 0.0 else "counter-clockwise"
        words = f" about an axis tilted by {abs(self.tilt_deg):.0f} degrees {side} in the image"
        if abs(self.lean_deg) >= 0.5:
            way = "away from" if self.lean_deg > 0.0 else "towards"
            words += f" and by {abs(self.lean_deg):.0f} {way} the camera"
        return words

    def figures(self) -> str:
        """Words for the symmetry."""
        return (
            f"outline against its mirror image{self.about()} {self.symmetry.outline_iou:.3f}, "
            f"colours of the halves {self.symmetry.color_difference:.3f} apart"
        )


def stand(
    rgba: UInt8[np.ndarray, "H W 4"], camera: Camera, size_px: int, tilt_deg: float = 0.0
) -> Stance:
    """A part seen so that what is tilted in the image stands upright.

    Args:
        rgba: the part in place, straight alpha.
        camera: the image's camera, object frame.
        size_px: side of the outline's grid.
        tilt_deg: direction in the image that is to be upright, from upright clockwise.

    Raises:
        BackendError: the image shows next to nothing.
    """
    crop = crop_part(rgba, camera, size_px, tilt_deg)
    symmetry = measure_symmetry(crop.mask, crop.rgb[::TEXTURE_SCALE, ::TEXTURE_SCALE])
    return Stance(crop, symmetry, tilt_deg)


def find_leaning(
    rgba: UInt8[np.ndarray, "H W 4"], camera: Camera, upright: Stance
) -> Stance | None:
    """The part about its tilted axis, if that is clearly the better one; else None.

    Better than the upright axis, and than the one across: a wheel that shows its side, a bar and a
    cross are their own mirror image about two axes, and the outline does not tell which turns.

    Args:
        rgba: the part in place, straight alpha.
        camera: the image's camera, object frame.
        upright: the part about its upright axis.
    """
    if upright.symmetry.outline_iou > 1.0 - _TILT_GAIN:
        return None
    tilt_deg = find_tilt(upright.crop.mask)
    if abs(tilt_deg) < _LEAST_TILT_DEG:
        return None
    leaning = stand(rgba, camera, len(upright.crop.mask), tilt_deg)
    gain = leaning.symmetry.outline_iou - upright.symmetry.outline_iou
    _, across_iou = mirror_axis(leaning.crop.mask.T)
    lead = leaning.symmetry.outline_iou - across_iou
    return leaning if gain >= _TILT_GAIN and lead >= _LYING_MARGIN else None
