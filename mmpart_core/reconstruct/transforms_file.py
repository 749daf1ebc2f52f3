"""The form of a ``transforms.json``, and its entries as our cameras."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mmpart_core.errors import InputError
from mmpart_core.geometry import transforms
from mmpart_core.intake.image import MAX_PIXELS
from mmpart_core.quoting import quoted
from mmpart_core.records import Camera

# nerfstudio's names for cameras without distortion, or with one that may be zero.
_PINHOLE = {"PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "RADIAL", "SIMPLE_RADIAL"}
_ORTHOGRAPHIC = {"ORTHOPHOTO"}
_DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")
_INTRINSICS = ("fl_x", "fl_y", "cx", "cy", "w", "h")
# Pixels count as square as long as a corner of the image moves by less than half of one.
_SQUARE_PX = 0.5
_RIGID = 1e-3  # how far a rotation may be from orthonormal, as JSON is often written short

_Row = Annotated[list[float], Field(min_length=4, max_length=4)]


class Intrinsics(BaseModel):
    """How a frame is projected; what is not given here may be given at the other level."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    camera_model: str | None = None
    fl_x: float | None = Field(default=None, gt=0)
    fl_y: float | None = Field(default=None, gt=0)
    cx: float | None = None
    cy: float | None = None
    w: int | None = Field(default=None, gt=0)
    h: int | None = Field(default=None, gt=0)
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    distortion_params: list[float] = Field(default_factory=list)


class FrameEntry(Intrinsics):
    """One view."""

    file_path: str = Field(min_length=1)
    transform_matrix: Annotated[list[_Row], Field(min_length=3, max_length=4)]


class TransformsFile(Intrinsics):
    """All views."""

    frames: list[FrameEntry] = Field(min_length=1)
    train_filenames: list[str] = Field(default_factory=list)
    val_filenames: list[str] = Field(default_factory=list)
    test_filenames: list[str] = Field(default_factory=list)


def frame_camera(listed: TransformsFile, frame: FrameEntry, path: Path) -> Camera:
    """A frame's camera, in the file's frame.

    Args:
        listed: what holds for all frames that say nothing else.
        frame: the view.
        path: the file, for messages.

    Raises:
        InputError: intrinsics are missing, the camera model is another, has distortion or pixels
            that are not square, the image would be too large, or the pose is not rigid.
    """
    what = f"views '{path}', frame {quoted(frame.file_path)}"
    model = (frame.camera_model or listed.camera_model or "PINHOLE").upper()
    if model not in _PINHOLE | _ORTHOGRAPHIC:
        raise InputError(
            f"{what}: camera model {quoted(model)}, one of "
            f"{', '.join(sorted(_PINHOLE | _ORTHOGRAPHIC))} expected; undistort the images "
            "to PINHOLE"
        )
    _check_distortion(listed, frame, what)
    given = {name: _first(name, frame, listed) for name in _INTRINSICS}
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise InputError(
            f"{what}: {', '.join(missing)} missing; give them at the top of the file or per frame"
        )
    focal_x, focal_y, column, row, width, height = (float(given[name]) for name in _INTRINSICS)
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{what}: {width:g} x {height:g} px, at most {MAX_PIXELS} pixels expected; "
            "scale the views down"
        )
    off_px = abs(focal_x / focal_y - 1.0) * max(width, height) / 2.0
    if off_px > _SQUARE_PX:
        raise InputError(
            f"{what}: fl_x {focal_x:g} and fl_y {focal_y:g} differ by {off_px:.1f} px at the "
            f"image's edge, at most {_SQUARE_PX} expected; scale the images so that pixels are "
            "square"
        )
    return Camera(
        world_from_camera=transforms.to_tuple(_rigid_pose(frame, what)),
        focal_px=(focal_x + focal_y) / 2.0,
        principal_px=(column, row),
        width_px=int(width),
        height_px=int(height),
        projection="orthographic" if model in _ORTHOGRAPHIC else "perspective",
    )


def _first(name: str, frame: FrameEntry, listed: TransformsFile) -> Any:
    """A frame's own value, else the file's."""
    own = getattr(frame, name)
    return getattr(listed, name) if own is None else own


def _check_distortion(listed: TransformsFile, frame: FrameEntry, what: str) -> None:
    """Raises InputError for a lens that bends lines."""
    for source in (frame, listed):
        named = {name: getattr(source, name) for name in _DISTORTION}
        named |= {f"distortion_params[{i}]": v for i, v in enumerate(source.distortion_params)}
        bent = [f"{name} {value:g}" for name, value in named.items() if value != 0.0]
        if bent:
            raise InputError(
                f"{what}: lens distortion ({', '.join(bent[:3])}), none expected; undistort the "
                "images (COLMAP image_undistorter, cv2.undistort) and leave the parameters out"
            )


def _rigid_pose(frame: FrameEntry, what: str) -> np.ndarray:
    """world_from_camera, with the nearest true rotation.

    Raises:
        InputError: scaled, sheared or mirrored.
    """
    pose = np.eye(4)
    pose[:3] = np.array(frame.transform_matrix[:3], dtype=np.float64)
    left, stretch, right = np.linalg.svd(pose[:3, :3])
    rotation = left @ right
    if np.abs(stretch - 1.0).max() > _RIGID or np.linalg.det(rotation) < 0.0:
        raise InputError(
            f"{what}: transform_matrix is not a rotation and a position (stretch "
            f"{stretch.min():.3g} to {stretch.max():.3g}, determinant "
            f"{np.linalg.det(pose[:3, :3]):.3g}); camera-to-world of an unscaled, right-handed "
            "camera expected"
        )
    # Rigid up to how it was printed: left as it is, so that what was written is read again.
    if np.abs(stretch - 1.0).max() > 1e-9:
        pose[:3, :3] = rotation
    return pose
