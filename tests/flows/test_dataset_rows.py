"""What is wrong with a row is told in one form, briefly; names are used once, changes are told."""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from flows.dataset_items import RowDefaults, check_row, request_of
from flows.dataset_job import DatasetJob, PreparedJob
from flows.dataset_manifest import ManifestRow
from flows.dataset_outcomes import OutcomeRow
from flows.dataset_scan import Scan, Todo
from flows.profiles import find_config
from mmpart_core.errors import InputError
from mmpart_core.storage.memory_store import MemoryStore

WHERE = "bad.csv, row 3"


class Scanned:
    """A manifest that was gone through."""

    def __init__(self, job: DatasetJob) -> None:
        self.invalid: list[OutcomeRow] = []
        self.notes: list[str] = []
        config = find_config(job.profile, ())
        prepared = PreparedJob(job=job, config=config, store_url=job.store or "")
        scan = Scan(
            prepared, {}, {}, None, Event(), lambda _: None,
            lambda row, _: self.invalid.append(row), self.notes.append,
        )  # fmt: skip
        self.todos: list[Todo] = list(scan.todos())

    @property
    def names(self) -> list[str]:
        return [todo.item.name for todo in self.todos]


def fault_of(**values: Any) -> str:
    with pytest.raises(InputError) as caught:
        check_row(ManifestRow(3, WHERE, {"image": "a.png", **values}), RowDefaults("/data"))
    return str(caught.value)


@pytest.mark.parametrize("given", [".", "..", "🎩", "❤️", "!?", "—"])
def test_an_id_that_names_nothing_is_refused_as_written(given: str) -> None:
    said = fault_of(id=given, components="hat")
    assert said.startswith(f"{WHERE}, id: {given!r} names no folder; at least one letter")
    assert "give another id" in said


@pytest.mark.parametrize(
    ("given", "name"), [("_", "_"), ("帽子", "帽子"), ("CON", "CON_"), ("7", "7"), ("a🎩b", "a-b")]
)
def test_ids_that_say_something_name_their_folders_as_ever(given: str, name: str) -> None:
    row = ManifestRow(3, WHERE, {"image": "a.png", "id": given, "components": "hat"})
    item = check_row(row, RowDefaults("/data"))
    assert (item.name, item.given_id) == (name, given)


def test_changed_ids_are_told_once_and_taken_names_as_written(
    dataset_of: Callable[..., DatasetJob],
) -> None:
    given = ["plain", "a b", "a/../b", "A🎩B", "CON", "..", "con_", "9"]
    found = Scanned(dataset_of(*({"image": f"good-{n}.png", "id": i} for n, i in enumerate(given))))
    assert found.names == ["plain", "a-b", "CON_", "9"]
    assert found.notes == [
        "2 ids are changed to name a folder: letters, digits, underscores and dashes are kept "
        "(data.jsonl, row 2: 'a b' is 'a-b'); the column 'id' of the outcomes has them as written"
    ]
    told = {row.id: (row.object, row.message or "") for row in found.invalid}
    assert list(told) == ["a/../b", "A🎩B", "..", "con_"]
    assert told["A🎩B"][0] == "row-4"
    assert "'A-B', which id 'A🎩B' becomes, is taken by row 2" in told["A🎩B"][1]
    assert "the name 'con_' is taken by row 5" in told["con_"][1]
    assert "'..' names no folder" in told[".."][1]


def test_a_row_that_makes_no_object_hides_no_outcome_of_one_before_it(
    dataset_of: Callable[..., DatasetJob],
) -> None:
    found = Scanned(dataset_of(
        {"image": "good-a.png", "id": "a b"}, {"image": "absent.png", "id": "a?b"},
        {"image": "absent.png"}, {"image": "x/Absent.png"},
    ))  # fmt: skip
    assert found.names == ["a-b"]
    assert [(row.object, row.id) for row in found.invalid] == [
        ("row-2", "a?b"), ("absent", None), ("row-4", None),
    ]  # fmt: skip
    assert all("no such file" in (row.message or "").lower() for row in found.invalid)


def test_a_heading_is_said_once_not_to_count(
    dataset_of: Callable[..., DatasetJob], tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    path.write_text("image\nabsent.png\n\nabsent-2.png\n")
    found = Scanned(dataset_of(source=str(path)))
    assert [note.partition(":")[0] for note in found.notes] == [
        "rows are counted without the heading and empty lines"
    ]
    assert [(row.message or "").partition(":")[0] for row in found.invalid] == [
        "data.csv, row 1", "data.csv, row 2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"components": "hat, a/b"}, ", components: part 'a/b': name 'a/b' holds '/'"),
        ({"components": "hat, Hat"}, ", components, part 'Hat': the name 'Hat' is taken"),
        ({"components": '["hat", 3]'}, ", components, entry 2: name 3 is no text"),
        ({"components": "[hat"}, ", components: '[hat'; not valid JSON"),
        ({"components": 7}, ", components: 7; text or a list expected"),
        ({"components": "gone.yaml"}, ", components: component list '/data/gone.yaml': no such"),
        ({"components": "http://h/a.yaml"}, ", components: 'http://h/a.yaml': files are not"),
        ({"components": "hat", "camera": "tilt=3"}, ": camera 'tilt=3'"),
        ({"components": "hat", "seed": "x"}, ": seed 'x'"),
        ({"components": "hat", "id": "a\\b"}, ", id: name 'a\\\\b' holds"),
        ({"image": "ftp://h/a.png"}, ", image: 'ftp://h/a.png': files are not fetched from ftp"),
        ({"image": "file:///x/a.png"}, ", image: 'file:///x/a.png': name the path itself, without"),
        ({"image": "FILE:/x/a.png"}, ", image: 'FILE:/x/a.png': name the path itself, without"),
        ({"image": f"data:image/png;base64,{'iVBO' * 999}"}, ", image: 'data:image/png"),
    ],
)
def test_faults_name_manifest_row_and_column(values: dict[str, Any], said: str) -> None:
    found = fault_of(**values)
    assert found.startswith(f"{WHERE}{said}")
    assert len(found) < 300


def test_a_lists_own_faults_come_with_the_row(tmp_path: Path) -> None:
    (tmp_path / "parts.yaml").write_text("components: [hat, {count: 2}]")
    row = ManifestRow(3, WHERE, {"image": "a.png", "components": "parts.yaml"})
    with pytest.raises(InputError, match=rf"^{WHERE}, components: parts.yaml, entry 2: 'name'"):
        check_row(row, RowDefaults(str(tmp_path)))


def test_images_faults_come_with_the_row(
    dataset_of: Callable[..., DatasetJob], tmp_path: Path
) -> None:
    found = Scanned(dataset_of({"image": "absent.png"}, {"image": "broken.png"}))
    assert (found.invalid[0].message or "").startswith("data.jsonl, row 1: image '…/absent.png'")
    with pytest.raises(InputError, match=r"^data\.jsonl, row 2: image '.*broken\.png': ") as caught:
        request_of(found.todos[0].item, find_config("local", ()), MemoryStore())
    assert str(caught.value).count("row 2") == 1


@pytest.mark.parametrize(
    "image",
    ["a" * 5000 + ".png", f"s3://bucket/{'a' * 5000}.png?secret", f"http://h/{'a' * 5000}.png",
     f"https://h:{'9' * 5000}/a.png", "file:///" + "a" * 5000, "data:," + "a" * 5000,
     "\0" * 5000],
)  # fmt: skip
def test_what_is_told_of_a_huge_cell_is_short(
    image: str, dataset_of: Callable[..., DatasetJob]
) -> None:
    (row,) = Scanned(dataset_of({"image": image, "id": "a" * 5000, "components": "a" * 5000},
                                {"image": image, "seed": "9" * 5000})).invalid[1:]  # fmt: skip
    assert len(row.message or "") < 600
    assert len(row.image or "") <= 1100
    assert len(row.object) <= 100
