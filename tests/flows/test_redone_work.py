"""What a run does again, and what it finds stored."""

from collections import Counter
from typing import Any

import httpx
import pytest

from flows.generate_object import generate_object
from flows.refresh import Refresh, parse_refreshes
from mmpart_core.errors import ConfigError
from mmpart_core.storage.fsspec_store import FsspecStore
from tasks._caching import record_path

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]

EVERYTHING = {
    "plan:",
    *(f"{stage}:{part}" for part in ("hat", "man") for stage in
      ("isolate", "multiview", "reconstruct", "mesh")),
    "assemble:",
}  # fmt: skip
MANS_CHAIN = {"isolate:man", "multiview:man", "reconstruct:man", "mesh:man"}


def test_second_run_does_nothing(
    counting_config: Any, request_of: Any, store_url: str, journal: Any, ran: Any, without_cost: Any
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    assert first.complete
    assert ran(first) == EVERYTHING
    assert len(journal.taken()) == 10
    assert sum(run.cost_usd for run in first.runs) == pytest.approx(0.09)
    second = generate_object(request_of(), counting_config, store_url)
    assert journal.taken() == []
    assert ran(second) == set()
    assert sum(run.cost_usd for run in second.runs) == 0
    assert without_cost(second) == without_cost(first)
    assert all(run.seconds > 0 for run in second.runs)


def test_changed_words_redo_one_part(
    counting_config: Any, request_of: Any, store_url: str, journal: Any, ran: Any
) -> None:
    generate_object(request_of("hat", "man = bald"), counting_config, store_url)
    journal.taken()
    changed = generate_object(request_of("hat", "man = curly"), counting_config, store_url)
    assert ran(changed) == {"plan:", *MANS_CHAIN, "assemble:"}
    assert [call[0] for call in journal.taken()] == sorted(
        ["assemble", "isolate", "mesh", "multiview", "plan", "reconstruct"]
    )


def test_changed_mesh_setting_redoes_meshes_and_assembly(
    counting_config: Any, request_of: Any, store_url: str, journal: Any, ran: Any, changed: Any
) -> None:
    generate_object(request_of(), counting_config, store_url)
    journal.taken()
    config = changed(counting_config, {"mesh.level": 0.05})
    assert ran(generate_object(request_of(), config, store_url)) == {
        "mesh:hat", "mesh:man", "assemble:",
    }  # fmt: skip
    assert [call[0] for call in journal.taken()] == ["assemble", "mesh", "mesh"]


def test_settings_outside_the_key_redo_nothing(
    counting_config: Any, request_of: Any, store_url: str, journal: Any, ran: Any, changed: Any
) -> None:
    generate_object(request_of(), counting_config, store_url)
    journal.taken()
    config = changed(counting_config, {"reconstruct.threads": 2, "workers": 1})
    assert ran(generate_object(request_of(), config, store_url)) == set()
    assert journal.taken() == []


def test_another_seed_is_other_work(
    counting_config: Any, request_of: Any, store_url: str, journal: Any, ran: Any
) -> None:
    generate_object(request_of(), counting_config, store_url, seed=0)
    assert ran(generate_object(request_of(), counting_config, store_url, seed=1)) == EVERYTHING


@pytest.mark.parametrize(
    ("refresh", "redone"),
    [
        ("isolate:man", {*MANS_CHAIN, "assemble:"}),
        ("mesh", {"mesh:hat", "mesh:man", "assemble:"}),
        pytest.param("assemble", {"assemble:"}, marks=pytest.mark.long),
        ("plan", EVERYTHING),
    ],
)
def test_refresh(
    counting_config: Any,
    request_of: Any,
    store_url: str,
    refresh: str,
    redone: set[str],
    ran: Any,
    without_cost: Any,
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    again = generate_object(request_of(), counting_config, store_url, refresh=[refresh])
    assert ran(again) == redone
    assert without_cost(again) == without_cost(first)
    assert ran(generate_object(request_of(), counting_config, store_url)) == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paint", "one of plan, isolate"),
        ("isolate:shoe", "no part 'shoe'; expected one of hat, man"),
        ("assemble:hat", "once for all parts"),
        ("mesh:", "no part ''"),
    ],
)
def test_refresh_of_nothing(request_of: Any, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_refreshes([text], request_of())


def test_whole_views_are_refreshed_with_multiview() -> None:
    assert Refresh("multiview").covers("multiview", None)
    assert Refresh("plan").covers("multiview", None)
    assert not Refresh("isolate").covers("multiview", None)
    assert not Refresh("multiview", "hat").covers("multiview", None)


def test_a_hit_costs_no_request_and_reads_each_blob_once(
    counting_config: Any, request_of: Any, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes a rerun quick, counted: the flow asks the server, its tasks do not."""
    request = request_of()
    first = generate_object(request, counting_config, store_url)
    read: Counter[str] = Counter()
    asked: list[str] = []
    real_read = FsspecStore.read_file

    def counted_read(store: FsspecStore, path: str) -> bytes | None:
        read[path] += 1
        return real_read(store, path)

    monkeypatch.setattr(FsspecStore, "read_file", counted_read)
    for client in (httpx.Client, httpx.AsyncClient):
        monkeypatch.setattr(client, "send", listened(client.send, asked))
    again = generate_object(request, counting_config, store_url)
    assert all(run.cached for run in again.runs)
    assert "POST /api/flow_runs/" in asked
    assert [each for each in asked if "task_run" in each or "concurrency" in each] == []
    records = {record_path(run.key) for run in first.runs}
    assert {path for path in read if path.startswith("records/")} == records
    assert {read[path] for path in records} == {1}
    assert {read[path] for path in read if path.startswith("blobs/")} == {1}


def listened(send: Any, asked: list[str]) -> Any:
    """A client's ``send``, waited for or not, that keeps what is asked for."""

    def sent(client: Any, request: httpx.Request, **options: Any) -> Any:
        asked.append(f"{request.method} {request.url.path}")
        return send(client, request, **options)

    return sent
