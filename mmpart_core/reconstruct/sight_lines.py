"""Sight lines through outlines: each grazes the part somewhere along its stretches in the hull."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import DOMAIN_RADIUS, VisualHull

# Samples along each line through the domain, how far apart, and the slack of the hull they probe.
SAMPLES = 256
SAMPLE_STEP = 2.0 * DOMAIN_RADIUS / (SAMPLES - 1)
_SLACK_PX = 0.5
# Pixels whose centre is at most this far inside an outline are on it.
_RIM_PX = 1.0


@dataclass(frozen=True)
class SightLines:
    """The lines through the outlines' pixels, and the stretches of each that may be the contact.

    Attributes:
        origins: (R, 3) float64, where each line comes closest to the part frame's origin.
        directions: (R, 3) unit length.
        bounds: (R + 1,) int64; line r has the stretches from ``bounds[r]`` to ``bounds[r + 1]``.
        lows: (I,) where stretches begin, distance along the line.
        highs: (I,) where they end.
        inside: (R,) how far each line runs inside its outline, object units.
        views: (R,) which view each line belongs to.
    """

    origins: Float[np.ndarray, "R 3"]
    directions: Float[np.ndarray, "R 3"]
    bounds: Int[np.ndarray, "R+1"]
    lows: Float[np.ndarray, "I"]
    highs: Float[np.ndarray, "I"]
    inside: Float[np.ndarray, "R"]
    views: Int[np.ndarray, "R"]

    def room(self) -> Float[np.ndarray, "R"]:
        """Length of each line's stretches together."""
        return np.add.reduceat(self.highs - self.lows, self.bounds[:-1])

    def middles(self) -> Float[np.ndarray, "R"]:
        """Mean place of each line's stretches."""
        weight = self.highs - self.lows + 1e-9
        place = np.add.reduceat(weight * (self.highs + self.lows) / 2.0, self.bounds[:-1])
        return place / np.add.reduceat(weight, self.bounds[:-1])

    def points(self, places: Float[np.ndarray, "R"]) -> Float[np.ndarray, "R 3"]:
        """Points of the lines."""
        return self.origins + self.directions * places[:, None]

    def samples(self) -> tuple[Int[np.ndarray, "S"], Float[np.ndarray, "S"]]:
        """Lines and places of samples within the stretches, at most ``SAMPLES`` of a line."""
        first = np.ceil((self.lows + DOMAIN_RADIUS) / SAMPLE_STEP - 0.5).astype(int)
        count = np.floor((self.highs + DOMAIN_RADIUS) / SAMPLE_STEP + 0.5).astype(int) - first + 1
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        line = np.repeat(np.arange(len(self.origins)), np.diff(self.bounds))
        return np.repeat(line, count), (
            np.repeat(first, count) + within
        ) * SAMPLE_STEP - DOMAIN_RADIUS


def units_per_px(views: PosedViews) -> list[float]:
    """Size of a pixel of each view at the origin, object units."""
    return [
        (1.0 if camera.projection == "orthographic" else _distance(camera.world_from_camera))
        / camera.focal_px
        for camera in views.cameras
    ]


def _distance(world_from_camera: tuple[tuple[float, ...], ...]) -> float:
    """From the camera to the origin."""
    return float(np.linalg.norm([row[3] for row in world_from_camera[:3]]))


def sight_lines(views: PosedViews) -> SightLines:
    """The sight lines of all outline pixels, and where they pass the visual hull."""
    hull = VisualHull(views, _SLACK_PX)
    origins, directions, inside, view = [], [], [], []
    for index, (camera, silhouette, size) in enumerate(
        zip(views.cameras, hull.silhouettes, units_per_px(views), strict=True)
    ):
        rows, columns = torch.nonzero((silhouette < 0) & (silhouette >= -_RIM_PX), as_tuple=True)
        start, direction = cameras.pixel_rays(
            camera, columns.double().numpy() + 0.5, rows.double().numpy() + 0.5
        )
        nearest = -(start * direction).sum(axis=1, keepdims=True)
        origins.append(start + direction * nearest)
        directions.append(direction)
        inside.append(-silhouette[rows, columns].double().numpy() * size)
        view.append(np.full(len(rows), index))
    origin, direction = np.concatenate(origins), np.concatenate(directions)
    places = np.linspace(-DOMAIN_RADIUS, DOMAIN_RADIUS, SAMPLES)
    points = origin[:, None] + direction[:, None] * places[:, None]
    distance = hull.sdf(torch.from_numpy(points.reshape(-1, 3)).float())
    line, low, high = _stretches(distance.view(points.shape[:2]).double().numpy(), places)
    bounds = np.searchsorted(line, np.arange(len(origin) + 1))
    return SightLines(
        origin, direction, bounds, low, high, np.concatenate(inside), np.concatenate(view)
    )


def _stretches(
    distance: Float[np.ndarray, "R S"], places: Float[np.ndarray, "S"]
) -> tuple[Int[np.ndarray, "I"], Float[np.ndarray, "I"], Float[np.ndarray, "I"]]:
    """Where sampled distances are negative, with ends where they cross zero between samples.

    A line that is nowhere inside, where masks disagree, has the place where it comes closest.

    Returns:
        The line of each stretch, ascending; its beginning; its end.
    """
    missed = ~(distance < 0.0).any(axis=1)
    distance = distance.copy()
    distance[missed, distance[missed].argmin(axis=1)] = -1e-6
    padded = np.pad(distance, ((0, 0), (1, 1)), constant_values=1.0)
    step = places[1] - places[0]
    inside = padded < 0.0
    line, first = np.nonzero(inside[:, 1:] & ~inside[:, :-1])
    _, last = np.nonzero(inside[:, :-1] & ~inside[:, 1:])
    before, begun = padded[line, first], padded[line, first + 1]
    ended, after = padded[line, last], padded[line, last + 1]
    low = places[first] - step * begun / (begun - before)
    high = places[last - 1] + step * ended / (ended - after)
    return line, low, high
