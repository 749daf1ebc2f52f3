"""The convex body that the outlines ask for: the visual hull without its phantom corners.

Six cones leave room in front of every flat face: a slab that no view meets edge-on becomes a
lozenge. Nothing supports that room. What the outlines do prove is that the sight line through each
of their pixels grazes the part somewhere (its frontier). Where the hull leaves such a line little
room the point of contact is known. Where it leaves much, a line that the known contacts explain
asks for no more; one that they do not touches in the middle of its room, as on a round body. The
convex hull of these points, cut by the visual hull, has flat faces where nothing speaks against
them; inside it the visual hull keeps its own concavities. It is where training starts, no limit:
what lies outside it, such as a blunt tip between the outlines of all views, can grow back.

Frontier points: Cipolla and Giblin, "Visual Motion of Curves and Surfaces", 2000.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy.spatial import QhullError

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.convex_body import ConvexBody, convex_hull
from mmpart_core.reconstruct.kernels import sight
from mmpart_core.reconstruct.sight_lines import SAMPLE_STEP, SightLines, sight_lines, units_per_px

# Those below are set by hand; ``benchmarks/objects.py`` scores what training makes of the start.
# Sight lines are settled in this order, by how much room the hull leaves them, in steps between
# samples; the last, twice more at the end, when all of the body is known.
_ROOM = (4.0, 8.0, 16.0, 32.0, 64.0, 128.0, math.inf, math.inf, math.inf)
# A line is explained by a body that comes this close to it, object units.
_EXPLAINED = 0.03
# A line that the body holds deeper than this does not graze it: the outline is concave there.
_GRAZING_PX = 2.5
# Of the grazing lines so many may lose touch where the body is fitted to them.
_LOOSE_SHARE = 0.25


def supported_body(views: PosedViews, lines: SightLines | None = None) -> ConvexBody | None:
    """The convex hull of the points where the outlines' sight lines touch the part.

    A convex hull of points that are off by a little to all sides is too wide by about as much. It
    is drawn in until the lines that graze it run as deep in it as inside their outlines.

    Args:
        views: alpha is the mask.
        lines: through their outlines, where they are known already.

    Returns:
        The body in the part frame; none where the points span no volume.
    """
    lines = lines or sight_lines(views)
    try:
        body = _settle(lines)
    except QhullError:
        return None
    excess = lines.inside + _deepest(lines, body)[1]
    grazing = excess[excess > -_GRAZING_PX * max(units_per_px(views))]
    if len(grazing) == 0:
        return body
    return ConvexBody(body.normals, body.offsets - float(np.quantile(grazing, 1.0 - _LOOSE_SHARE)))


def _settle(lines: SightLines) -> ConvexBody:
    """Choose a contact on every line, the certain ones first.

    Raises:
        QhullError: the contacts span no volume.
    """
    room = lines.room() / SAMPLE_STEP
    # Enough lines to begin with, however much room the narrowest of them have.
    narrow = max(_ROOM[0], float(np.quantile(room, 0.05, method="higher")))
    middles = lines.middles()
    contacts = middles.copy()
    body = convex_hull(lines.points(contacts)[room <= narrow])
    for limit in _ROOM[1:]:
        places, depths = _deepest(lines, body)
        open_lines = (room > narrow) & (room <= limit)
        chosen = np.where(depths > _EXPLAINED, middles, places)
        contacts[open_lines] = chosen[open_lines]
        body = convex_hull(lines.points(contacts)[room <= max(limit, narrow)])
    return body


def _deepest(
    lines: SightLines, body: ConvexBody
) -> tuple[Float[np.ndarray, "R"], Float[np.ndarray, "R"]]:
    """Place of each line that is deepest in a body, and its signed distance."""
    places, depths = np.zeros(len(lines.origins)), np.zeros(len(lines.origins))
    sight.deepest(
        lines.origins, lines.directions, lines.bounds, lines.lows, lines.highs,
        body.normals.double().numpy(), body.offsets.double().numpy(), places, depths,
    )  # fmt: skip
    return places, depths
