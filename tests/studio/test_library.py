"""Objects in the store: kept, found, changed at once from many sides, forgotten."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmpart_core.errors import StorageError
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.library import OBJECTS_FOLDER, ObjectLibrary
from studio.objects import ComponentRow, Draft, KeptObject, Nudge


def named(name: str) -> Draft:
    return Draft(name=name, rows=(ComponentRow(name="hat"),))


def turned(kept: KeptObject) -> KeptObject:
    count = float(len(kept.nudges))
    return kept.model_copy(
        update={"nudges": {**kept.nudges, f"part {count}": Nudge(move=(count, 0, 0))}}
    )


def check_library(library: ObjectLibrary) -> None:
    """What holds on every store."""
    robot = library.create(named("Toy robot"), b"image", (4, 3))
    hat = library.create(named("帽子 Hut"), b"other", (4, 3))
    assert library.load(robot.id) == robot
    assert library.upload(hat.id) == b"other"
    assert set(library.ids()) == {robot.id, hat.id}
    assert library.ids("ROBOT toy") == [robot.id]
    assert library.ids("帽子") == [hat.id]
    assert library.ids("robot hut") == []
    changed = library.change(
        robot.id, lambda now: now.model_copy(update={"draft": named("Old lamp")})
    )
    assert changed is not None
    assert library.ids("robot") == []
    assert library.ids("lamp") == [robot.id]
    library.store.write_file(f"studio/files/{robot.id}/parts/hat.glb", b"glb")
    library.delete(robot.id)
    assert library.ids() == [hat.id]
    assert library.load(robot.id) is None
    assert library.upload(robot.id) is None
    assert library.file(robot.id, "parts/hat.glb") is None


def test_in_a_folder(store: FsspecStore):
    check_library(ObjectLibrary(store))


def test_on_s3(s3_url: str):
    check_library(ObjectLibrary(FsspecStore(s3_url)))


def test_changes_from_many_sides_are_all_kept(store: FsspecStore):
    library = ObjectLibrary(store)
    kept = library.create(named("lamp"), b"", (1, 1))
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            pool.submit(library.change, kept.id, turned)
    after = library.load(kept.id)
    assert after is not None
    assert len(after.nudges) == 20


@pytest.mark.parametrize("name", ["..", "../objects/x", "", "a" * 24, "20261123-041500-0a1b2c3d/x"])
def test_nothing_but_an_id_is_a_path(store: FsspecStore, tmp_path: Path, name: str):
    (tmp_path / "store" / "studio").mkdir(parents=True)
    (tmp_path / "store" / "studio" / "objects").mkdir()
    (tmp_path / "secret.json").write_text("{}")
    library = ObjectLibrary(store)
    assert library.load(name) is None
    assert library.upload(name) is None
    library.delete(name)
    assert (tmp_path / "secret.json").exists()


def test_a_file_of_another_version_is_told(store: FsspecStore):
    library = ObjectLibrary(store)
    kept = library.create(named("lamp"), b"", (1, 1))
    store.write_file(f"{OBJECTS_FOLDER}/{kept.id}.json", b'{"id": 3}')
    with pytest.raises(StorageError, match="cannot be read by this version"):
        library.load(kept.id)
