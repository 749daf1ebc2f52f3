"""Source images of all sorts, good and bad."""

import io
import struct
import zlib
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
        (BOMB, r"too large \(1600 million pixels\), at most 89 million pixels"),
        (png_of(9500, 9400, 8, 2, b""), r"too large .*at most 89 million"),
    ],
    ids=["empty", "text", "bmp", "cut png", "cut jpeg", "cut webp", "no pixels", "bomb", "large"],
)
def test_unusable_content_is_one_clear_error(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_image(data, 64)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.png'.*no such file"):
        read_image(tmp_path / "none.png", 64)
    with pytest.raises(InputError, match="a folder, one file expected"):
        read_image(tmp_path, 64)
