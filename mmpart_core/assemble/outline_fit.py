"""The input camera's elevation from how each part's outline and colours look from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble import composition, fit_image, raster, sight
from mmpart_core.assemble.album import Album, make_room
from mmpart_core.assemble.eyes import Eye
from mmpart_core.assemble.facets import Facets
from mmpart_core.assemble.input_camera import InputPose
from mmpart_core.assemble.raster import Room
from mmpart_core.assemble.sight import Box, SightPose
from mmpart_core.geometry import transforms
from mmpart_core.records import Camera

# Elevations that are tried, wider than people hold a camera; then finer around the best.
_GRID_DEG = tuple(float(each) for each in range(-30, 71, 5))
_FINER_DEG = (2.5, 1.25, 0.6, 0.3)
# Costs that near the least, of the way to the median, count as nearly as good; by hand.
_NEARLY = 0.1
# Factor on colours between these, where two pictures were lit apart.
_GAINS = (0.5, 2.0)


@dataclass(frozen=True)
class OutlinePart:
    """A part with its isolated image.

    Attributes:
        facets: the part.
        coarse: the part for small pictures.
        eye: its isolated image in a window of the given camera.
        box: of its silhouette in the whole image, in pixels.
    """

    facets: Facets
    coarse: Facets
    eye: Eye
    box: Box


@dataclass(frozen=True)
class OutlineFit:
    """A part fitted to the box of its isolated image.

    Attributes:
        pose: in the camera's axes, at the object's middle depth.
        cost: per area of its silhouette, about 0 to 1.
        gain: factor on the mesh's colours to those of its isolated image.
    """

    pose: SightPose
    cost: float
    gain: float


def fit_part(part: OutlinePart, camera: Camera, depth: float) -> OutlineFit:
    """Fit a part to the box of its isolated image, seen by a camera.

    Args:
        part: the part.
        camera: the whole image's.
        depth: at which it is put, in object units.
    """
    local = sight.in_camera_axes(camera, part.facets.outline)
    pose = fit_image.fit_box(camera, local, part.box, depth)
    eye = part.eye.seen_by(camera)
    placed = frame_pose(pose, camera)
    pictures = Album.of([eye])
    room = make_room(pictures.largest_px, part.coarse.vertices.shape[1])
    gain = measured_gain(part.coarse, pictures, 0, placed, room)
    area = float((eye.outside == 0.0).sum()) * eye.area
    return OutlineFit(pose, composition.alone_cost(part.coarse, eye, placed, gain) / area, gain)


def frame_pose(pose: SightPose, camera: Camera) -> Float[np.ndarray, "4"]:
    """Scale and centre in the frame that the camera stands in."""
    matrix = pose.object_from_part(camera)
    return np.array([transforms.similarity_scale(matrix), *matrix[:3, 3]])


def measured_gain(
    facets: Facets,
    pictures: Album,
    number: int,
    pose: Float[np.ndarray, "4"],
    room: Room,
    index: int = 0,
    nearest: Float[np.ndarray, "P"] | None = None,
) -> float:
    """Factor on a part's colours that gives it the brightness of what is seen in its place.

    Args:
        facets: the part.
        pictures: one of them is looked at.
        number: of that picture.
        pose: of the part.
        room: to draw in.
        index: the part's number in the picture's labels.
        nearest: one over the depth of the others in all pictures; none where None.
    """
    own, shown, count = raster.tally(
        facets.surface, pose, pictures.eye(number), index,
        pictures.picture, np.zeros_like(pictures.missing) if nearest is None else nearest, room,
    )  # fmt: skip
    return float(np.clip(shown / own, *_GAINS)) if count and own > 0.0 else 1.0


@dataclass(frozen=True)
class ElevationFit:
    """Elevations and how well parts look from them.

    Attributes:
        elevations_deg: tried, in order.
        costs: mean over parts, weighted by the side of their silhouettes.
    """

    elevations_deg: tuple[float, ...]
    costs: tuple[float, ...]

    @property
    def best_deg(self) -> float:
        """The elevation with the least cost, between the steps by a parabola."""
        at = int(np.argmin(self.costs))
        if not 0 < at < len(self.costs) - 1:
            return self.elevations_deg[at]
        x, y = np.array(self.elevations_deg[at - 1 : at + 2]), np.array(self.costs[at - 1 : at + 2])
        curve = np.polyfit(x - x[1], y, 2)
        if curve[0] <= 0.0:
            return float(x[1])
        return float(np.clip(x[1] - curve[1] / (2.0 * curve[0]), x[0], x[2]))

    @property
    def spread_deg(self) -> float:
        """How far apart elevations of nearly the least cost lie."""
        costs = np.array(self.costs)
        close = costs <= costs.min() + _NEARLY * (np.median(costs) - costs.min())
        return float(np.ptp(np.array(self.elevations_deg)[close]))


def fit_elevation(parts: Sequence[OutlinePart], given: Camera) -> ElevationFit:
    """How well all parts look from every elevation, each fitted to its own box.

    Args:
        parts: with their isolated images; at least one.
        given: the input camera as the plan assumes it.
    """
    weights = np.array([np.sqrt((p.eye.outside == 0.0).sum() * p.eye.area) for p in parts])

    def cost(elevation_deg: float) -> float:
        camera = InputPose(elevation_deg).camera(given)
        pose = transforms.to_array(camera.world_from_camera)
        depth = float(pose[:3, 3] @ pose[:3, 2])
        each = [min(fit_part(part, camera, depth).cost, 1.0) for part in parts]
        return float(np.average(each, weights=weights))

    found = {each: cost(each) for each in _GRID_DEG}
    for step in _FINER_DEG:
        best = min(found, key=found.__getitem__)
        found |= {best + step: cost(best + step), best - step: cost(best - step)}
    order = sorted(found)
    return ElevationFit(tuple(order), tuple(found[each] for each in order))
