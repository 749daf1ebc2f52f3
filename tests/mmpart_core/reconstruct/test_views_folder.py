"""Views folders: what is written is read again; each kind of bad file has its own message."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmpart_core.errors import InputError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.views_folder import read_views_folder, write_views_folder


@pytest.fixture
def folder(torus_views: PosedViews, tmp_path: Path) -> Path:
    """The torus' views as files."""
    write_views_folder(tmp_path / "views", torus_views)
    return tmp_path / "views"


def edited(folder: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    """The folder with its transforms.json changed."""
    path = folder / "transforms.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return folder


def test_what_is_written_is_read(folder: Path, torus_views: PosedViews) -> None:
    for source in (folder, folder / "transforms.json"):
        read = read_views_folder(source)
        assert np.array_equal(read.views.rgba, torus_views.rgba)
        assert read.views.cameras == torus_views.cameras
        assert [path.name for path in read.names[:2]] == ["view-000.png", "view-001.png"]
        assert (read.held_out, read.held_out_names) == (None, ())


def test_held_out_views_come_apart(torus_views: PosedViews, tmp_path: Path) -> None:
    train = PosedViews(torus_views.rgba[:4], torus_views.cameras[:4])
    held_out = PosedViews(torus_views.rgba[4:], torus_views.cameras[4:])
    written = write_views_folder(tmp_path, train, held_out)
    read = read_views_folder(tmp_path)
    assert (*read.names, *read.held_out_names) == written
    assert read.views.cameras == train.cameras
    assert read.held_out is not None
    assert read.held_out.cameras == held_out.cameras
    assert np.array_equal(read.held_out.rgba, held_out.rgba)


def test_orthographic_views_come_back(torus_views: PosedViews, tmp_path: Path) -> None:
    flat = tuple(
        camera.model_copy(update={"projection": "orthographic", "focal_px": 40.0})
        for camera in torus_views.cameras
    )
    write_views_folder(tmp_path, PosedViews(torus_views.rgba, flat))
    assert read_views_folder(tmp_path).views.cameras == flat


def test_intrinsics_at_the_top_hold_for_all_frames(folder: Path, torus_views: PosedViews) -> None:
    def lift(content: dict[str, Any]) -> None:
        content["camera_model"] = "OPENCV"
        content["k1"] = 0.0
        for name in ("fl_x", "fl_y", "cx", "cy", "w", "h"):
            content[name] = content["frames"][0][name]
            for frame in content["frames"][1:]:
                del frame[name]
        content["fl_x"] = content["fl_y"] = 200.0
        for frame in content["frames"]:
            del frame["camera_model"]

    read = read_views_folder(edited(folder, lift)).views.cameras
    assert [camera.focal_px for camera in read] == [torus_views.cameras[0].focal_px] + [200.0] * 5


def test_three_rows_are_a_pose_too(folder: Path, torus_views: PosedViews) -> None:
    def cut(content: dict[str, Any]) -> None:
        for frame in content["frames"]:
            del frame["transform_matrix"][3]

    assert read_views_folder(edited(folder, cut)).views.cameras == torus_views.cameras


BAD: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no frames": (lambda c: c.update(frames=[]), "frames cannot be used"),
    "no list": (lambda c: c.pop("frames"), "frames cannot be used"),
    "short pose": (
        lambda c: c["frames"][1]["transform_matrix"][0].pop(),
        r"frames\.1\.transform_matrix\.0 cannot be used",
    ),
    "not finite": (lambda c: c["frames"][0].update(cx=float("nan")), "cannot be used"),
    "no focal length": (lambda c: c["frames"][2].pop("fl_y"), "'images/view-002.png': fl_y missi"),
    "no size": (lambda c: [f.pop("w") for f in c["frames"]], "w missing"),
    "fisheye": (lambda c: c["frames"][0].update(camera_model="OPENCV_FISHEYE"), "OPENCV_FISHEYE"),
    "distortion": (lambda c: c.update(k1=0.02), r"lens distortion \(k1 0\.02\)"),
    "distortion of a frame": (
        lambda c: c["frames"][3].update(distortion_params=[0.0, 0.1]),
        r"view-003\.png'.*distortion_params\[1\] 0\.1",
    ),
    "oblong pixels": (lambda c: c["frames"][0].update(fl_x=150.0), "pixels are square"),
    "other size than the file": (
        lambda c: [f.update(w=100) for f in c["frames"]],
        r"96 x 96 px, but transforms\.json says 100 x 96",
    ),
    "two sizes": (lambda c: c["frames"][4].update(h=95), "view-004.png' is 96 x 95 px, but"),
    "huge": (lambda c: c["frames"][0].update(w=10**5, h=10**5), "scale the views down"),
    "scaled pose": (
        lambda c: c["frames"][0].update(transform_matrix=(2 * np.eye(4)).tolist()),
        "not a rotation and a position",
    ),
    "mirrored pose": (
        lambda c: c["frames"][0].update(transform_matrix=np.diag([1.0, 1, -1, 1]).tolist()),
        "determinant -1",
    ),
    "absent image": (lambda c: c["frames"][0].update(file_path="gone.png"), "gone.png': no such"),
    "unknown name": (lambda c: c.update(val_filenames=["else.png"]), "'else.png' is listed"),
    "nothing to train on": (
        lambda c: c.update(test_filenames=[f["file_path"] for f in c["frames"]]),
        "two at least expected for training",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_named(folder: Path, case: str) -> None:
    edit, message = BAD[case]
    with pytest.raises(InputError, match=message):
        read_views_folder(edited(folder, edit))


def test_images_need_alpha(folder: Path) -> None:
    path = folder / "images" / "view-001.png"
    with Image.open(path) as image:
        opaque = image.convert("RGB")
    opaque.save(path)
    with pytest.raises(InputError, match=r"view-001\.png': RGB image without alpha"):
        read_views_folder(folder)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels, and holds none."""
    size = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = [
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in ((b"IHDR", size), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def bitmap(path: Path) -> bytes:
    """The picture in a format with alpha that is not among those read."""
    held = io.BytesIO()
    with Image.open(path) as image:
        image.save(held, format="TGA")
    return held.getvalue()


NO_IMAGES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "text": (lambda _: b"not a picture", "UnidentifiedImageError"),
    "empty": (lambda _: b"", "UnidentifiedImageError"),
    "another format": (bitmap, "UnidentifiedImageError"),
    "cut short": (lambda path: path.read_bytes()[:600], "OSError"),
    "more pixels than Pillow opens": (lambda _: png_header(60000, 60000), "DecompressionBombError"),
}


@pytest.mark.parametrize("case", NO_IMAGES)
def test_a_file_that_is_no_image(folder: Path, case: str) -> None:
    content, fault = NO_IMAGES[case]
    path = folder / "images" / "view-005.png"
    path.write_bytes(content(path))
    with pytest.raises(InputError, match=rf"view-005\.png': not a readable image \({fault}\); PNG"):
        read_views_folder(folder)


def test_a_large_header_is_refused_without_a_warning(folder: Path) -> None:
    # Between Pillow's warning and its refusal; warnings are errors in tests.
    (folder / "images" / "view-002.png").write_bytes(png_header(10000, 10000))
    with pytest.raises(
        InputError, match=r"the file is 10000 x 10000 px, but transforms\.json says"
    ):
        read_views_folder(folder)


def test_absent_folder_and_broken_json(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"transforms\.json': no such file"):
        read_views_folder(tmp_path)
    (tmp_path / "transforms.json").write_text("{")
    with pytest.raises(InputError, match="the file cannot be used"):
        read_views_folder(tmp_path)
