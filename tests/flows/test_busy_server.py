"""A Prefect server that says it is busy for longer than Prefect's client tries."""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from flows import dataset_window
from flows.dataset_job import DatasetJob
from flows.dataset_window import BUSY_TRIES
from flows.generate_dataset import generate_dataset
from mmpart_core.errors import ConfigError

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]
ROWS = ({"image": "good-a.png"}, {"image": "good-b.png"})


def answers(
    monkeypatch: pytest.MonkeyPatch, status: HTTPStatus, times: int, after: bool = False
) -> Counter[str]:
    """Each object's flow run is refused so often, before it is begun or when it ends."""
    asked: Counter[str] = Counter()
    make_tagged = dataset_window.make_tagged

    async def refused(flow: Any, work: Any, name: str, *rest: Any) -> None:
        asked[name] += 1
        if after:
            await make_tagged(flow, work, name, *rest)
        if asked[name] <= times:
            response = httpx.Response(status, request=httpx.Request("POST", "http://prefect"))
            response.raise_for_status()
        await make_tagged(flow, work, name, *rest)

    monkeypatch.setattr(dataset_window, "make_tagged", refused)
    return asked


def test_an_object_is_begun_when_the_server_has_time(
    dataset_of: Callable[..., DatasetJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, HTTPStatus.SERVICE_UNAVAILABLE, BUSY_TRIES - 1)
    assert generate_dataset(job=dataset_of(*ROWS)).states == {"made": 2}
    assert set(asked.values()) == {BUSY_TRIES}


@pytest.mark.parametrize(
    ("status", "times", "after", "asked_times"),
    [
        (HTTPStatus.SERVICE_UNAVAILABLE, BUSY_TRIES, False, BUSY_TRIES),
        (HTTPStatus.NOT_FOUND, 1, False, 1),
        (HTTPStatus.SERVICE_UNAVAILABLE, 1, True, 1),  # it was made: never twice
    ],
)
def test_a_run_ends_where_asking_again_does_not_help(
    dataset_of: Callable[..., DatasetJob], monkeypatch: pytest.MonkeyPatch, status: HTTPStatus,
    times: int, after: bool, asked_times: int,
) -> None:  # fmt: skip
    asked = answers(monkeypatch, status, times, after)
    with pytest.raises(ConfigError, match="cannot be reached any more"):
        generate_dataset(job=dataset_of(ROWS[0]))
    assert asked == {"good-a": asked_times}
