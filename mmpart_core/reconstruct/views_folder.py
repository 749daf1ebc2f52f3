"""Views folders, as nerfstudio's users have them: ``transforms.json`` beside PNGs with alpha.

The convention is nerfstudio's (docs.nerf.studio, "Data conventions"): poses are camera-to-world
matrices of cameras that look along -Z with +Y up, intrinsics (``fl_x``, ``fl_y``, ``cx``, ``cy``,
``w``, ``h``) stand at the top or in each frame, paths are relative to the file. ``+Z`` is taken
for up where a result is written as GLB. ``train_filenames``, ``val_filenames`` and
``test_filenames`` say which views are kept for evaluation; without them all views do both.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from pydantic import ValidationError

from mmpart_core.errors import InputError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.intake.files import read_limited
from mmpart_core.intake.image import DECODE_FAULTS, MAX_BYTES, open_quietly
from mmpart_core.quoting import quoted
from mmpart_core.reconstruct.transforms_file import FrameEntry, TransformsFile, frame_camera
from mmpart_core.records import Camera
from mmpart_core.storage import codecs

TRANSFORMS_NAME = "transforms.json"
_MAX_JSON_BYTES = 64_000_000
_IMAGES_FOLDER = "images"


@dataclass(frozen=True)
class ViewsFolder:
    """What a views folder holds, in the folder's own frame and scale.

    Attributes:
        views: the views to train on.
        names: their files.
        held_out: the views to evaluate on, if the folder keeps some for that.
        held_out_names: their files.
    """

    views: PosedViews
    names: tuple[Path, ...]
    held_out: PosedViews | None
    held_out_names: tuple[Path, ...]


def read_views_folder(source: Path) -> ViewsFolder:
    """Read posed views.

    Args:
        source: a folder with a ``transforms.json``, or such a file by any name.

    Raises:
        InputError: anything absent, unreadable or not as the module says; images without alpha,
            of other sizes than said or than each other's; cameras that are not pinhole or
            orthographic, have distortion, or pixels that are not square.
    """
    path = source if source.suffix == ".json" else source / TRANSFORMS_NAME
    listed = _read_transforms(path)
    chosen = _split(listed, path)
    cameras = tuple(frame_camera(listed, frame, path) for frame in listed.frames)
    _check_one_size(listed.frames, cameras, path)
    files = tuple(path.parent / frame.file_path for frame in listed.frames)
    pixels = [_read_rgba(file, camera) for file, camera in zip(files, cameras, strict=True)]
    train, kept = ([i for i, held in enumerate(chosen) if held is side] for side in (False, True))

    def stacked(index: list[int]) -> PosedViews:
        return PosedViews(np.stack([pixels[i] for i in index]), tuple(cameras[i] for i in index))

    return ViewsFolder(
        views=stacked(train),
        names=tuple(files[i] for i in train),
        held_out=stacked(kept) if kept else None,
        held_out_names=tuple(files[i] for i in kept),
    )


def write_views_folder(
    folder: Path, views: PosedViews, held_out: PosedViews | None = None
) -> tuple[Path, ...]:
    """Write posed views so that ``ns-train`` and others that read transforms.json find them.

    Args:
        folder: made if absent; files of the same names in it are replaced.
        views: what to write.
        held_out: views for evaluation only, listed as ``val_filenames`` and ``test_filenames``.

    Returns:
        The images, the held-out ones last.

    Raises:
        InputError: the folder cannot be written.
    """
    sets = [(views, "view")] + ([(held_out, "held-out")] if held_out else [])
    frames: list[dict[str, object]] = []
    names: list[list[str]] = []
    content: dict[str, bytes] = {}
    for some, prefix in sets:
        names.append([f"{_IMAGES_FOLDER}/{prefix}-{i:03d}.png" for i in range(len(some.cameras))])
        for name, rgba, camera in zip(names[-1], some.rgba, some.cameras, strict=True):
            content[name] = codecs.encode_png(rgba)
            frames.append({"file_path": name, **_entry(camera)})
    listed: dict[str, object] = {"frames": frames}
    if held_out:
        kept = names[1]
        listed |= {"train_filenames": names[0], "val_filenames": kept, "test_filenames": kept}
    # Last, so that a folder that was not finished is not taken for one that was.
    content[TRANSFORMS_NAME] = (json.dumps(listed, indent=1) + "\n").encode()
    _write_files(folder, content)
    return tuple(folder / name for some in names for name in some)


def _write_files(folder: Path, content: dict[str, bytes]) -> None:
    """Raises InputError where one cannot be written."""
    try:
        (folder / _IMAGES_FOLDER).mkdir(parents=True, exist_ok=True)
        for name, data in content.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise InputError(
            f"views '{folder}': cannot be written ({error.strerror}); give another folder"
        ) from error


def _entry(camera: Camera) -> dict[str, object]:
    """A camera in the words of transforms.json."""
    perspective = camera.projection == "perspective"
    return {
        "camera_model": "PINHOLE" if perspective else "ORTHOPHOTO",
        "fl_x": camera.focal_px,
        "fl_y": camera.focal_px,
        "cx": camera.principal_px[0],
        "cy": camera.principal_px[1],
        "w": camera.width_px,
        "h": camera.height_px,
        "transform_matrix": [list(row) for row in camera.world_from_camera],
    }


def _read_transforms(path: Path) -> TransformsFile:
    """The file's content, checked for form.

    Raises:
        InputError: see ``read_views_folder``.
    """
    data = read_limited(path, "views", _MAX_JSON_BYTES, "list fewer frames")
    try:
        return TransformsFile.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"]) or "the file"
        raise InputError(
            f"views '{path}': {where} cannot be used ({first['msg']}); nerfstudio's "
            "transforms.json expected, with frames that have file_path and a 4x4 transform_matrix"
        ) from error


def _split(listed: TransformsFile, path: Path) -> list[bool]:
    """Which frames are held out.

    Raises:
        InputError: a listed name is no frame's, or none is left to train on.
    """
    names = {frame.file_path for frame in listed.frames}
    kept = {*listed.val_filenames, *listed.test_filenames} - set(listed.train_filenames)
    unknown = sorted((kept | set(listed.train_filenames)) - names)
    if unknown:
        raise InputError(
            f"views '{path}': {quoted(unknown[0])} is listed for training or evaluation, but is no "
            "frame's file_path; correct train_filenames, val_filenames and test_filenames"
        )
    wanted = set(listed.train_filenames) or names - kept
    if not wanted:
        raise InputError(
            f"views '{path}': all {len(names)} frames are kept for evaluation, two at least "
            "expected for training; list them in train_filenames"
        )
    listed.frames[:] = [f for f in listed.frames if f.file_path in wanted | kept]
    return [frame.file_path in kept for frame in listed.frames]


def _check_one_size(frames: list[FrameEntry], cameras: tuple[Camera, ...], path: Path) -> None:
    """Raises InputError where views differ in size."""
    first = cameras[0]
    for frame, camera in zip(frames, cameras, strict=True):
        if (camera.width_px, camera.height_px) != (first.width_px, first.height_px):
            raise InputError(
                f"views '{path}': {quoted(frame.file_path)} is {camera.width_px} x "
                f"{camera.height_px} px, but {quoted(frames[0].file_path)} is {first.width_px} x "
                f"{first.height_px}; one size expected: crop or pad the images to it, and move "
                "cx and cy along"
            )


def _read_rgba(path: Path, camera: Camera) -> UInt8[np.ndarray, "H W 4"]:
    """One view's pixels.

    Raises:
        InputError: see ``read_views_folder``.
    """
    data = read_limited(path, "view", MAX_BYTES, "scale the views down")
    try:
        with open_quietly(data) as image:
            size = (camera.width_px, camera.height_px)
            if image.size != size:
                raise InputError(
                    f"view '{path}': the file is {image.width} x {image.height} px, but "
                    f"transforms.json says {size[0]} x {size[1]} (w, h); scale w, h, fl_x, fl_y, "
                    "cx and cy to the images"
                )
            if not image.has_transparency_data:
                raise InputError(
                    f"view '{path}': {image.mode} image without alpha, one with transparent "
                    "background expected; cut the part out (the alpha is its mask)"
                )
            return np.asarray(image.convert("RGBA"))
    except (Image.DecompressionBombError, *DECODE_FAULTS) as error:
        raise InputError(
            f"view '{path}': not a readable image ({type(error).__name__}); PNG with alpha expected"
        ) from error
