"""Manifests are read row by row; what cannot be used is one row's fault, or refused as a whole."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import Semaphore
from typing import Any

import pandas as pd
import pytest

from flows.dataset_items import DatasetItem, RowDefaults, check_row
from flows.dataset_manifest import base_of, count_rows, read_rows
from flows.dataset_scan import side_by_side
from mmpart_core.errors import InputError
from mmpart_core.intake.components import parse_part


def items_of(source: Path | str, *parts: str, **defaults: Any) -> list[DatasetItem | str]:
    """Each row as an item, or as what is wrong with it."""
    entries = tuple(parse_part(part) for part in parts)
    given = RowDefaults(base_of(str(source)), entries, **defaults)
    found: list[DatasetItem | str] = []
    for row in read_rows(str(source)):
        try:
            found.append(check_row(row, given))
        except InputError as error:
            found.append(str(error))
    return found


def item(found: DatasetItem | str) -> DatasetItem:
    assert isinstance(found, DatasetItem), found
    return found


def test_rows_of_a_csv_are_items_or_faults(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(
        b"\xef\xbb\xbfImage,id,components,camera,seed,category\n"
        b'a/photo.png,,"hat, man = bald, really",,,people\n'
        b"b.png,bob,hat; man = bald,elevation=5,7,people\n"
        b"\n"
        b",,hat,,,\n"
        b"c.png,,,,,\n"
        b"d.png,,hat,,x,\n"
        b"e.png,,hat,,,a,b\n"
        b"f.png,\xff,hat,,,\n"
        b"g.png,,hat,tilt=3,,\n"
        b"http://169.254.169.254/h.png,,hat,,,\n"
        b"s3://user:pass@bucket/i.png,,hat,,,\n"  # pragma: allowlist secret
        b"j.png,a/b,hat,,,\n"
    )
    found = items_of(path)
    first, second = item(found[0]), item(found[1])
    assert (first.name, first.image) == ("a", str(tmp_path / "a/photo.png"))
    assert [(e.name, e.hidden) for e in first.entries] == [
        ("hat", ""), ("man", "bald"), ("really", ""),
    ]  # fmt: skip
    assert (second.name, second.seed, second.view.elevation_deg) == ("bob", 7, 5.0)
    assert [(e.name, e.hidden) for e in second.entries] == [("hat", ""), ("man", "bald")]
    expected = (
        "row 3: no image", "row 4: no components", "row 5: seed 'x'", "row 6: more cells",
        "row 7: not UTF-8", "row 8: camera 'tilt=3'", "row 9, image: 'http://169",
        "row 10, image: address 's3://bucket/i.png' holds a user", "row 11, id: name 'a/b'",
    )  # fmt: skip
    for fault, words in zip(found[2:], expected, strict=True):
        assert words in fault
    assert "download it" in str(found[8])
    assert "pass@" not in str(found)
    assert count_rows(str(path), None) == 11
    assert count_rows(str(path), 4) == 4


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_lists_of_components_with_regions(tmp_path: Path, kind: str) -> None:
    rows = [
        {"image": "a.png", "id": "one", "seed": 3,
         "components": [{"name": "hat", "hidden": "bald", "region": {"box": [0.1, 0.1, 0.5, 0.5]}},
                        {"name": "wheels", "count": 4}]},
        {"image": "b.png", "id": "two", "components": [{"name": "hat"}]},
        {"image": "c.png", "id": "three"},
    ]  # fmt: skip
    path = tmp_path / f"data.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join([*map(json.dumps, rows), "", "{broken", "[1]"]))
    else:
        pd.DataFrame(rows).to_parquet(path)
    found = items_of(path, "body")
    hat, wheels = item(found[0]).entries
    assert (item(found[0]).seed, hat.hidden, wheels.count) == (3, "bald", 4)
    assert hat.region is not None
    assert hat.region.points == ((0.1, 0.1), (0.5, 0.5))
    assert [entry.name for entry in item(found[1]).entries] == ["hat"]
    assert [entry.name for entry in item(found[2]).entries] == ["body"]
    if kind == "jsonl":
        assert "row 4: not valid JSON" in str(found[3])
        assert "row 5: list, an object" in str(found[4])


def fill(folder: Path) -> None:
    for name in ("b.jpg", "a.PNG", "sub/c.webp", "notes.txt", ".d.png", "masks/a.png", "_x/y.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (folder / "a.yaml").write_text("components: [seat, back]")


def test_images_of_a_folder_with_lists_beside_them(tmp_path: Path) -> None:
    fill(tmp_path)
    found = [item(each) for each in items_of(tmp_path, "body")]
    assert [(i.name, i.shown, [e.name for e in i.entries]) for i in found] == [
        ("a", "a.PNG", ["seat", "back"]),
        ("b", "b.jpg", ["body"]),
        ("sub-c", "sub/c.webp", ["body"]),
    ]  # fmt: skip


def test_a_prefix_of_an_object_store_reads_as_the_folder_does(tmp_path: Path, s3_url: str) -> None:
    from mmpart_core.storage.store_files import StoreFiles

    fill(tmp_path)
    place = StoreFiles(s3_url)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            place.write_file(f"in/{path.relative_to(tmp_path)}", path.read_bytes())
    here, there = items_of(tmp_path, "body"), items_of(f"{s3_url}/in/", "body")
    assert [item(each).shown for each in there] == [item(each).shown for each in here]
    assert [item(each).entries[0].name for each in there] == ["seat", "body", "body"]
    place.write_file("data.csv", b"image\nin/a.PNG\n/etc/passwd\n../x.png\n~/x.png\n")
    found = items_of(f"{s3_url}/data.csv", "body")
    assert item(found[0]).image == f"{s3_url}/in/a.PNG"
    assert all("leaves" in str(fault) for fault in found[1:])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("data.csv", "picture\na.png\n", "columns 'picture'"),
        ("data.csv", "", "columns none"),
        ("data.csv", "image\n", "data.csv: no rows"),
        ("data.jsonl", "", "data.jsonl: no rows"),
        ("data.parquet", "no table", "cannot be read after row 0"),
        ("data.txt", "image\n", "neither a folder of images nor a file of .csv"),
        ("empty/notes.txt", "x", "no PNG, JPEG or WebP"),
    ],
)
def test_manifests_that_cannot_be_used(tmp_path: Path, name: str, content: str, words: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    source = path.parent if "/" in name else path
    with pytest.raises(InputError, match=words):
        count_rows(str(source), None)


def test_a_manifest_that_is_not_there() -> None:
    with pytest.raises(InputError, match="check the path"):
        count_rows(os.devnull + ".csv", None)
    with pytest.raises(InputError, match="not read from https"):
        count_rows("https://example.org/data.csv", None)


def test_rows_are_read_no_further_ahead_than_said() -> None:
    """A manifest of any length takes the memory of a few rows."""
    read = 0

    def endless() -> Any:
        nonlocal read
        while True:
            read += 1
            yield read

    most = Semaphore(4)
    with ThreadPoolExecutor(2) as threads:
        rows = side_by_side(threads, lambda n: (most.acquire(blocking=False), n), endless(), 4)
        for at, (_, value) in enumerate(islice(rows, 50), start=1):
            assert value == at
            assert read - at <= 3
            most.release()
