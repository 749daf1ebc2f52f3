"""What a run does again, and what it finds stored."""

import time
from typing import Any

import pytest

from flows.generate_object import generate_object
from flows.refresh import Refresh, parse_refreshes
from mmpart_core.errors import ConfigError

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
        ("assemble", {"assemble:"}),
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


def test_a_hit_is_quick(counting_config: Any, request_of: Any, store_url: str) -> None:
    request = request_of()
    generate_object(request, counting_config, store_url)
    started = time.perf_counter()
    generate_object(request, counting_config, store_url)
    assert time.perf_counter() - started < 5
