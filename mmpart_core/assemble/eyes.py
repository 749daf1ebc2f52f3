"""What parts are compared with: pictures, each seen by a camera, prepared for quick drawing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from mmpart_core.assemble import sight
from mmpart_core.assemble.raster import NO_PART, UNKNOWN
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import Camera

# Costs of one pixel: outside the object, and object that no part covers; ``raster`` has those of
# what is seen. Distances count in full from this many object units on (3 px of a 320 px view).
# By hand, as all here.
_OUTSIDE, _MISSING = 1.0, 0.7
_FAR = 3.0 / 160.0
_OPAQUE = 0.5


@dataclass(frozen=True)
class Eye:
    """One picture with its camera, in the frame that parts are placed in.

    Attributes:
        camera: it sees the picture.
        target: float32 sRGB in [0, 1].
        outside: float32 cost of a covered pixel where the picture shows nothing; 0 elsewhere.
        missing: float32 cost of a bare pixel where the picture shows something; 0 elsewhere.
        label: number of the part that is seen; ``raster.UNKNOWN``, or ``raster.NO_PART``
            where it is none.
        area: squared object units that one pixel stands for, times the picture's weight.
        zoom: pixels along a side for each pixel of the image that it was cut from.
    """

    camera: Camera
    target: Float[np.ndarray, "H W 3"]
    outside: Float[np.ndarray, "H W"]
    missing: Float[np.ndarray, "H W"]
    label: Int[np.ndarray, "H W"]
    area: float
    zoom: float = 1.0

    @property
    def vector(self) -> Float[np.ndarray, "15"]:
        """The camera as the compiled loops take it: rotation, position, focal length, centre."""
        return camera_vector(self.camera)

    def seen_by(self, camera: Camera) -> "Eye":
        """The same picture, cut from what a camera elsewhere or with another lens took."""
        moved = {
            "world_from_camera": camera.world_from_camera,
            "focal_px": camera.focal_px * self.zoom,
        }
        return replace(self, camera=self.camera.model_copy(update=moved))


def camera_vector(camera: Camera) -> Float[np.ndarray, "15"]:
    """Rotation camera_from_world row by row, position, focal length, principal point."""
    pose = transforms.to_array(camera.world_from_camera)
    lens = [camera.focal_px, *camera.principal_px]
    return np.concatenate([pose[:3, :3].T.ravel(), pose[:3, 3], lens])


def eye_distance(camera: Camera) -> float:
    """Distance of a camera's position from the origin along its axis: the object's depth."""
    pose = transforms.to_array(camera.world_from_camera)
    return float(pose[:3, 3] @ pose[:3, 2])


def make_eye(
    picture: UInt8[np.ndarray, "H W C"],
    alpha: Bool[np.ndarray, "H W"],
    camera: Camera,
    depth: float,
    weight: float = 1.0,
    label: Int[np.ndarray, "H W"] | None = None,
    complete: float = 1.0,
) -> Eye:
    """Costs of a picture's pixels.

    Args:
        picture: sRGB; a fourth channel is not looked at.
        alpha: where it shows the object.
        camera: of the picture.
        depth: of the object, in object units: how large it stands in the picture.
        weight: of the picture among others.
        label: which part is seen; not known where None.
        complete: how much of the object the parts are: what is missing costs less where others
            may stand.
    """
    unit = camera.focal_px / depth
    far = max(_FAR * unit, 1.0)
    solid = alpha.astype(np.uint8)
    # Distances are to the middle of the nearest pixel of the other kind; its border is half a pixel
    # nearer.
    outer = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5) - 0.5
    inner = cv2.distanceTransform(solid, cv2.DIST_L2, 5) - 0.5
    outside = np.where(alpha, 0.0, _OUTSIDE * np.clip(outer / far, 0.0, 1.0))
    missing = np.where(alpha, _MISSING * complete * np.clip(inner / far, 0.0, 1.0), 0.0)
    known = np.full(alpha.shape, UNKNOWN) if label is None else label
    return Eye(
        camera,
        np.ascontiguousarray(picture[..., :3].astype(np.float32) / 255.0),
        outside.astype(np.float32),
        missing.astype(np.float32),
        known.astype(np.int16),
        weight / unit**2,
    )


def view_eyes(views: PosedViews, size_px: int, complete: float) -> list[Eye]:
    """The whole object's views, scaled down to at most a size.

    Args:
        views: in the frame that parts are placed in.
        size_px: longer side.
        complete: see ``make_eye``.
    """
    made: list[Eye] = []
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        small = cameras.bounded_camera(camera, size_px)
        picture, alpha = scaled(rgba, (small.width_px, small.height_px))
        made.append(make_eye(picture, alpha, small, eye_distance(camera), complete=complete))
    return made


def scaled(
    rgba: UInt8[np.ndarray, "H W 4"], size: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """A picture averaged down to a width and height, and where it is opaque."""
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    both = np.concatenate([rgba[..., :3] * alpha, alpha], axis=-1)
    if (rgba.shape[1], rgba.shape[0]) != size:
        method = cv2.INTER_AREA if size[0] < rgba.shape[1] else cv2.INTER_LINEAR
        both = cv2.resize(both, size, interpolation=method)
    color = both[..., :3] / np.maximum(both[..., 3:], 1e-3)
    return np.clip(np.rint(color), 0, 255).astype(np.uint8), both[..., 3] >= _OPAQUE


def window(
    rgba: UInt8[np.ndarray, "H W 4"], camera: Camera, box: sight.Box, side_px: int
) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"], sight.Crop]:
    """A window of the input image: its colours, where it is opaque, and its camera.

    Args:
        rgba: the whole image.
        camera: of the image.
        box: what the window is around, in pixels.
        side_px: the window's longer side; finer than the image it does not get.
    """
    longer = 1.3 * max(box[2] - box[0], box[3] - box[1])
    crop = sight.crop(camera, box, margin=0.15, side_px=max(8, min(side_px, round(longer))))
    height, width = crop.camera.height_px, crop.camera.width_px
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    both = np.concatenate([rgba[..., :3] * alpha, alpha], axis=-1)
    blur = max(1, round(1.0 / crop.factor))
    if blur > 1:
        both = cv2.blur(both, (blur, blur), borderType=cv2.BORDER_CONSTANT)
    matrix = np.array([[1.0 / crop.factor, 0.0, crop.left + 0.5 / crop.factor - 0.5],
                       [0.0, 1.0 / crop.factor, crop.top + 0.5 / crop.factor - 0.5]])  # fmt: skip
    both = cv2.warpAffine(
        both, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    color = both[..., :3] / np.maximum(both[..., 3:], 1e-3)
    return np.clip(np.rint(color), 0, 255).astype(np.uint8), both[..., 3] >= _OPAQUE, crop


def part_eye(
    rgba: UInt8[np.ndarray, "H W 4"], camera: Camera, side_px: int, weight: float
) -> Eye | None:
    """A part's isolated image in a window around it; None where it is empty."""
    box = sight.mask_box(rgba[..., 3] >= 128)
    if box is None:
        return None
    picture, alpha, crop = window(rgba, camera, box, side_px)
    if not alpha.any():
        return None
    eye = make_eye(picture, alpha, crop.camera, eye_distance(camera), weight)
    return replace(eye, zoom=crop.factor)


def input_eye(
    source: UInt8[np.ndarray, "H W 4"],
    foreground: Bool[np.ndarray, "H W"],
    visible: Sequence[Bool[np.ndarray, "H W"]],
    camera: Camera,
    side_px: int,
) -> Eye | None:
    """The source image in a window around the object, with the part that each pixel shows."""
    shown = foreground | np.any(visible, axis=0)
    box = sight.mask_box(shown)
    if box is None:
        return None
    rgba = source.copy()
    rgba[..., 3] = np.where(shown, 255, 0)
    picture, alpha, crop = window(rgba, camera, box, side_px)
    label = np.full(alpha.shape, NO_PART)
    for index, mask in enumerate(visible):
        label[crop.sample(mask)] = index
    label[~alpha] = UNKNOWN
    eye = make_eye(picture, alpha, crop.camera, eye_distance(camera), 1.0, label,
                   complete=completeness(foreground, visible))  # fmt: skip
    return replace(eye, zoom=crop.factor)


def completeness(
    foreground: Bool[np.ndarray, "H W"], visible: Sequence[Bool[np.ndarray, "H W"]]
) -> float:
    """How much of the object in the image is one of the parts, 0 to 1."""
    whole = int(foreground.sum())
    covered = np.any(visible, axis=0) & foreground
    return float(covered.sum() / whole) if whole else 1.0
