"""Region hints as maps over the image, and as priors over superpixels."""

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, Int32
from scipy.spatial import distance

from mmpart_core.isolate.superpixels import Superpixels

# All set by hand on the examples and a few published pictures (``benchmarks/isolation.py`` scores
# the division that they lead to); none is measured by itself.
_CORNER = 0.35  # prior in a box's corners, outside its inscribed ellipse
_REACH = 25.0  # L*a*b* contrast over which a point's prior falls to 1/e
_BOX = 0.2  # so that the prior of a box of a tenth of the image is about 1
_POINT = 1.5  # prior beside a point, where no contrast lies between: a little above a box's
# Share of that which a superpixel of the point's very colour keeps over any border: in general, in
# the box of another component, and there within the area reached over no border.
_ALIKE, _ALIKE_BOXED, _ALIKE_REACHED = 0.3, 0.1, 1.0
_ALIKE_COLOUR = 8.0  # L*a*b*: standard deviation of "the very colour"
_SHADED = 16.0  # L*a*b*: how far shading moves the colour of one smooth area
_SMOOTH = 6.0  # L*a*b* contrast that is no border yet
_MOST_REACHED = 0.5  # of the area of others' boxes: beyond, a border was overrun
POLYGON = 1.0  # prior at an outline's inside, where it may be off a little
SURE = 50.0  # prior of a superpixel that holds one of a component's points


def claim_exact(
    masks: Mapping[int, Bool[np.ndarray, "H W"]], foreground: Bool[np.ndarray, "H W"]
) -> Int32[np.ndarray, "H W"]:
    """Give pixels to masks; where they overlap the smaller one is in front.

    Args:
        masks: by component index.
        foreground: the whole object.

    Returns:
        Component index + 1; 0 where nobody claims.
    """
    claims = np.zeros(foreground.shape, np.int32)
    for index in sorted(masks, key=lambda i: (-int(masks[i].sum()), i)):
        claims[masks[index] & foreground] = index + 1
    return claims


def box_prior(graph: Superpixels, box: tuple[float, float, float, float]) -> Float[np.ndarray, "S"]:
    """How well each superpixel fits a box: 1 in its ellipse, less in its corners, 0 outside.

    A smaller box says more, so a box inside a box wins there.
    """
    height, width = graph.ids.shape
    rows, columns = np.mgrid[0:height, 0:width]
    x, y = (columns + 0.5) / width, (rows + 0.5) / height
    u = (2 * x - box[0] - box[2]) / (box[2] - box[0])
    v = (2 * y - box[1] - box[3]) / (box[3] - box[1])
    inside = (np.abs(u) <= 1) & (np.abs(v) <= 1)
    inside_share = graph.mean(inside.astype(np.float64))
    fit = graph.mean(np.where(u * u + v * v <= 1.0, 1.0, _CORNER) * inside)
    area = (box[2] - box[0]) * (box[3] - box[1])
    return np.where(inside_share >= 0.5, fit, 0.0) * (0.02 + area) ** -0.75 * _BOX


def polygon_prior(
    graph: Superpixels, polygon: Bool[np.ndarray, "H W"], careless_px: float
) -> Float[np.ndarray, "S"]:
    """How well each superpixel fits an outline: sure well inside, in doubt near it, 0 beyond.

    Args:
        graph: the superpixels.
        polygon: the pixels within the outline.
        careless_px: how far the outline may be off.
    """
    inner = np.asarray(cv2.distanceTransform(polygon.astype(np.uint8), cv2.DIST_L2, 5))
    outer = np.asarray(cv2.distanceTransform((~polygon).astype(np.uint8), cv2.DIST_L2, 5))
    signed = graph.mean(np.where(polygon, inner - 0.5, 0.5 - outer).astype(np.float64))
    share = graph.mean(polygon.astype(np.float64))
    doubt = 1.0 / (1.0 + np.exp(-np.clip(signed / (0.4 * careless_px), -30, 30)))
    prior = np.where(signed < -careless_px, 0.0, doubt * POLYGON)
    return np.where((signed > careless_px) & (share > 0.95), SURE, prior)


def point_seeds(
    graph: Superpixels, points: tuple[tuple[float, float], ...]
) -> Int[np.ndarray, "_"]:
    """The superpixels that hold the points, or are nearest to points beside the object."""
    scale = np.array([graph.ids.shape[1], graph.ids.shape[0]], dtype=np.float64)
    seeds: list[int] = []
    for point in np.array(points) * scale:
        column, row = np.minimum(point, scale - 1).astype(int)
        inside = int(graph.ids[row, column])
        nearest = int(np.argmin(np.linalg.norm(graph.centre - point, axis=1)))
        seeds.append(inside if inside >= 0 else nearest)
    return np.unique(np.array(seeds, dtype=np.int64))


def point_prior(
    graph: Superpixels, seeds: Int[np.ndarray, "_"], foreign: Bool[np.ndarray, "S"]
) -> Float[np.ndarray, "S"]:
    """How well each superpixel fits points: falls with the contrast on the way there.

    One of a point's very colour keeps a little wherever it is, as something in front may cut a
    part in pieces. In the box of another component that depends on the way there: over no border
    (a candle's foot in the box of the board it stands on) the point's own shaded area goes on,
    over borders (a bottle's black reflections beside a black hose) a point has hardly a claim.

    Args:
        graph: the superpixels.
        seeds: those that hold the points.
        foreign: those in boxes of other components that hold none of the points.
    """
    prior = np.exp(-graph.geodesic(seeds) / _REACH)
    apart = distance.cdist(graph.colour, graph.colour[seeds]).min(axis=1)
    reached = _reached(graph, seeds, foreign, apart)
    keeps = np.where(foreign, np.where(reached, _ALIKE_REACHED, _ALIKE_BOXED), _ALIKE)
    width = np.where(reached, _SHADED, _ALIKE_COLOUR)
    alike = keeps * np.exp(-0.5 * (apart / width) ** 2)
    prior = _POINT * np.maximum(prior, alike)
    prior[seeds] = SURE
    return prior


def _reached(
    graph: Superpixels,
    seeds: Int[np.ndarray, "_"],
    foreign: Bool[np.ndarray, "S"],
    apart: Float[np.ndarray, "S"],
) -> Bool[np.ndarray, "S"]:
    """What of others' boxes points reach over no border, in colours that shading explains.

    None where that is most of the boxes: the way then leads into the other parts themselves.
    """
    shaded = apart < 2.0 * _SHADED
    reached = foreign & graph.reached(seeds, _SMOOTH, shaded)
    most = _MOST_REACHED * graph.area[foreign].sum()
    return reached if graph.area[reached].sum() <= most else np.zeros_like(reached)
