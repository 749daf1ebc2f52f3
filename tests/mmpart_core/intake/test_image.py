"""Source images of all sorts, good and bad."""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmpart_core.errors import InputError
from mmpart_core.intake.image import image_size, read_image


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


def picture() -> Image.Image:
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:15, :20] = (200, 40, 30)
    pixels[15:, 20:] = (20, 60, 220)
    return Image.fromarray(pixels)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunks + png_chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("form", "options"), [("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True})]
)
def test_formats_give_opaque_rgba(tmp_path: Path, form: str, options: dict) -> None:
    path = tmp_path / "picture"  # the content decides, not the name
    path.write_bytes(encoded(picture(), form, **options))
    rgba = read_image(path, 64)
    assert rgba.shape == (30, 40, 4)
    assert (rgba[..., 3] == 255).all()
    assert np.abs(rgba[7, 10, :3].astype(int) - (200, 40, 30)).max() < 12


def test_file_and_content_are_the_same(tmp_path: Path) -> None:
    data = encoded(picture(), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    assert np.array_equal(read_image(data, 64), read_image(tmp_path / "a.png", 64))


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    data = encoded(picture(), "JPEG", quality=95, exif=exif)
    rgba = read_image(data, 64)
    assert rgba.shape == (40, 30, 4)
    assert image_size(data) == (30, 40)
    assert rgba[10, 22, 0] > 150  # the red corner moves to the top right
    assert rgba[30, 7, 2] > 150


@pytest.mark.parametrize(
    "data",
    [
        png_of(2, 1, 16, 0, b"\x00" + struct.pack(">HH", 0, 65535)),
        png_of(2, 1, 16, 2, b"\x00" + struct.pack(">6H", 0, 0, 0, 65535, 65535, 65535)),
        png_of(2, 1, 1, 0, b"\x00\x40"),
        encoded(Image.fromarray(np.array([[0, 255]], np.uint8)), "PNG"),
        encoded(Image.fromarray(np.array([[0, 255]], np.uint8)).convert("P"), "PNG"),
    ],
    ids=["16-bit grey", "16-bit colour", "1 bit", "grey", "palette"],
)
def test_bit_depths_span_black_to_white(data: bytes) -> None:
    rgba = read_image(data, 64)
    assert rgba.tolist() == [[[0, 0, 0, 255], [255, 255, 255, 255]]]


def test_sixteen_bit_grey_keeps_its_middle() -> None:
    data = png_of(2, 1, 16, 0, b"\x00" + struct.pack(">HH", 32896, 257))
    assert read_image(data, 64)[0, :, 0].tolist() == [128, 1]


def test_palette_transparency_becomes_alpha() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    rgba = read_image(encoded(image, "PNG", transparency=1), 64)
    assert rgba[0, :, 3].tolist() == [255, 0]


def test_cmyk_becomes_rgb() -> None:
    rgba = read_image(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), 64)
    red, green, blue, alpha = rgba[8, 8]
    assert (red > 200, green < 60, blue < 60, alpha) == (True, True, True, 255)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert read_image(data, 64)[4, 4].tolist() == [255, 0, 0, 255]


def test_large_image_is_scaled_and_small_one_is_not() -> None:
    image = Image.new("RGB", (400, 100), "red")
    assert read_image(encoded(image, "PNG"), 100).shape == (25, 100, 4)
    assert read_image(encoded(image, "PNG"), 400).shape == (100, 400, 4)
    assert image_size(encoded(image, "PNG")) == (400, 100)


def test_scaling_keeps_hidden_colours_out_of_edges() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :32] = (200, 10, 10, 255)
    pixels[:, 32:] = (0, 255, 0, 0)  # green, but wholly transparent
    small = read_image(encoded(Image.fromarray(pixels), "PNG"), 15)
    seen = small[..., 3] > 20
    assert small[seen][:, 1].max() < 25


def test_extreme_proportions_survive() -> None:
    assert read_image(encoded(Image.new("RGB", (3000, 1), "red"), "PNG"), 64).shape == (1, 64, 4)


BOMB = png_of(40000, 40000, 8, 2, b"")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"0 bytes"),
        (b"hello, this is text", r"not a PNG, JPEG or WebP"),
        (encoded(picture(), "BMP"), r"not a PNG, JPEG or WebP"),
        (encoded(picture(), "PNG")[:60], r"damaged or truncated PNG"),
        (encoded(picture(), "JPEG")[:-40], r"damaged or truncated JPEG"),
        (
            encoded(picture(), "WEBP")[:-40],
            r"or its header is damaged \(\d+ bytes that start with b'RIFF",
        ),
        (png_of(0, 5, 8, 2, b""), r"or its header is damaged \(65 bytes that start with b'.x89PNG"),
        (BOMB, r"too large \(1600 million pixels\), at most 178 million pixels"),
        (png_of(13400, 13290, 8, 2, b""), r"too large \(13400x13290 px\), at most 178 million"),
    ],
    ids=["empty", "text", "bmp", "cut png", "cut jpeg", "cut webp", "no pixels", "bomb", "large"],
)
def test_unusable_content_is_one_clear_error(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_image(data, 64)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_much_larger_images_look_as_when_scaled_with_full_care(form: str) -> None:
    rng = np.random.default_rng(0)
    pattern = Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8))
    large = pattern.resize((2000, 1501), Image.Resampling.BICUBIC)
    data = encoded(large, form, **({"quality": 95} if form == "JPEG" else {}))
    with Image.open(io.BytesIO(data)) as image:
        wanted = np.asarray(image.convert("RGB").resize((200, 150), Image.Resampling.LANCZOS))
    found = read_image(data, 200)
    assert found.shape == (150, 200, 4)
    assert np.abs(found[..., :3].astype(int) - wanted).mean() < 0.5


def test_sixteen_bit_grey_keeps_its_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = Image.fromarray(np.array([[0, 65535]], np.uint16))
    assert read_image(encoded(grey, "PNG", exif=exif), 64)[..., 0].tolist() == [[0], [255]]


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.png'.*no such file"):
        read_image(tmp_path / "none.png", 64)
    with pytest.raises(InputError, match="a folder, one file expected"):
        read_image(tmp_path, 64)


def large_png() -> bytes:
    """Grey, of almost as many pixels as may be; the lower half is lighter."""
    width, height = 13400, 13280
    dark, light = (b"\0" + bytes([level]) * width for level in (60, 200))
    return png_of(width, height, 8, 0, dark * (height // 2) + light * (height // 2))


def large_jpeg() -> bytes:
    """Colour, as large as the largest cameras' pictures, and to be turned by a quarter."""
    pixels = np.zeros((10652, 14204, 3), np.uint8)
    pixels[:, :7102] = (200, 40, 30)
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.fromarray(pixels), "JPEG", exif=exif)


READ_LARGE = """
import json, resource, sys
from pathlib import Path
from mmpart_core.intake.image import image_size, read_image
path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rgba = read_image(path, 512)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
corners = [rgba[y, x].tolist() for y in (8, -8) for x in (8, -8)]
print(json.dumps([rgba.shape, corners, peak, image_size(path)]))
"""


@pytest.mark.parametrize(
    ("make", "shape", "size", "corners", "peak_mb"),
    [
        (large_png, [507, 512, 4], [13400, 13280], [60, 60, 200, 200], 260),
        (large_jpeg, [512, 384, 4], [10652, 14204], [200, 200, 0, 0], 120),
    ],
    ids=["178 Mpx PNG", "151 Mpx JPEG"],
)
def test_pictures_of_the_largest_cameras_are_read_without_copies(
    tmp_path: Path,
    make: Callable[[], bytes],
    shape: list[int],
    size: list[int],
    corners: list[int],
    peak_mb: int,
) -> None:
    """Peaks leave room for one decoded grey byte per pixel; a whole copy in RGBA is 600 MB more."""
    path = tmp_path / "large"
    path.write_bytes(make())
    command = [sys.executable, "-W", "error", "-c", READ_LARGE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found_shape, found_corners, peak_kb, found_size = json.loads(done.stdout)
    assert (found_shape, found_size) == (shape, size)
    assert np.abs(np.array([corner[0] for corner in found_corners]) - corners).max() <= 2
    assert {corner[3] for corner in found_corners} == {255}
    assert peak_kb < peak_mb * 1024
