"""Typed arrays and images of a glTF document."""

import base64
import binascii
import io
import struct
import zlib
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from mmpart_core.errors import InputError
from mmpart_core.quoting import quoted

_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
# What glTF allows (specification, section 3.8.3) and EXT_texture_webp adds.
_IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
_IMAGE_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
# Zeros that a file asks for and no buffer holds (specification, section 3.6.2.3): as many as five
# million positions take, over the whole file; more than that is a mistake or an attack.
_MOST_ZERO_BYTES = 64_000_000
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Buffers:
    """Reads accessors and images; each image is decoded once."""

    def __init__(self, document: dict[str, Any], binary: bytes) -> None:
        self._document = document
        self._images: dict[int, UInt8[np.ndarray, "H W 4"]] = {}
        self._zero_bytes = 0
        self._buffers = [
            _buffer(entry, index, binary) for index, entry in enumerate(document.get("buffers", []))
        ]

    def array(self, index: int) -> np.ndarray:
        """An accessor's values as stored: (count,) for scalars, (count, width) otherwise.

        Raises:
            InputError: it reaches beyond its buffer, or asks for too many zeros without one;
                told before memory is taken.
        """
        accessor = self._document["accessors"][index]
        dtype, width = np.dtype(_DTYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        count = accessor["count"]
        if "bufferView" in accessor:
            offset = accessor.get("byteOffset", 0)
            values = self._strided(accessor["bufferView"], offset, count, width, dtype)
        else:
            values = self._zeros(index, count, width, dtype)
        if "sparse" in accessor:
            values = self._sparse(values, accessor["sparse"])
        return values.reshape(-1) if width == 1 else values

    def floats(self, index: int) -> Float[np.ndarray, "..."]:
        """An accessor's values as float64; normalised integers are scaled to [-1, 1]."""
        values = self.array(index)
        scaled = values.astype(np.float64)
        if self._document["accessors"][index].get("normalized") and values.dtype.kind in "iu":
            return np.maximum(scaled / np.iinfo(values.dtype).max, -1.0)
        return scaled

    def image(self, index: int) -> UInt8[np.ndarray, "H W 4"]:
        """A decoded image, sRGB with straight alpha.

        Raises:
            InputError: it is outside the file or cannot be decoded.
        """
        if index not in self._images:
            entry = self._document["images"][index]
            data = (
                self._bytes(entry["bufferView"])
                if "bufferView" in entry
                else _data_uri(entry.get("uri", ""), f"image {index}")
            )
            try:
                with Image.open(io.BytesIO(data), formats=_IMAGE_FORMATS) as picture:
                    self._images[index] = np.array(picture.convert("RGBA"))
            except _IMAGE_FAULTS as error:
                raise InputError(
                    f"GLB: image {index} cannot be decoded ({error}); embed it as a PNG or JPEG"
                ) from error
        return self._images[index]

    def _bytes(self, view_index: int) -> bytes:
        view = self._document["bufferViews"][view_index]
        start = view.get("byteOffset", 0)
        if min(start, view["byteLength"]) < 0:
            raise InputError(f"GLB: buffer view {view_index} lies outside its buffer; export again")
        data = self._buffers[view["buffer"]][start : start + view["byteLength"]]
        if len(data) < view["byteLength"]:
            raise InputError(
                f"GLB: buffer view {view_index} needs {view['byteLength']} bytes, "
                f"{len(data)} are there; copy the file again"
            )
        return data

    def _zeros(self, index: int, count: int, width: int, dtype: np.dtype) -> np.ndarray:
        self._zero_bytes += count * width * dtype.itemsize
        if count < 0 or self._zero_bytes > _MOST_ZERO_BYTES:
            raise InputError(
                f"GLB: accessor {index} asks for {quoted(count)} elements that no buffer holds, "
                f"at most {_MOST_ZERO_BYTES} bytes of them expected in all; export the scene again"
            )
        return np.zeros((count, width), dtype=dtype)

    def _strided(
        self, view_index: int, offset: int, count: int, width: int, dtype: np.dtype
    ) -> np.ndarray:
        data = self._bytes(view_index)
        tight = width * dtype.itemsize
        stride = self._document["bufferViews"][view_index].get("byteStride", tight)
        # A stride below one element (a zero, say) would let a few bytes stand for any count.
        if stride < tight or min(offset, count) < 0:
            raise InputError(
                f"GLB: buffer view {view_index} has stride {quoted(stride)}, at least {tight} "
                f"expected, read from {quoted(offset)}; export the scene again"
            )
        if count and offset + stride * (count - 1) + tight > len(data):
            raise InputError(
                f"GLB: {quoted(count)} elements reach beyond buffer view {view_index} of "
                f"{len(data)} bytes; export the scene again"
            )
        return np.ndarray((count, width), dtype, data, offset, (stride, dtype.itemsize))

    def _sparse(self, values: np.ndarray, sparse: dict[str, Any]) -> np.ndarray:
        where, what = sparse["indices"], sparse["values"]
        dtype = np.dtype(_DTYPES[where["componentType"]])
        rows = self._strided(
            where["bufferView"], where.get("byteOffset", 0), sparse["count"], 1, dtype
        )
        values = values.copy()
        values[rows.reshape(-1)] = self._strided(
            what["bufferView"],
            what.get("byteOffset", 0),
            sparse["count"],
            values.shape[1],
            values.dtype,
        )
        return values


def _buffer(entry: dict[str, Any], index: int, binary: bytes) -> bytes:
    if "uri" in entry:
        return _data_uri(entry["uri"], f"buffer {index}")
    return binary


def _data_uri(uri: str, what: str) -> bytes:
    head, _, body = uri.partition(",")
    if not head.startswith("data:"):
        raise InputError(
            f"GLB: {what} is in another file ({quoted(uri, 60)}); export the scene as one .glb"
        )
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise InputError(f"GLB: {what}: its data URI is not base64 ({error})") from error
