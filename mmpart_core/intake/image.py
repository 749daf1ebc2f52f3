"""Reads the source image: PNG, JPEG or WebP of any size, as RGBA."""

import io
import re
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps

from mmpart_core.errors import InputError
from mmpart_core.intake.files import read_limited
from mmpart_core.quoting import quoted, shown_path

# Cameras have up to 151 million pixels (medium format); Pillow opens nothing of more than 179
# million, so that this limit is as high as it can be and still speaks first for most.
MAX_PIXELS = 178_000_000
# Pillow's measure of care in scaling down: from 3 on, results can hardly be told from full care.
_REDUCING_GAP = 3.0
# A part that takes an eighth of the side still has a few pixels of its own at this size; below it,
# outlines have no shape that could be told apart, completed or lifted.
MIN_SIDE_PX = 32
# An 8-bit RGBA image of so many pixels that does not compress at all.
MAX_BYTES = 4 * MAX_PIXELS
FORMATS = ("PNG", "JPEG", "WEBP")
# What Pillow raises for files that are damaged or of no format asked for.
DECODE_FAULTS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


def read_image(source: Path | bytes, max_side_px: int) -> UInt8[np.ndarray, "H W 4"]:
    """Read an image as a viewer would show it.

    EXIF orientation is applied, an embedded colour profile is converted to sRGB, palette, grey,
    16-bit and CMYK images become 8-bit RGBA, of an animation the first frame is taken. Images
    larger than ``max_side_px`` are scaled down (Lanczos, on premultiplied alpha) before anything
    else is done to them; much larger JPEGs are decoded at a half, quarter or eighth of their size.

    Args:
        source: a file, or its content.
        max_side_px: the longer side of the result at most.

    Returns:
        sRGB with straight alpha; alpha 255 where the image has none.

    Raises:
        InputError: nothing there, a folder, empty, a file of more than ``MAX_BYTES`` (told before
            it is read), not one of the formats, damaged, or of more than ``MAX_PIXELS`` (told
            from its header, before anything is decoded).
    """
    label = _label(source)
    with _opened(source) as image:
        try:
            small = _scalable(image)
            small.thumbnail(
                (max_side_px, max_side_px), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP
            )
            rgba = _to_rgba(ImageOps.exif_transpose(small))
        except DECODE_FAULTS as error:
            raise InputError(
                f"{label}: damaged or truncated {image.format} ({error}); save or download the "
                "image again"
            ) from error
    return np.array(rgba, dtype=np.uint8)


def image_size(source: Path | bytes) -> tuple[int, int]:
    """Width and height in pixels, EXIF orientation applied; read from the header.

    Raises:
        InputError: as ``read_image``, save for damage beyond the header.
    """
    with _opened(source) as image:
        width, height = image.size
        try:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        except DECODE_FAULTS:  # broken EXIF: exif_transpose leaves such an image as it is
            turned = False
    return (height, width) if turned else (width, height)


def check_size(source: Path | bytes, original: tuple[int, int], working: tuple[int, int]) -> None:
    """Refuse an image too small to tell parts apart.

    Args:
        source: the image, for the message.
        original: width and height as given.
        working: width and height as it is worked on.

    Raises:
        InputError: the shorter working side has fewer than ``MIN_SIDE_PX`` pixels.
    """
    if min(working) >= MIN_SIDE_PX:
        return
    came = f"{original[0]}x{original[1]} px"
    if working != original:
        came += f", scaled down to {working[0]}x{working[1]} (input.max_side_px={max(working)})"
    advice = "crop it to the object" if min(original) >= MIN_SIDE_PX else "give a larger picture"
    raise InputError(
        f"{_label(source)}: too small to tell parts apart ({came}), at least {MIN_SIDE_PX} px on "
        f"the shorter side expected; {advice}"
    )


def _label(source: Path | bytes) -> str:
    return "image" if isinstance(source, bytes) else f"image {shown_path(source)}"


def open_quietly(data: bytes) -> Image.Image:
    """Read an image's header without Pillow's warning of half of what it refuses.

    The caller decides by ``MAX_PIXELS``, before decoding.

    Raises:
        PIL.Image.DecompressionBombError: more pixels than ``MAX_PIXELS``.
        OSError: not an image of ``FORMATS``; Pillow raises others for damaged headers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _opened(source: Path | bytes) -> Image.Image:
    label = _label(source)
    data = source
    if not isinstance(data, bytes):
        data = read_limited(data, "image", MAX_BYTES, "save it smaller or with compression")
    if not data:
        raise InputError(f"{label}: the file is empty (0 bytes); save or download the image again")
    try:
        image = open_quietly(data)
    except Image.DecompressionBombError as error:
        raise InputError(f"{label}: {_too_large(_pixels_told(error))}") from error
    except DECODE_FAULTS as error:
        raise InputError(
            f"{label}: not a PNG, JPEG or WebP image, or its header is damaged ({len(data)} bytes "
            f"that start with {quoted(data[:8])}); convert it to one of these formats"
        ) from error
    width, height = image.size
    if width < 1 or height < 1:
        raise InputError(f"{label}: {width}x{height} px, at least 1x1 expected; save it again")
    if width * height > MAX_PIXELS:
        raise InputError(f"{label}: {_too_large(f'{width}x{height} px')}")
    return image


def _pixels_told(error: Exception) -> str:
    """The number of pixels in Pillow's words, in ours; it opens no such image to be asked."""
    told = re.search(r"\((\d+) pixels\)", str(error))
    return f"{int(told[1]) / 1e6:.0f} million pixels" if told else "its header says so"


def _too_large(what: str) -> str:
    return (
        f"too large ({what}), at most {MAX_PIXELS // 1_000_000} million pixels expected; scale the "
        "image down (it is worked on at about a thousand pixels a side)"
    )


def _scalable(image: Image.Image) -> Image.Image:
    """The image in a mode whose values may be averaged: no palette, no key colour, 8 bits.

    Others are given back as they are, not yet decoded, so that a JPEG can be decoded smaller.
    """
    if image.mode.startswith("I"):  # 16-bit grey, the only such that these formats hold
        levels = Image.fromarray(cv2.convertScaleAbs(np.asarray(image), alpha=255.0 / 65535.0))
        levels.info = image.info  # orientation and profile
        return levels
    if image.mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L") if image.mode == "1" else image


def _to_rgba(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        return _to_srgb(image, profile).convert("RGBA")
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        return image.convert("RGB").convert("RGBA")
    return image.convert("RGBA")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, own, srgb, outputMode=mode)
    except (ImageCms.PyCMSError, OSError):  # a profile no one can use: viewers ignore it too
        converted = None
    return image.convert(mode) if converted is None else converted
