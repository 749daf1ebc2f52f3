"""Files that cannot be used: one message, status 2, and nothing is started or left behind."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def png_header(width: int, height: int) -> bytes:
    """A PNG of a size that its header alone claims."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [body, b"IDAT" + zlib.compress(b""), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


def noise(form: str, side_px: int = 96) -> bytes:
    """An image that does not compress, so that its middle lies within its pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def listed(*entries: str) -> bytes:
    return "\n".join(["components:", *(f"- {entry}" for entry in entries)]).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (noise("PNG")[:9000], "damaged or truncated PNG"),
        (noise("JPEG")[:2000], "damaged or truncated JPEG"),
        (noise("WEBP")[:2000], "its header is damaged (2000 bytes"),
        (b"", "the file is empty (0 bytes)"),
        (b"GIF89a" + bytes(100), "not a PNG, JPEG or WebP image"),
        (png_header(0, 0), "or its header is damaged (65 bytes"),
        (png_header(0, 40), "or its header is damaged (65 bytes"),
        (png_header(40_000, 40_000), "too large (1600 million pixels), at most"),
        (png_header(2**31 - 1, 2**31 - 1), "too large ("),
        (noise("PNG", 8), "too small to tell parts apart (8x8 px)"),
    ],
    ids=[
        "half-png",
        "half-jpeg",
        "half-webp",
        "empty",
        "gif",
        "0x0",
        "0x40",
        "bomb",
        "giant",
        "tiny",
    ],
)
def test_an_image_that_cannot_be_used(
    content: bytes, message: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "photo.png").write_bytes(content)
    said = refused("generate", "photo.png", "--part", "hat")
    assert said.startswith("mmpart: image 'photo.png': ")
    assert message in said
    assert len(said) < 500
    assert not list(tmp_path.rglob("blobs/*/*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no components"),
        (b"components: []", "no components"),
        (listed(*(f"name: part {number}" for number in range(200))), "200 components, at most 64"),
        (listed("{name: hat, colour: red}"), "colour"),
        (b"parts: [{name: hat}]", "parts"),
        (listed("name: hat/brim"), "'hat/brim'"),
        (listed("name: ''"), "name"),
        (listed("{name: hat, region: {box: [0, 0, 9000, 9000]}}"), "outside the image of 96x96 px"),
        (
            listed("{name: hat, region: {box: [60, 60, 10, 10]}}"),
            "left < right and top < bottom expected",
        ),
        (listed("{name: hat, region: {mask: missing.png}}"), "missing.png"),
        (listed("{name: hat, count: 0}"), "count"),
        (b"components: [", "not valid YAML"),
        (b"\xff\xfe\x00h", "UTF-8"),
    ],
    ids=[
        "empty",
        "none",
        "200",
        "unknown-key",
        "unknown-list",
        "slash",
        "no-name",
        "outside",
        "no-area",
        "no-mask",
        "none-of-it",
        "broken",
        "not-text",
    ],
)
def test_a_component_list_that_cannot_be_used(
    content: bytes, message: str, image: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "list.yaml").write_bytes(content)
    said = refused("generate", image, "--components", "list.yaml")
    assert message in said
    assert len(said) < 500
    assert not list(tmp_path.rglob("blobs/*/*"))
