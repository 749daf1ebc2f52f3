"""The GLB container: a JSON chunk and a binary chunk (glTF 2.0 specification, section 4.4)."""

import json
import struct
from typing import Any

from mmpart_core.errors import InputError

_MAGIC = b"glTF"
_JSON = 0x4E4F534A
_BIN = 0x004E4942


def pack(document: dict[str, Any], binary: bytes) -> bytes:
    """A GLB of a document and its only buffer; the same bytes every time."""
    text = json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<4sII", _MAGIC, 2, total),
            struct.pack("<II", len(text), _JSON),
            text,
            struct.pack("<II", len(binary), _BIN),
            binary,
        ]
    )


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The document and the binary chunk (empty when there is none).

    Raises:
        InputError: not a GLB of version 2, cut short, or its JSON cannot be read.
    """
    if len(data) < 20 or data[:4] != _MAGIC:
        raise InputError(
            f"GLB: expected a binary glTF file, got {len(data)} bytes that do not start as one; "
            "export the scene as .glb"
        )
    version, total = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise InputError(f"GLB: expected glTF version 2, got {version}; export it again as 2.0")
    if total > len(data):
        raise InputError(
            f"GLB: cut short, {len(data)} of {total} bytes are there; copy the file again"
        )
    chunks: dict[int, bytes] = {}
    offset = 12
    while offset + 8 <= total:
        length, kind = struct.unpack_from("<II", data, offset)
        if offset + 8 + length > total:
            raise InputError("GLB: a chunk is longer than the file; copy the file again")
        chunks.setdefault(kind, data[offset + 8 : offset + 8 + length])
        offset += 8 + length
    return _parse(chunks.get(_JSON, b"")), chunks.get(_BIN, b"")


def _parse(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"GLB: its JSON chunk cannot be read ({error}); export the scene again"
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"GLB: its JSON chunk holds a {type(document).__name__}, not an object")
    return document
