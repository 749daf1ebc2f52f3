"""Outcomes are never lost nor counted twice, whenever a run ends; one run at a time writes them."""

import random
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pyarrow
import pytest
from pyarrow import parquet

from flows import dataset_latest, dataset_lease, dataset_pieces, dataset_table
from flows.dataset_attempts import Attempts
from flows.dataset_known import begin_refresh, end_refresh, load_known
from flows.dataset_lease import HeldLease, Lease, is_live, read_lease
from flows.dataset_outcomes import OutcomeRow
from flows.dataset_table import OutcomeWriter, as_table, compact, load_outcomes
from mmpart_core.errors import ConfigError, StorageError
from mmpart_core.storage.store_files import StoreFiles


@pytest.fixture
def place(tmp_path: Path) -> StoreFiles:
    return StoreFiles(str(tmp_path))


def rows_of(name: str, number: int, state: str = "made") -> list[OutcomeRow]:
    whole = OutcomeRow.model_validate({"object": name, "number": number, "state": state})
    return [whole, *(whole.model_copy(update={"component": part}) for part in ("hat", "man"))]


def seen(place: StoreFiles) -> list[tuple[str, str | None, str]]:
    table = load_outcomes(place).to_pylist()
    return [(row["object"], row["component"], row["state"]) for row in table]


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.glob("state/outcomes/*"))


def test_latest_rows_count_in_the_order_of_the_manifest(place: StoreFiles, tmp_path: Path) -> None:
    first = OutcomeWriter(place, 1)
    first.add(rows_of("b", 2, "failed"))
    first.add(rows_of("a", 1))
    second = OutcomeWriter(place, 2)
    second.add(rows_of("b", 2)[:2])
    expected = [("a", None, "made"), ("a", "hat", "made"), ("a", "man", "made"),
                ("b", None, "made"), ("b", "hat", "made")]  # fmt: skip
    assert seen(place) == expected
    assert len(files(tmp_path)) == 3
    left = {path.name: path.read_bytes() for path in tmp_path.glob("state/outcomes/*")}
    compact(place)
    assert files(tmp_path) == []
    assert seen(place) == expected
    for name, content in left.items():  # as if it had died before it removed them
        (tmp_path / "state/outcomes" / name).write_bytes(content)
    assert seen(place) == expected
    compact(place)
    assert seen(place) == expected
    known = load_known(place)
    assert {name: (each.state, each.run) for name, each in known.items()} == {
        "a": ("made", 1), "b": ("made", 2),
    }  # fmt: skip


def test_many_files_are_rolled_into_few(
    place: StoreFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_table, "ROLLED_FILES", 4)
    writer = OutcomeWriter(place, 1)
    for number in range(1, 11):
        writer.add(rows_of(f"o{number}", number))
    assert len(files(tmp_path)) == 4  # two tables of four objects, two objects
    writer.add(rows_of("bad", 11, "invalid")[:1], at_once=False)
    assert len(seen(place)) == 30
    writer.close()
    assert len(seen(place)) == 31
    compact(place)
    assert files(tmp_path) == []
    assert len(seen(place)) == 31


def test_a_run_holds_no_more_rows_than_it_rolls(
    place: StoreFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_table, "BUFFERED_ROWS", 5)
    monkeypatch.setattr(dataset_table, "ROLLED_ROWS", 10)
    writer = OutcomeWriter(place, 1)
    for number in range(1, 24):
        writer.add(rows_of(f"row-{number}", number, "invalid")[:1], at_once=False)
    assert [name.rpartition(".")[2] for name in files(tmp_path)] == ["parquet", "parquet"]
    writer.close()
    assert len(seen(place)) == 23


def test_a_damaged_file_is_named(place: StoreFiles, tmp_path: Path) -> None:
    OutcomeWriter(place, 1).add(rows_of("a", 1))
    (path,) = tmp_path.glob("state/outcomes/*")
    path.write_text(path.read_text()[:-20])
    with pytest.raises(StorageError, match=path.name):
        load_outcomes(place)
    path.unlink()
    (tmp_path / "outcomes.parquet").write_bytes(b"PAR1")
    with pytest.raises(StorageError, match=r"outcomes\.parquet"):
        load_known(place)


@pytest.mark.parametrize("columns", [None, ["object", "id", "component"], ["object"]])
def test_a_table_without_later_columns_is_read(
    place: StoreFiles, tmp_path: Path, columns: list[str] | None
) -> None:
    old = as_table(rows_of("a", 1)).drop_columns(["id"])
    parquet.write_table(old, tmp_path / "outcomes.parquet")
    added = rows_of("b", 2)
    OutcomeWriter(place, 2).add([added[0].model_copy(update={"id": "B?"}), *added[1:]])
    table = load_outcomes(place, columns)
    assert table.column_names == (columns or as_table([]).column_names)
    assert table["object"].to_pylist() == ["a"] * 3 + ["b"] * 3
    if columns is None:
        assert table["id"].to_pylist() == [None] * 3 + ["B?", None, None]
    compact(place)
    assert load_outcomes(place, columns) == table
    parquet.write_table(old.drop_columns(["seconds"]), tmp_path / "outcomes.parquet")
    with pytest.raises(StorageError, match="another version"):
        load_outcomes(place)


def test_an_empty_table_has_all_columns(place: StoreFiles) -> None:
    assert load_outcomes(place).schema == as_table(rows_of("a", 1)).schema
    assert load_known(place) == {}


def test_any_history_is_read_as_if_one_row_were_looked_at_after_another(
    place: StoreFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_table, "ROLLED_FILES", 7)
    monkeypatch.setattr(dataset_latest, "ENTRIES_READ", 4)  # many row groups, too
    monkeypatch.setattr(dataset_pieces, "_LINES_READ", 10)
    chance = random.Random(3)
    latest: dict[str, list[OutcomeRow]] = {}
    for run in range(1, 6):
        writer = OutcomeWriter(place, run)
        for number in chance.sample(range(1, 40), 25):
            state = chance.choice(["made", "failed", "invalid"])
            rows = rows_of(f"o{number}", number, state)[: 1 if state == "invalid" else 3]
            writer.add(rows, at_once=chance.random() < 0.7)
            latest[rows[0].object] = rows
        writer.close()
        kept = {path: path.read_bytes() for path in tmp_path.glob("state/outcomes/*")}
        expected = [
            (row.object, row.component, row.state)
            for rows in sorted(latest.values(), key=lambda rows: rows[0].number)
            for row in rows
        ]
        assert seen(place) == expected
        compact(place)
        assert seen(place) == expected
        known = load_known(place)
        assert {
            name: (each.state, each.run) for name, each in known.items()
        }.keys() == latest.keys()
        assert all(known[name].state == rows[0].state for name, rows in latest.items())
        assert "o40" not in known
        if run % 2:  # the next run begins with what a killed one left
            for path, content in kept.items():
                path.write_bytes(content)


def test_a_table_whose_row_groups_cut_objects_is_read(place: StoreFiles) -> None:
    rows = [row.model_copy(update={"run": 1, "order": number})
            for number in range(1, 9) for row in rows_of(f"o{number}", number)]  # fmt: skip
    halves = [as_table(rows[:10]), as_table(rows[10:])]
    place.write_file(dataset_table.TABLE_FILE, dataset_pieces.parquet_bytes(halves))
    assert seen(place) == [(row.object, row.component, row.state) for row in rows]


def test_what_is_known_of_a_finished_object_takes_some_hundred_bytes(place: StoreFiles) -> None:
    writer = OutcomeWriter(place, 1)
    for number in range(2000):
        digest = f"{number:064d}"
        filled = {"key": digest, "image_sha256": digest, "image_mark": f"{number}:1795460525.5"}
        rows = rows_of(f"object-{number:06d}", number)
        writer.add([row.model_copy(update=filled) for row in rows], at_once=False)
    writer.close()
    compact(place)
    before = pyarrow.total_allocated_bytes()
    known = load_known(place)
    assert len(known) == 2000
    assert pyarrow.total_allocated_bytes() - before < 2000 * 350


def test_one_run_at_a_time(place: StoreFiles) -> None:
    held = HeldLease(place, lambda: None, rows=3)
    assert is_live(read_lease(place))
    with pytest.raises(ConfigError, match="another batch writes there"):
        HeldLease(place, lambda: None)
    held.give_back()
    assert not is_live(read_lease(place))
    again = HeldLease(place, lambda: None)
    assert again.run == 2
    assert again.previous is not None
    assert (again.previous.ending, again.previous.rows) == ("ended", 3)
    again.give_back()


def test_a_run_whose_process_is_gone_is_followed_at_once(place: StoreFiles) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    import socket

    left = Lease(run=4, holder="x", host=socket.gethostname(), pid=gone.pid, renewed_at=time.time())
    place.write_file(dataset_lease.LEASE_FILE, left.model_dump_json().encode())
    held = HeldLease(place, lambda: None)
    assert held.run == 5
    held.give_back()


def test_clocks_that_differ_do_not_take_a_live_lease(
    place: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_lease, "RENEWAL_S", 0.1)
    far = Lease(run=1, holder="x", host="elsewhere", pid=1, renewed_at=time.time() - 7200)

    def renewed(beats: int) -> None:
        lease = far.model_copy(update={"beats": beats})
        place.write_file(dataset_lease.LEASE_FILE, lease.model_dump_json().encode())

    renewed(1)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            renewed(2)

    monkeypatch.setattr(dataset_lease.time, "sleep", pause)
    with pytest.raises(ConfigError, match="elsewhere"):
        HeldLease(place, lambda: None)
    held = HeldLease(place, lambda: None)  # it is not renewed any more
    assert held.run == 2
    held.give_back()


def test_whoever_lost_its_lease_hears_of_it(
    place: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_lease, "RENEWAL_S", 0.05)
    lost = Event()
    held = HeldLease(place, lost.set)
    other = Lease(run=9, holder="other", host="elsewhere", pid=1, renewed_at=time.time())
    place.write_file(dataset_lease.LEASE_FILE, other.model_dump_json().encode())
    if not lost.wait(10):  # both wrote at once, and ours came later
        raise AssertionError("nothing was heard")
    held.give_back()
    assert "elsewhere" in held.fault
    assert read_lease(place) == other


def test_only_objects_that_were_in_hand_when_a_process_died_count(place: StoreFiles) -> None:
    first = Attempts(place, 1, died=False)
    for name in ("a", "b", "c"):
        first.begin(name)
    first.end("c")
    second = Attempts(place, 2, died=True)
    assert second.deaths == {"a": 1, "b": 1}
    second.begin("a")  # alone; b was not come to
    third = Attempts(place, 3, died=True)
    assert third.deaths == {"a": 2, "b": 1}
    third.begin("b")
    third.end("b")
    third.begin("a")
    third.leave("a")  # told to stop
    fourth = Attempts(place, 4, died=False)
    assert fourth.deaths == {"a": 2}
    fourth.begin("a")
    assert Attempts(place, 5, died=True).deaths == {"a": 3}


def test_a_refresh_that_broke_off_goes_on(place: StoreFiles) -> None:
    assert begin_refresh(place, (), 1) is None
    begun = begin_refresh(place, ("mesh",), 2)
    assert begin_refresh(place, (), 3) == begun
    end_refresh(place)
    assert begin_refresh(place, (), 4) is None
