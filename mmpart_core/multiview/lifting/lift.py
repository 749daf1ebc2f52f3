"""One image of a part to a closed surface: revolve it or inflate it, and say why."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from mmpart_core.geometry import bounds
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.lifting.back import plain_back
from mmpart_core.multiview.lifting.core import find_core, inflate_appendages
from mmpart_core.multiview.lifting.crop import TEXTURE_SCALE, PartCrop
from mmpart_core.multiview.lifting.depth import guess_depths
from mmpart_core.multiview.lifting.inflate import (
    Inflation,
    flat_relief,
    inflate,
    round_relief,
    section_relief,
)
from mmpart_core.multiview.lifting.outline import (
    measure_symmetry,
    straight_edged,
    with_mirror_image,
)
from mmpart_core.multiview.lifting.revolve import Revolution, revolve, seen_overlap
from mmpart_core.multiview.lifting.stance import Stance, find_leaning, stand
from mmpart_core.records import Camera

LiftShape = Literal["auto", "revolved", "round", "sections", "flat"]
LiftBack = Literal["plain", "mirror"]

# Below this overlap of an outline with its mirror image something has bitten into one side, as an
# arm in front does: the bite is filled from the other side before the outline is revolved. Over
# known parts between 0.92 and 0.94 that gains (silhouette IoU 0.04 on average).
_UNBITTEN = 0.94

# Least overlap of a core (lifting.core) with its mirror image. Isolation fills what was hidden of a
# mug by the symmetry of mug and handle together, which leaves the rim aslant (0.91 in the example);
# a leg with its foot has 0.84 or less where it is not round.
_CORE_SYMMETRY = 0.9

# About a tilted axis a body must fit the outline better than about an upright one: with two
# angles free, what is not round fits more easily (0.96 lets in bent arms).
# The lean in depth is found to this.
_LEANING_FIT = 0.97
_LEAN_STEP_DEG = 0.5

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
        mesh: its shape, one closed mesh or several that reach into one another; in the object
            frame, where the image's camera sees it as the image shows it.
        method: what was done, and the figures that decided it.
        surfaces: the same surface in its colours, as meshes of one texture each.
    """

    mesh: TriangleMesh
    method: str
    surfaces: tuple[TriangleMesh, ...]

    def in_part_frame(self) -> TriangleMesh:
        """The surface centred and fitted into the unit sphere."""
        object_from_part = bounds.points_from_unit(self.mesh.vertices)
        return self.mesh.transformed(np.linalg.inv(object_from_part))

    def painted(self, radius: float) -> list[TriangleMesh]:
        """The surface as meshes of one texture each, to be drawn together.

        Args:
            radius: of the sphere around the origin that it fits; otherwise in the part's frame.
        """
        unit_from_object = np.linalg.inv(bounds.points_from_unit(self.mesh.vertices))
        unit_from_object[:3] *= radius
        return [surface.transformed(unit_from_object) for surface in self.surfaces]


def lift_part(rgba: UInt8[np.ndarray, "H W 4"], camera: Camera, rules: LiftRules) -> LiftedPart:
    """Lift one part.

    Args:
        rgba: the part in place, straight alpha.
        camera: the image's camera, object frame.
        rules: what decides the shape.

    Raises:
        BackendError: the image shows next to nothing.
    """
    upright = stand(rgba, camera, rules.size_px)
    figures = ""
    if rules.shape in ("auto", "revolved"):
        leaning = find_leaning(rgba, camera, upright)
        if leaning is not None:
            part, figures = _revolved(leaning, rules)
            if part is not None:
                return part
            figures = f"; {figures}"
        part, verdict = _revolved(upright, rules)
        if part is not None:
            return part
        figures = f"{verdict}{figures}"
    if rules.shape == "auto":
        part, verdict = _with_appendages(upright, rules)
        if part is not None:
            return part
        figures += verdict
    return _inflated(upright.crop, rules, figures or upright.figures())


def _revolved(stance: Stance, rules: LiftRules) -> tuple[LiftedPart | None, str]:
    """The part as a surface of revolution about a stance's axis, if it is one; and why."""
    attempt = _try_leaning if stance.tilt_deg and rules.shape == "auto" else _try_revolution
    stance, revolution, verdict = attempt(stance, rules)
    figures = f"{stance.figures()}, {verdict}"
    if revolution is None:
        return None, figures
    mesh = revolution.mesh.transformed(stance.crop.object_from_crop)
    method = f"lifted as a surface of revolution{stance.about()} ({figures})"
    return LiftedPart(mesh, method, (mesh,)), figures


def _try_leaning(stance: Stance, rules: LiftRules) -> tuple[Stance, Revolution | None, str]:
    """As _try_revolution, leaning in depth as little as lets the body fit.

    How far a part leans in depth shows only in how open its circles are. Straight edges are
    mirrored about a tilted axis too: what a polygon explains better is a box, not a bottle.
    """
    most = stance.most_lean_deg()
    if most is None:
        return stance, None, "seen too level to tell whether it is round: not revolved"
    rules = replace(rules, revolution_fit=max(rules.revolution_fit, _LEANING_FIT))
    best = _try_revolution(stance, rules)
    if best[1] is None and most:
        best = _try_revolution(stance.leaned(most), rules)
        fails, fits = 0.0, most
        while best[1] is not None and abs(fits - fails) > _LEAN_STEP_DEG:
            middle = (fails + fits) / 2.0
            tried = _try_revolution(stance.leaned(middle), rules)
            if tried[1] is None:
                fails = middle
            else:
                best, fits = tried, middle
    stance, revolution, verdict = best
    straight = straight_edged(stance.crop.mask)
    if revolution is not None and straight >= max(rules.straight_edges, revolution.fit_iou):
        return stance, None, f"{verdict}, a polygon of few corners by {straight:.3f}"
    return best


def _try_revolution(stance: Stance, rules: LiftRules) -> tuple[Stance, Revolution | None, str]:
    """The revolved part in the crop's frame, if it is one; and the figure that decided."""
    crop, symmetry = stance.crop, stance.symmetry
    forced = rules.shape == "revolved"
    if not forced and symmetry.outline_iou < rules.outline_symmetry:
        return stance, None, f"at least {rules.outline_symmetry:.2f} needed to revolve"
    if not forced and symmetry.color_difference > rules.color_tolerance:
        return stance, None, f"at most {rules.color_tolerance:.2f} allowed to revolve"
    if not forced and symmetry.filled < rules.revolution_fit:
        return stance, None, f"rows only {symmetry.filled:.3f} filled: not revolved"
    behind = plain_back(crop.rgb, crop.mask) if rules.back == "plain" else crop.rgb
    bitten = symmetry.outline_iou < _UNBITTEN
    whole = replace(crop, alpha=with_mirror_image(crop.alpha, symmetry)) if bitten else crop
    revolution = revolve(whole, symmetry, behind)
    if revolution is None:
        return stance, None, "no body of revolution fits inside"
    if bitten:
        revolution = replace(revolution, fit_iou=seen_overlap(revolution.mesh, crop))
    verdict = f"revolved silhouette overlaps the outline by {revolution.fit_iou:.3f}"
    verdict += ", its bites filled from the other side" if bitten else ""
    if not forced and revolution.fit_iou < rules.revolution_fit:
        return stance, None, f"{verdict}, at least {rules.revolution_fit:.2f} needed"
    return stance, revolution, verdict


def _with_appendages(stance: Stance, rules: LiftRules) -> tuple[LiftedPart | None, str]:
    """The part as a body of revolution with thin things at its sides, if it is one; and why.

    Its core must fit as a whole part must, but may be bitten more, as isolation fills what was
    hidden of it together with what sticks out of it. Seen too level, any straight piece of a
    lopsided outline would do.
    """
    crop = stance.crop
    cut = None if stance.most_lean_deg() is None else find_core(crop.mask)
    if cut is None:
        return None, ""
    alpha = np.where(cut.core, crop.alpha, 0.0).astype(np.float32)
    core = replace(crop, alpha=alpha)
    symmetry = measure_symmetry(core.mask, core.rgb[::TEXTURE_SCALE, ::TEXTURE_SCALE])
    body = replace(stance, crop=core, symmetry=symmetry)
    core_rules = replace(
        rules,
        outline_symmetry=min(rules.outline_symmetry, _CORE_SYMMETRY),
        # What does not fit is counted over the whole part, as without appendages.
        revolution_fit=1.0 - (1.0 - rules.revolution_fit) / cut.core_share,
    )
    _, revolution, verdict = _try_revolution(body, core_rules)
    figures = f"{cut.figures()}, its {body.figures()}, {verdict}"
    straight = straight_edged(core.mask)
    if revolution is None:
        return None, f"; {figures}"
    if straight >= max(rules.straight_edges, revolution.fit_iou):
        return None, f"; {figures}, a polygon of few corners by {straight:.3f}"
    rest = inflate_appendages(crop, cut, rules.depth_to_width)
    mesh = _joined(revolution.mesh, rest.mesh)
    method = f"lifted as a body of revolution with inflated appendages ({figures})"
    surfaces = (revolution.mesh, *_both_sheets(rest, crop, rules))
    return LiftedPart(mesh, method, surfaces), figures


def _joined(first: TriangleMesh, second: TriangleMesh) -> TriangleMesh:
    """The shapes of two meshes in one."""
    return TriangleMesh(
        vertices=np.concatenate([first.vertices, second.vertices]),
        faces=np.concatenate([first.faces, second.faces + len(first.vertices)]),
    )


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
    return LiftedPart(inflation.mesh, method, _both_sheets(inflation, crop, rules))


def _both_sheets(
    inflation: Inflation, crop: PartCrop, rules: LiftRules
) -> tuple[TriangleMesh, ...]:
    """An inflated part in the colours of its front and of its back."""
    mesh = inflation.mesh
    if rules.back == "mirror":
        return (mesh,)
    front, back = mesh.faces[~inflation.from_behind], mesh.faces[inflation.from_behind]
    texture = plain_back(crop.rgb, crop.mask)
    return replace(mesh, faces=front), replace(mesh, faces=back, texture=texture)
