"""The canvas that a model draws on: a size it can draw, of the source's shape, and back.

Models draw a few sizes, or multiples of some number. The source is padded to one of them, never
stretched, and what comes back is mapped by the same rule, so a part that stayed in its place on
the canvas is in its place in the source.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8


@dataclass(frozen=True)
class SizeRule:
    """Which sizes a model draws.

    Attributes:
        fixed: (width, height) of all sizes; empty where any multiple of ``step`` will do.
        step: width and height are multiples of it.
        least_px: fewest pixels.
        most_px: most pixels.
        ratio: longer side over the shorter, at most.
        longest_px: longer side, at most.
    """

    fixed: tuple[tuple[int, int], ...] = ()
    step: int = 16
    least_px: int = 1
    most_px: int = 8_300_000
    ratio: float = 3.0
    longest_px: int = 3840


@dataclass(frozen=True)
class Canvas:
    """A picture of a given size with the source in its middle.

    Attributes:
        width_px: of the canvas.
        height_px: of the canvas.
        scale: canvas pixels per pixel of the source.
        left_px: where the source begins.
        top_px: where the source begins.
    """

    width_px: int
    height_px: int
    scale: float
    left_px: float
    top_px: float

    @property
    def canvas_from_source(self) -> Float[np.ndarray, "3 3"]:
        """Pixels of the source to pixels of the canvas."""
        return np.array(
            [[self.scale, 0.0, self.left_px], [0.0, self.scale, self.top_px], [0.0, 0.0, 1.0]]
        )

    def source_from_answer(self, width_px: int, height_px: int) -> Float[np.ndarray, "3 3"]:
        """Pixels of an answer to pixels of the source.

        An answer of another size than was asked for is taken as the canvas scaled, centred.
        """
        scale = min(self.width_px / width_px, self.height_px / height_px)
        canvas_from_answer = np.array(
            [
                [scale, 0.0, (self.width_px - scale * width_px) / 2.0],
                [0.0, scale, (self.height_px - scale * height_px) / 2.0],
                [0.0, 0.0, 1.0],
            ]
        )
        return np.linalg.inv(self.canvas_from_source) @ canvas_from_answer

    def drawn(
        self, image: UInt8[np.ndarray, "H W 4"], ground: tuple[int, int, int, int]
    ) -> UInt8[np.ndarray, "h w 4"]:
        """The source on the canvas.

        Args:
            image: the source, straight alpha.
            ground: colour of the padding.
        """
        size = (max(1, round(image.shape[1] * self.scale)),
                max(1, round(image.shape[0] * self.scale)))  # fmt: skip
        how = cv2.INTER_AREA if self.scale < 1.0 else cv2.INTER_CUBIC
        small = np.asarray(cv2.resize(image, size, interpolation=how))
        picture = np.full((self.height_px, self.width_px, 4), ground, np.uint8)
        left, top = round(self.left_px), round(self.top_px)
        small = small[: self.height_px - top, : self.width_px - left]
        picture[top : top + small.shape[0], left : left + small.shape[1]] = small
        return picture


def fit_canvas(height_px: int, width_px: int, rule: SizeRule, wanted_px: int) -> Canvas:
    """The canvas that wastes least on padding.

    Args:
        height_px: of the source.
        width_px: of the source.
        rule: which sizes the model draws.
        wanted_px: pixels of the canvas, about, where the rule leaves them open.
    """
    sizes = rule.fixed or _multiples(height_px / width_px, rule, wanted_px)

    def wasted(size: tuple[int, int]) -> float:
        scale = min(size[0] / width_px, size[1] / height_px)
        return 1.0 - scale * scale * width_px * height_px / (size[0] * size[1])

    width, height = min(sizes, key=wasted)
    scale = min(width / width_px, height / height_px)
    # Whole pixels, so that the source is drawn where the mapping says it is.
    left = float((width - round(width_px * scale)) // 2)
    top = float((height - round(height_px * scale)) // 2)
    return Canvas(width, height, scale, left, top)


def _multiples(shape: float, rule: SizeRule, wanted_px: int) -> tuple[tuple[int, int], ...]:
    """Sizes near the wanted one and of nearly the source's shape (height over width)."""
    shape = min(max(shape, 1.0 / rule.ratio), rule.ratio)
    area = min(max(wanted_px, rule.least_px), rule.most_px)
    width = math.sqrt(area / shape)
    found: list[tuple[int, int]] = []
    for columns in range(math.floor(width / rule.step) - 1, math.ceil(width / rule.step) + 3):
        for rows in range(
            math.floor(width * shape / rule.step) - 1, math.ceil(width * shape / rule.step) + 3
        ):
            size = (columns * rule.step, rows * rule.step)
            if _allowed(size, rule):
                found.append(size)
    return tuple(found) or ((rule.step, rule.step),)


def _allowed(size: tuple[int, int], rule: SizeRule) -> bool:
    short, long = min(size), max(size)
    return (
        short > 0
        and long <= rule.longest_px
        and long <= rule.ratio * short
        and rule.least_px <= short * long <= rule.most_px
    )


def border_colour(image: UInt8[np.ndarray, "H W 4"]) -> tuple[int, int, int, int]:
    """Colour for padding: the median of the image's border; clear where the border is clear."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    red, green, blue, alpha = (round(float(v)) for v in np.median(border, axis=0))
    return (red, green, blue, alpha) if alpha > 0 else (0, 0, 0, 0)
