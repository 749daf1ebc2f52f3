"""A picture of six views -> posed views with alpha."""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from mmpart_core.geometry import transforms
from mmpart_core.geometry.cameras import Zero123PlusVersion, zero123plus_cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.multiview.matting.grid import cut_grid
from mmpart_core.multiview.matting.ground import find_ground
from mmpart_core.multiview.matting.matte import matte_views
from mmpart_core.multiview.matting.unmix import unmix
from mmpart_core.records import Camera

# Length of a drawn normal from which a pixel is object, and below which it is ground; and how far
# either is trusted only inside (examples/matting_postprocess.py of SUDO-AI-3D/zero123plus).
_OBJECT_LENGTH, _GROUND_LENGTH = 0.6, 0.2
_TRUST_PX = 4
# Between the two: where the object ends if its colour does not tell.
_EDGE_LENGTH = 0.4


def grid_cameras(version: Zero123PlusVersion, size_px: int, distance: float) -> tuple[Camera, ...]:
    """The six cameras of a grid, part frame.

    Args:
        version: release whose azimuths, elevations and lens they have.
        size_px: side of a view.
        distance: over that at which a frame spans the unit sphere's diameter.
    """
    poses: list[Camera] = []
    for camera in zero123plus_cameras(version, size_px):
        pose = transforms.to_array(camera.world_from_camera)
        pose[:3, 3] *= distance
        poses.append(camera.model_copy(update={"world_from_camera": transforms.to_tuple(pose)}))
    return tuple(poses)


def grid_from_picture(picture: Float[np.ndarray, "Y X 3"]) -> UInt8[np.ndarray, "Y X 3"]:
    """A picture in [0, 1] as 8-bit sRGB."""
    return np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)


def views_by_ground(grid: UInt8[np.ndarray, "Y X 3"], poses: tuple[Camera, ...]) -> PosedViews:
    """Cut a grid and take the ground out by its colour.

    Args:
        grid: sRGB, three rows of two square views.
        poses: one per view.

    Raises:
        StageError: the picture is not three squares high and two wide.
    """
    return matte_views(cut_grid(grid), poses)


def views_by_normals(
    grid: UInt8[np.ndarray, "Y X 3"],
    normals: UInt8[np.ndarray, "Y X 3"],
    poses: tuple[Camera, ...],
) -> PosedViews:
    """Cut a grid and take the ground out by the normals that a ControlNet drew of the same views.

    A drawn normal has unit length on the object and none on the ground. In the band between the
    two the views' own colour decides, against the ground beside it; where it is the ground's, the
    normals do.

    Args:
        grid: sRGB, three rows of two square views.
        normals: the same views as normals, ``n / 2 + 1 / 2`` as 8-bit colour.
        poses: one per view.

    Raises:
        StageError: a picture is not three squares high and two wide.
    """
    rgba = [
        _matted(view, lengths)
        for view, lengths in zip(cut_grid(grid), _lengths(cut_grid(normals)), strict=True)
    ]
    return PosedViews(np.stack(rgba), poses)


def _lengths(normals: UInt8[np.ndarray, "N S S 3"]) -> Float[np.ndarray, "N S S"]:
    return np.linalg.norm(normals.astype(np.float32) / 127.5 - 1.0, axis=-1)


def _matted(
    view: UInt8[np.ndarray, "S S 3"], lengths: Float[np.ndarray, "S S"]
) -> UInt8[np.ndarray, "S S 4"]:
    ground = find_ground(view)
    thing = _inside(lengths > _OBJECT_LENGTH)
    clear = _inside(lengths < _GROUND_LENGTH)
    likely = (ground.distance >= ground.threshold) | (lengths > _EDGE_LENGTH)
    return unmix(view, ground.rgb, thing | (~clear & likely))


def _inside(mask: Bool[np.ndarray, "S S"]) -> Bool[np.ndarray, "S S"]:
    """What of a mask is not at its rim; the border of the image is none."""
    square = np.ones((_TRUST_PX, _TRUST_PX), dtype=bool)
    return ndimage.binary_erosion(mask, square, border_value=1)
