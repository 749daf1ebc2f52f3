"""One image of a part to a closed surface: revolve it or inflate it, and say why."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt8

from mmpart_core.geometry import bounds
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.lifting.back import plain_back
from mmpart_core.multiview.lifting.crop import TEXTURE_SCALE, PartCrop, crop_part
from mmpart_core.multiview.lifting.depth import guess_depths
from mmpart_core.multiview.lifting.inflate import (
    flat_relief,
    inflate,
    round_relief,
    section_relief,
)
from mmpart_core.multiview.lifting.outline import (
    Symmetry,
    measure_symmetry,
    straight_edged,
    with_mirror_image,
)
from mmpart_core.multiview.lifting.revolve import Revolution, revolve, seen_overlap
from mmpart_core.records import Camera

LiftShape = Literal["auto", "revolved", "round", "sections", "flat"]
LiftBack = Literal["plain", "mirror"]

# Below this overlap of an outline with its mirror image something has bitten into one side, as an
# arm in front does: the bite is filled from the other side before the outline is revolved. Over
# known parts between 0.92 and 0.94 that gains (silhouette IoU 0.04 on average).
_UNBITTEN = 0.94

_RELIEFS = {
    "round": ("an inflated outline", round_relief),
    "sections": ("level circular sections", section_relief),
    "flat": ("a slab with rounded rims", flat_relief),
}


@dataclass(frozen=True)
class LiftRules:
    """What decides the shape; see the settings of the ``lift`` back-end."""

    shape: LiftShape
    back: LiftBack
    depth_to_width: float
    outline_symmetry: float
    color_tolerance: float
    revolution_fit: float
    straight_edges: float
    size_px: int


@dataclass(frozen=True)
class LiftedPart:
    """A closed surface made of one image.

    Attributes:
        mesh: in the object frame, where the image's camera sees it as the image shows it.
        method: what was done, and the figures that decided it.
        from_behind: faces that wear ``back_texture``; None where the mesh has all its colours.
        back_texture: in the place of the mesh's own texture.
    """

    mesh: TriangleMesh
    method: str
    from_behind: Bool[np.ndarray, "F"] | None = None
    back_texture: UInt8[np.ndarray, "H W 3"] | None = None

    def in_part_frame(self) -> TriangleMesh:
        """The surface centred and fitted into the unit sphere."""
        object_from_part = bounds.points_from_unit(self.mesh.vertices)
        return self.mesh.transformed(np.linalg.inv(object_from_part))

    def painted(self) -> list[TriangleMesh]:
        """The surface in the part's frame as meshes of one texture each, to be drawn together."""
        mesh = self.in_part_frame()
        if self.from_behind is None or self.back_texture is None:
            return [mesh]
        front, back = mesh.faces[~self.from_behind], mesh.faces[self.from_behind]
        return [
            replace(mesh, faces=front),
            replace(mesh, faces=back, texture=self.back_texture),
        ]


def lift_part(rgba: UInt8[np.ndarray, "H W 4"], camera: Camera, rules: LiftRules) -> LiftedPart:
    """Lift one part.

    Args:
        rgba: the part in place, straight alpha.
        camera: the image's camera, object frame.
        rules: what decides the shape.

    Raises:
        BackendError: the image shows next to nothing.
    """
    crop = crop_part(rgba, camera, rules.size_px)
    symmetry = measure_symmetry(crop.mask, crop.rgb[::TEXTURE_SCALE, ::TEXTURE_SCALE])
    figures = (
        f"outline against its mirror image {symmetry.outline_iou:.3f}, colours of the halves "
        f"{symmetry.color_difference:.3f} apart"
    )
    if rules.shape in ("auto", "revolved"):
        revolution, verdict = _try_revolution(crop, symmetry, rules)
        figures = f"{figures}, {verdict}"
        if revolution is not None:
            return LiftedPart(revolution.mesh, f"lifted as a surface of revolution ({figures})")
    return _inflated(crop, rules, figures)


def _try_revolution(
    crop: PartCrop, symmetry: Symmetry, rules: LiftRules
) -> tuple[Revolution | None, str]:
    """The revolved part, if it is one; and the figure that decided."""
    forced = rules.shape == "revolved"
    if not forced and symmetry.outline_iou < rules.outline_symmetry:
        return None, f"at least {rules.outline_symmetry:.2f} needed to revolve"
    if not forced and symmetry.color_difference > rules.color_tolerance:
        return None, f"at most {rules.color_tolerance:.2f} allowed to revolve"
    if not forced and symmetry.filled < rules.revolution_fit:
        return None, f"rows only {symmetry.filled:.3f} filled: not revolved"
    behind = plain_back(crop.rgb, crop.mask) if rules.back == "plain" else crop.rgb
    bitten = symmetry.outline_iou < _UNBITTEN
    whole = replace(crop, alpha=with_mirror_image(crop.alpha, symmetry)) if bitten else crop
    revolution = revolve(whole, symmetry, behind)
    if revolution is None:
        return None, "no body of revolution fits inside"
    if bitten:
        revolution = replace(revolution, fit_iou=seen_overlap(revolution.mesh, crop))
    verdict = f"revolved silhouette overlaps the outline by {revolution.fit_iou:.3f}"
    verdict += ", its bites filled from the other side" if bitten else ""
    if not forced and revolution.fit_iou < rules.revolution_fit:
        return None, f"{verdict}, at least {rules.revolution_fit:.2f} needed"
    return revolution, verdict


def _inflated(crop: PartCrop, rules: LiftRules, figures: str) -> LiftedPart:
    straight = straight_edged(crop.mask)
    kind = rules.shape
    if kind not in _RELIEFS:
        kind = "flat" if straight >= rules.straight_edges else "round"
    what, relief = _RELIEFS[kind]
    pieces = guess_depths(crop.mask, rules.depth_to_width)
    inflation = inflate(crop, pieces, relief)
    method = (
        f"lifted as {what}, depth {pieces[0].to_width:.2f} of the width (length over thickness "
        f"{pieces[0].slenderness:.1f}, pieces {len(pieces)}), middle plane tilted "
        f"{inflation.plane_elevation_deg:.0f} degrees ({figures}; polygon of few corners covers "
        f"the outline by {straight:.3f})"
    )
    if rules.back == "mirror":
        return LiftedPart(inflation.mesh, method)
    back = plain_back(crop.rgb, crop.mask)
    return LiftedPart(inflation.mesh, method, inflation.from_behind, back)
