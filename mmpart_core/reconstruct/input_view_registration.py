"""Where the input camera stands in the part's frame: the part's mask laid on the views' hull.

The input camera's direction and lens are known; how large the part is and where it lies before
that camera is not, as the views are framed anew. One of these four unknowns changes no picture: a
part twice as large and twice as far away looks the same. The other three, the place of the part's
centre in the image and the scale, are searched for until the outline of the visual hull fits the
mask. The hull of true views holds the whole part, so what the mask shows outside it speaks against
a place more than what it lacks inside: the hull has phantom corners.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from torch import Tensor

from mmpart_core.geometry import cameras, transforms
from mmpart_core.reconstruct.hull import VisualHull, fit_grid
from mmpart_core.records import Camera

# A pixel of the mask outside the hull costs as much as so many of the hull outside the mask. With
# 1 the scale is drawn towards a mask that lacks the hull's phantom corners.
_OUTSIDE_WEIGHT = 6.0
_PROBE_CORNERS = 48  # of the grid that looks for the hull's extent
_SAMPLES = 64  # along each sight line through the hull
_CLOSER = 8  # samples between two of these, where the hull comes closest
# Longest sides of the pictures in which the hull is laid on the mask, one after another.
COARSE = (80, 80)
FINE = (80, 80, 160)
_FIRST_STEP_PX = 2.0


@dataclass(frozen=True)
class Placed:
    """The part's place before the input camera.

    Attributes:
        column: of the part's centre in the image, pixels.
        row: of the part's centre in the image, pixels.
        scale: object units per part unit, were the part's centre as far from the camera as the
            object's is.
    """

    column: float
    row: float
    scale: float

    def camera(self, camera: Camera) -> Camera:
        """The input camera in the part's frame.

        Args:
            camera: in the object's frame.
        """
        pose = transforms.to_array(camera.world_from_camera)
        origins, directions = cameras.pixel_rays(
            camera, np.array([self.column]), np.array([self.row])
        )
        # The plane through the object's centre, across the viewing axis.
        along = -float(origins[0] @ pose[:3, 2]) / float(directions[0] @ pose[:3, 2])
        center = origins[0] + along * directions[0]
        part_from_object = transforms.scale_then_translate(1.0 / self.scale, -center / self.scale)
        return cameras.camera_in_frame(camera, part_from_object)

    def moved(self, column: float, row: float, factor: float) -> "Placed":
        """Shifted by pixels, and larger."""
        return Placed(self.column + column, self.row + row, self.scale * factor)


@dataclass(frozen=True)
class Agreement:
    """How a mask and the hull's outline overlap, counted in pixels' coverage.

    Attributes:
        iou: intersection over union.
        outside: share of the mask outside the hull.
    """

    iou: float
    outside: float

    @property
    def misfit(self) -> float:
        """What is searched for the least of: weighted area outside and inside, over the mask's."""
        inside = (1.0 - self.outside) / max(self.iou, 1e-6) - 1.0
        return _OUTSIDE_WEIGHT * self.outside + inside


class HullOutline:
    """Draws the outline of a visual hull."""

    def __init__(self, hull: VisualHull) -> None:
        """Find the hull's extent.

        Args:
            hull: of the views.

        Raises:
            BackendError: it is empty.
        """
        self._hull = hull
        spec, sdf = fit_grid(hull, _PROBE_CORNERS, 0.0)
        self.points: Float[np.ndarray, "P 3"] = (
            spec.positions()[(sdf < 0.5 * spec.spacing).reshape(-1)].double().numpy()
        )
        center = (self.points.min(axis=0) + self.points.max(axis=0)) / 2.0
        self._center = center
        self._radius = float(np.linalg.norm(self.points - center, axis=1).max()) + spec.spacing

    def distance(self, camera: Camera) -> Float[np.ndarray, "H W"]:
        """Signed distance to the outline in pixels, negative inside; exact near it.

        The least signed distance to the hull along each pixel's sight line, at the pixel's size
        there.

        Args:
            camera: in the part's frame.
        """
        columns, rows = np.meshgrid(
            np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5
        )
        origins, directions = cameras.pixel_rays(camera, columns.ravel(), rows.ravel())
        nearest = ((self._center - origins) * directions).sum(axis=1)
        start = torch.from_numpy(origins + nearest[:, None] * directions).float()
        ways = torch.from_numpy(directions).float()
        step = 2.0 * self._radius / _SAMPLES
        reach = (torch.arange(_SAMPLES) + 0.5) * step - self._radius
        _, where = self._least(start, ways, reach.expand(len(start), -1))
        finer = torch.linspace(-step, step, 2 * _CLOSER + 1)
        least, _ = self._least(start, ways, where[:, None] + finer)
        depth = 1.0
        if camera.projection == "perspective":
            pose = transforms.to_array(camera.world_from_camera)
            depth = float((pose[:3, 3] - self._center) @ pose[:3, 2])
        units_per_px = depth / camera.focal_px
        return (least.numpy() / units_per_px).reshape(columns.shape)

    def _least(
        self, start: Float[Tensor, "R 3"], ways: Float[Tensor, "R 3"], along: Float[Tensor, "R S"]
    ) -> tuple[Float[Tensor, "R"], Float[Tensor, "R"]]:
        """The least signed distance to the hull along each line, and where it is."""
        points = start[:, None] + ways[:, None] * along[..., None]
        distance = self._hull.sdf(points.reshape(-1, 3)).view(along.shape)
        least, index = distance.min(dim=1)
        return least, along.gather(1, index[:, None])[:, 0]


def place_part(
    outline: HullOutline,
    coverage: Float[np.ndarray, "H W"],
    camera: Camera,
    sides_px: tuple[int, ...] = FINE,
) -> tuple[Placed, Agreement]:
    """Find the place at which the hull's outline fits the mask best.

    Args:
        outline: of the views' hull.
        coverage: of the part in the input image, float32 in [0, 1]; the part fills most of it.
        camera: of that image, object frame.
        sides_px: of the pictures in which they are compared, ``COARSE`` or ``FINE``.
    """
    placed = _first_guess(outline.points, coverage >= 0.5, camera)
    for side_px in sides_px:
        placed = _closer(outline, coverage, camera, placed, side_px)
    small, factor = _smaller(coverage, sides_px[-1])
    seen = _covered(
        outline.distance(cameras.resized_camera(placed.camera(camera), small.shape, factor))
    )
    common = float(np.minimum(seen, small).sum())
    return placed, Agreement(
        iou=common / float(np.maximum(seen, small).sum()),
        outside=1.0 - common / float(small.sum()),
    )


def _closer(
    outline: HullOutline,
    coverage: Float[np.ndarray, "H W"],
    camera: Camera,
    placed: Placed,
    side_px: int,
) -> Placed:
    """A better place: the hull is drawn at the last one, and its picture laid on the mask."""
    small, factor = _smaller(coverage, side_px)
    distance = outline.distance(cameras.resized_camera(placed.camera(camera), small.shape, factor))
    column, row, growth = _fit(distance, small, (placed.column * factor, placed.row * factor))
    return placed.moved(column / factor, row / factor, growth)


def _smaller(
    coverage: Float[np.ndarray, "H W"], side_px: int
) -> tuple[Float[np.ndarray, "h w"], float]:
    """A picture whose longer side has at most so many pixels, and the factor."""
    factor = min(1.0, side_px / max(coverage.shape))
    height, width = (max(1, round(side * factor)) for side in coverage.shape)
    return cv2.resize(coverage, (width, height), interpolation=cv2.INTER_AREA), factor


def _first_guess(
    points: Float[np.ndarray, "P 3"], mask: Bool[np.ndarray, "H W"], camera: Camera
) -> Placed:
    """Lay the box around the hull's points on the box around the mask."""
    rows, columns = np.nonzero(mask)
    low = np.array([columns.min(), rows.min()], dtype=np.float64)
    high = np.array([columns.max() + 1, rows.max() + 1], dtype=np.float64)
    middle = (low + high) / 2.0
    placed = Placed(float(middle[0]), float(middle[1]), 0.5)
    for _ in range(3):
        pixels, _ = cameras.project(placed.camera(camera), points)
        least, most = pixels.min(axis=0), pixels.max(axis=0)
        factor = float(np.sqrt(np.prod((high - low) / (most - least))))
        at = np.array([placed.column, placed.row])
        shift = middle - (at + factor * ((least + most) / 2.0 - at))
        placed = placed.moved(float(shift[0]), float(shift[1]), factor)
    return placed


def _fit(
    distance: Float[np.ndarray, "H W"],
    coverage: Float[np.ndarray, "H W"],
    at: tuple[float, float],
) -> tuple[float, float, float]:
    """Shift and growth of the hull's picture about a pixel that lay it on the mask best."""
    total = float(coverage.sum())
    reach = max(coverage.shape) / 2.0
    columns, rows = np.meshgrid(
        np.arange(coverage.shape[1]) + 0.5, np.arange(coverage.shape[0]) + 0.5
    )

    def cost(values: Float[np.ndarray, "3"]) -> float:
        growth = math.exp(values[2] / reach)
        x = (columns - at[0] - values[0]) / growth + at[0] - 0.5
        y = (rows - at[1] - values[1]) / growth + at[1] - 0.5
        seen = cv2.remap(
            distance, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        more = _covered(growth * seen) - coverage
        outside, inside = -more.clip(max=0.0).sum(), more.clip(min=0.0).sum()
        return float(_OUTSIDE_WEIGHT * outside + inside) / total

    simplex = _FIRST_STEP_PX * np.concatenate([np.zeros((1, 3)), np.eye(3)])
    found = minimize(
        cost, np.zeros(3), method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 0.02, "fatol": 1e-5, "maxiter": 150},
    )  # fmt: skip
    column, row, growth = (float(value) for value in found.x)
    return column, row, math.exp(growth / reach)


def _covered(distance: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """How much of each pixel is inside, of signed distances in pixels."""
    return (0.5 - distance).clip(0.0, 1.0)
