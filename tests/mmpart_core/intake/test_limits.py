"""Files and values that are too large are refused before they cost anything."""

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmpart_core.config import read_profile
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.intake import component_files, image
from mmpart_core.intake.components import read_components
from mmpart_core.intake.files import read_limited
from mmpart_core.intake.image import read_image
from mmpart_core.intake.truth import request_from_truth
from mmpart_core.records import InputView
from mmpart_core.storage.memory_store import MemoryStore

HUGE = 40 * 2**30


def sparse(path: Path, size: int = HUGE) -> Path:
    """A file of that size which takes no room on the disk."""
    with path.open("wb") as stream:
        stream.truncate(size)
    return path


@pytest.mark.parametrize("name", ["photo.png", "parts.yaml", "scene.glb"])
def test_huge_files_are_refused_unread(tmp_path: Path, name: str):
    readers: dict[str, Callable[[Path], object]] = {
        "photo.png": lambda path: read_image(path, 512),
        "parts.yaml": read_components,
        "scene.glb": lambda path: request_from_truth(path, view=InputView(), store=MemoryStore()),
    }
    path = sparse(tmp_path / name)
    tracemalloc.start()
    with pytest.raises(InputError, match=f"{name}': {HUGE} bytes, at most") as caught:
        readers[name](path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
    assert str(path) in str(caught.value)


def test_files_without_a_size_are_read_to_the_limit_only():
    with pytest.raises(InputError, match="more than 1000 bytes, at most 1000 expected; use less"):
        read_limited(Path("/dev/zero"), "list", 1000, "use less")


def test_pipes_are_read():
    reader, writer = os.pipe()
    os.write(writer, b"[hat]")
    os.close(writer)
    assert read_limited(Path(f"/dev/fd/{reader}"), "list", 100, "") == b"[hat]"
    os.close(reader)


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path):
    path = tmp_path / "list"
    path.write_bytes(b"x" * 1000)
    assert len(read_limited(path, "list", 1000, "")) == 1000
    with pytest.raises(InputError, match="1000 bytes, at most 999"):
        read_limited(path, "list", 999, "")


def test_a_path_that_cannot_be_is_named():
    with pytest.raises(InputError, match="null byte"):
        read_limited(Path("a\0b"), "image", 10, "")


def test_limits_leave_room_for_what_is_allowed(tmp_path: Path):
    polygon = [[round(0.1 + n / 10_000, 6), 0.123456] for n in range(2000)]
    full = [
        {"name": f"part {n:03d}" + "x" * 110, "hidden": "w" * 2000, "region": {"polygon": polygon}}
        for n in range(64)
    ]
    path = tmp_path / "parts.json"
    path.write_text(json.dumps(full))
    assert len(read_components(path)) == 64
    assert path.stat().st_size < component_files.MAX_BYTES
    assert 4 * image.MAX_PIXELS <= image.MAX_BYTES


ENTRIES: list[dict[str, Any]] = [
    {"name": "x" * 100_000},
    {"name": ["x" * 1000] * 1000},
    {"name": "hat", "k" * 100_000: 1},
    {"name": "hat", **{f"key {n}": n for n in range(10_000)}},
    {"name": "hat", "count": "9" * 100_000},
    {"name": "hat", "hidden": ["x" * 1000] * 1000},
    {"name": "hat", "region": "x" * 100_000},
    {"name": "hat", "region": {"k" * 100_000: 1}},
    {"name": "hat", "region": {"box": ["x" * 1000] * 1000}},
    {"name": "hat", "region": {"box": [1, 2, "x" * 100_000, 4]}},
    {"name": "hat", "region": {"box": [0, 0, 10**4000, 10**4001]}},
    {"name": "hat", "region": {"points": [[0.5, -(10**400)]]}},
    {"name": "hat", "region": {"points": [["x" * 1000] * 3] * 1000}},
    {"name": "hat", "region": {"box": [0, 0, 1, 1], "units": "x" * 100_000}},
    {"name": "hat", "region": {"mask": ["x" * 1000] * 1000}},
]


@pytest.mark.parametrize("number", range(len(ENTRIES)))
def test_messages_stay_short_whatever_came(tmp_path: Path, number: int):
    path = tmp_path / "parts.json"
    path.write_text(json.dumps([ENTRIES[number]]))
    with pytest.raises(InputError, match=r"parts\.json, entry 1") as caught:
        read_components(path)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("parts.json", '[{"name": "hat", "count": ' + "9" * 6000 + "}]"),
        ("parts.json", '{"' + "k" * 100_000 + '": 1}'),
        ("parts.csv", "name,count\nhat," + "9" * 6000),
        ("parts.csv", "name,box\nhat," + "9" * 60_000),
        ("parts.csv", "name," + ",".join("c" * 50 for _ in range(1000)) + "\nhat"),
        ("parts.yaml", "- {name: hat, count: 0x" + "f" * 50_000 + "}"),
        ("parts.yaml", "- {name: hat, region: {box: [1, 2, 0x" + "f" * 50_000 + ", 4]}}"),
    ],
    ids=[
        "json number",
        "json key",
        "csv count",
        "csv box",
        "csv heading",
        "yaml count",
        "yaml box",
    ],
)
def test_numbers_and_headings_of_any_length(tmp_path: Path, name: str, text: str):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
        read_components(path)
    assert len(str(caught.value)) < 800


def test_profiles_are_read_within_limits(tmp_path: Path):
    path = sparse(tmp_path / "p.yaml")
    with pytest.raises(ConfigError, match="more than 1000000 bytes"):
        read_profile(path)
    small = tmp_path / "small.yaml"
    small.write_text("plan: {kind: " + "k" * 100_000 + "}\n" + "x" * 100_000 + ": 1\n")
    with pytest.raises(ConfigError) as caught:
        read_profile(small)
    assert len(str(caught.value)) < 2000
