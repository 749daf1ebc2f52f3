"""The part of an image that holds the object, at working size."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8

from mmpart_core.records import Region

# Of the object's longer side, on each side, so that its outline keeps some background; by hand.
_MARGIN = 0.04


@dataclass(frozen=True)
class Crop:
    """A window of an image and how far it is scaled down.

    Attributes:
        window: rows and columns of the full image.
        full: rows and columns of the full image, in pixels.
        scale: working size over window size, at most 1.
    """

    window: tuple[slice, slice]
    full: tuple[int, int]
    scale: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at working size, pixels."""
        rows, columns = self.window
        width, height = columns.stop - columns.start, rows.stop - rows.start
        return (max(1, round(width * self.scale)), max(1, round(height * self.scale)))

    def shrink_image(self, rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """The window's pixels at working size."""
        return np.asarray(cv2.resize(rgb, self.size, interpolation=cv2.INTER_AREA))

    def shrink_mask(self, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "H W"]:
        """A mask of the full image, cut to the window, at working size."""
        cut = mask[self.window].astype(np.float32)
        return np.asarray(cv2.resize(cut, self.size, interpolation=cv2.INTER_AREA)) >= 0.5

    def shrink_labels(self, labels: Int32[np.ndarray, "h w"]) -> Int32[np.ndarray, "H W"]:
        """Labels of the window at working size (nearest)."""
        wide = labels.astype(np.float32)  # OpenCV resizes no 32-bit integers
        small = cv2.resize(wide, self.size, interpolation=cv2.INTER_NEAREST)
        return np.asarray(small).astype(np.int32)

    def move_region(self, region: Region) -> Region:
        """A box, outline or points in fractions of the window; others as they are."""
        if region.box is not None:
            corners = self._moved(np.array(region.box).reshape(2, 2))
            left, top, right, bottom = corners.ravel().tolist()
            if not (left < right and top < bottom):  # beside the object: a box that holds nothing
                left, top, right, bottom = 0.0, 0.0, 1e-6, 1e-6
            return Region(kind="box", box=(left, top, right, bottom))
        if region.points:
            points = self._moved(np.array(region.points)).tolist()
            return Region(kind="points", points=tuple((x, y) for x, y in points))
        if region.polygon:
            corners = self._moved(np.array(region.polygon)).tolist()
            return Region(kind="polygon", polygon=tuple((x, y) for x, y in corners))
        return region

    def _moved(self, points: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
        rows, columns = self.window
        start = np.array([columns.start, rows.start], dtype=np.float64)
        extent = np.array([columns.stop - columns.start, rows.stop - rows.start])
        scale = np.array([self.full[1], self.full[0]])
        return np.clip((points * scale - start) / extent, 0.0, 1.0)


def frame_object(foreground: Bool[np.ndarray, "H W"], side_px: int) -> Crop:
    """The window around the object with a little margin, scaled to at most ``side_px``.

    Args:
        foreground: the whole object; the whole image is taken where it is empty.
        side_px: longer side at working size.
    """
    height, width = foreground.shape
    rows, columns = np.flatnonzero(foreground.any(axis=1)), np.flatnonzero(foreground.any(axis=0))
    if not len(rows):
        rows, columns = np.arange(height), np.arange(width)
    margin = 4 + round(_MARGIN * max(np.ptp(rows), np.ptp(columns)))
    window = (
        slice(max(int(rows[0]) - margin, 0), min(int(rows[-1]) + margin + 1, height)),
        slice(max(int(columns[0]) - margin, 0), min(int(columns[-1]) + margin + 1, width)),
    )
    longest = max(window[0].stop - window[0].start, window[1].stop - window[1].start)
    return Crop(window, (height, width), min(1.0, side_px / longest))


def enlarge_labels(
    labels: Int32[np.ndarray, "h w"], inside: Bool[np.ndarray, "H W"]
) -> Int32[np.ndarray, "H W"]:
    """Labels at full size with smooth borders: each pixel takes the label that covers it most.

    Args:
        labels: at working size; 0 is outside the object.
        inside: the object at full size; every pixel of it gets a label other than 0.
    """
    size = (inside.shape[1], inside.shape[0])
    best = np.zeros(inside.shape, np.float32)
    large = np.zeros(inside.shape, np.int32)
    for label in np.unique(labels[labels > 0]).tolist():
        cover = cv2.GaussianBlur((labels == label).astype(np.float32), (0, 0), 0.8)
        soft = np.asarray(cv2.resize(cover, size, interpolation=cv2.INTER_LINEAR))
        more = soft > best
        best[more] = soft[more]
        large[more] = label
    large[~inside] = 0
    missing = inside & (large == 0)
    if missing.any() and (large > 0).any():
        _, nearest = cv2.distanceTransformWithLabels(
            (large == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        seeds = np.zeros(int(nearest.max()) + 1, np.int32)
        seeds[nearest[large > 0]] = large[large > 0]
        large[missing] = seeds[nearest[missing]]
    return large
