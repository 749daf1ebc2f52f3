"""Readers of stored and foreign bytes, on damaged ones: an answer or one of our errors, soon."""

import json
import random
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pytest

from mmpart_core.errors import BlobCorruptError, MMPartError
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.records import ImageRef
from mmpart_core.storage import codecs
from mmpart_core.storage.glb import GlbNode, decode_glb, encode_glb
from mmpart_core.storage.gltf import container
from mmpart_core.storage.memory_store import MemoryStore
from mmpart_core.storage.store_contents import named_digests, referred_blobs

ROUNDS = 200
ODD: list[Any] = [-1, 0, 2**31, 2**53, 1e308, None, True, "x", [], {}, [1, 2], 7,
                  "../../etc/passwd", "file:///etc/passwd", "data:,x"]  # fmt: skip


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut short, altered, lengthened, or with a number that is far too large."""
    changed = bytearray(data)
    kind = rng.randrange(4)
    place = rng.randrange(0, len(changed) - 4, 4)
    if kind == 0:
        return bytes(changed[: rng.randrange(len(changed))])
    if kind == 1:
        for _ in range(rng.randrange(1, 6)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    elif kind == 2:
        changed[place:place] = rng.randbytes(rng.randrange(1, 20))
    else:
        changed[place : place + 4] = rng.choice([b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f"])
    return bytes(changed)


def altered(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """JSON with one value replaced or taken out, somewhere."""
    copy: Any = json.loads(json.dumps(document))
    node: Any = copy
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = rng.choice(keys)
        inner = node[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
            node = inner
            continue
        if isinstance(node, dict) and rng.random() < 0.3:
            del node[key]
        else:
            node[key] = rng.choice(ODD)
        return copy


def told(reads: Iterable[Callable[[], object]]) -> int:
    """How many of the reads are refused by an error of ours; any other one breaks the test."""
    refused = 0
    for read in reads:
        try:
            read()
        except MMPartError:
            refused += 1
    return refused


@pytest.fixture
def glb(cube: Any, texture: np.ndarray) -> bytes:
    uv = np.tile([[0.2, 0.3], [0.9, 0.7]], (4, 1))
    return encode_glb([GlbNode("a", cube(uv=uv, texture=texture)), GlbNode("b", cube())])


def read_glb(data: bytes) -> None:
    for node in decode_glb(data):
        node.world_mesh()


def test_glb_with_damaged_bytes(glb: bytes) -> None:
    rng = random.Random(1)
    assert told(partial(read_glb, damaged(glb, rng)) for _ in range(ROUNDS)) > 0


def test_glb_with_another_document(glb: bytes) -> None:
    rng = random.Random(2)
    document, binary = container.unpack(glb)
    files = (container.pack(altered(document, rng), binary) for _ in range(2 * ROUNDS))
    assert told(partial(read_glb, data) for data in files) > 0


def test_images() -> None:
    rng = random.Random(3)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    png = codecs.encode_png(pixels)
    assert told(partial(codecs.decode_png, damaged(png, rng), "RGBA") for _ in range(ROUNDS)) > 0
    with pytest.raises(BlobCorruptError, match="none"):
        codecs.decode_png(b"GIF89a" + bytes(40), "RGBA")


def test_an_image_that_unpacks_to_far_more_than_its_record_says_is_not_unpacked() -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", 9000, 9000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(9001) * 9000)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    bomb = b"\x89PNG\r\n\x1a\n" + chunks
    store = MemoryStore()
    ref = ImageRef(**store.put(bomb, "image/png").model_dump(), width=64, height=64)
    assert len(bomb) < 100_000
    with pytest.raises(BlobCorruptError, match="expected a PNG of 64 x 64 px, got 9000 x 9000"):
        codecs.get_image(store, ref)


def test_field_checkpoints() -> None:
    rng = random.Random(4)
    store = MemoryStore()
    grid = FieldGrid(
        sdf=np.ones((4, 4, 4), np.float32), rgb=np.zeros((4, 4, 4, 3), np.float32),
        origin=np.zeros(3), spacing=0.1,
    )  # fmt: skip
    data = store.get(codecs.put_field(store, grid))
    refs = [store.put(damaged(data, rng), codecs.FIELD_MEDIA) for _ in range(ROUNDS)]
    assert told(partial(codecs.get_field, store, ref) for ref in refs) > 0


def test_stored_records() -> None:
    rng = random.Random(5)
    ref = {"sha256": "ab" * 32, "size": 3, "media": "image/png"}
    result = {"__class__": "x.Y", "data": {"parts": [ref, {"mesh": ref}]}}
    record = json.dumps({"metadata": {}, "result": json.dumps(result)}).encode()
    assert [each.sha256 for each in referred_blobs(record)] == ["ab" * 32]
    contents = [damaged(record, rng) for _ in range(ROUNDS)]
    assert 0 < told(partial(referred_blobs, content) for content in contents) < ROUNDS
    assert any(named_digests(content) for content in contents)
    deep = json.dumps({"result": '{"data": ' + "[" * 90_000 + "]" * 90_000 + "}"}).encode()
    assert told([partial(referred_blobs, deep)]) == 1


def test_nothing_is_unpickled_from_a_store() -> None:
    """A pickle runs whatever its writer likes as it is read."""
    bomb = b"cos\nsystem\n(S'exit 1'\ntR."
    store = MemoryStore()
    ref = store.put(bomb, codecs.FIELD_MEDIA)
    with pytest.raises(BlobCorruptError, match="field checkpoint"):
        codecs.get_field(store, ref)
