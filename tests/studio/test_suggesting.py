"""Components that the planner suggests, from the form to the strict model server and back."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient
from strict_openai import ModelServer, refusal, response

from mmpart_core.hosted import secrets
from mmpart_core.plan.suggestion_answer import SuggestedComponent, Suggestions
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.library import ObjectLibrary
from studio.objects import ComponentRow, Draft
from studio.suggesting import rows_of
from tests.prefect_server import flows_on_server

pytestmark = pytest.mark.xdist_group("prefect")
Browse = Callable[..., TestClient]
VARIABLE = "MMPART_TEST_KEY"
ANSWER = {
    "object": "robot <toy>",
    "components": [
        {"name": "left & right arm", "pieces": 2, "hidden": "",
         "box": {"left": 0.25, "top": 0.5, "right": 0.75, "bottom": 1.0}},
        {"name": "hat", "pieces": 1, "hidden": "the head below is \"bald\"",
         "box": {"left": 0.0, "top": 0.0, "right": 0.5, "bottom": 0.5}},
    ],
}  # fmt: skip


@pytest.fixture
def key(model_server: ModelServer) -> Iterator[None]:
    """The server's key is known under a name."""
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    yield
    secrets.forget_keys()


def new_object(pages: TestClient) -> str:
    pixels = np.full((50, 100, 4), 255, dtype=np.uint8)
    pixels[8:-8, 8:-8, :3] = (200, 40, 40)
    place = pages.post("/new", files={"image": ("robot.png", encode_png(pixels))})
    return place.headers["location"].removesuffix("/edit")


def form(profile: str, settings: str = "", **changes: str) -> dict[str, Any]:
    rows = {"part_name": ["Hat"], "part_hidden": [""], "part_count": ["1"], "part_region": [""]}
    fields = {"name": "robot", "profile": profile, "settings": settings, "seed": "0"}
    return {**rows, **fields, **changes}


def hosted(server: ModelServer) -> str:
    return f"plan.base_url={server.base_url}\nplan.api_key_variable={VARIABLE}"


@pytest.mark.usefixtures("prefect", "key")
def test_the_planner_is_asked_and_its_answer_is_offered(
    store: FsspecStore, browse: Browse, model_server: ModelServer
) -> None:
    model_server.answer("/responses", lambda request: response(json.dumps(ANSWER)))
    pages = browse(store.url)
    address = new_object(pages)
    told = pages.post(f"{address}/suggest", data=form("openai", hosted(model_server)))
    assert told.status_code == 200, told.text
    assert "robot &lt;toy&gt;" in told.text
    assert 'value="left &amp; right arm"' in told.text
    assert 'data-count="2" data-region="box 25 25 75 50"' in told.text
    assert "the head below is &#34;bald&#34;" in told.text
    assert told.text.count("checked") == 1
    assert "in the list already" in told.text
    assert "for $0.0035" in told.text
    assert [call.path for call in model_server.requests] == ["/responses"]
    (object_id,) = ObjectLibrary(store).ids()
    kept = ObjectLibrary(store).load(object_id)
    assert kept is not None
    assert kept.draft.profile == "openai"


@pytest.mark.usefixtures("prefect", "key")
def test_what_the_planner_declines_is_told(
    store: FsspecStore, browse: Browse, model_server: ModelServer
) -> None:
    model_server.answer("/responses", lambda request: refusal("I can't look at that."))
    pages = browse(store.url)
    told = pages.post(f"{new_object(pages)}/suggest", data=form("openai", hosted(model_server)))
    assert told.status_code == 422
    assert "declined" in told.text
    assert "use another image" in told.text


@pytest.mark.usefixtures("prefect", "key")
def test_the_budget_holds(store: FsspecStore, browse: Browse, model_server: ModelServer) -> None:
    pages = browse(store.url)
    fields = form("openai", hosted(model_server), max_cost="0.0001")
    told = pages.post(f"{new_object(pages)}/suggest", data=fields)
    assert told.status_code == 422
    assert model_server.requests == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (form("local"), "does not look at the image, so it can suggest no components"),
        (form("openai", seed="-1"), "a whole number"),
        (form("nonsense"), "open-weights"),
        (form("openai", "plan.model"), "plan.model"),
        (form("openai", max_cost="much"), "dollars expected"),
    ],
)
def test_what_cannot_be_asked_says_why(
    store: FsspecStore, browse: Browse, fields: dict[str, Any], words: str
) -> None:
    pages = browse(store.url)
    told = pages.post(f"{new_object(pages)}/suggest", data=fields)
    assert told.status_code == 422
    assert words in told.text


def test_boxes_without_area_are_left_out() -> None:
    thin = SuggestedComponent("string", 1, (0.5, 0.0, 0.5004, 1.0))
    shown = rows_of(Suggestions("kite", (thin,)), Draft(rows=(ComponentRow(),)), (100, 100))
    assert shown.rows[0].row == ComponentRow(name="string")


@pytest.mark.usefixtures("key")
def test_a_prefect_server_that_went_away_is_told_where_it_was_needed(
    store: FsspecStore, browse: Browse, model_server: ModelServer, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/api"
    with flows_on_server(url, tmp_path):
        pages = browse(store.url)
        address = new_object(pages)
        told = pages.post(f"{address}/suggest", data=form("openai", hosted(model_server)))
        assert told.status_code == 422
        assert f"Prefect server {url}: gave no answer to go on with" in told.text
        assert pages.post(f"{address}/plan", data=form("local")).status_code == 303
        object_id = address.rpartition("/")[2]
        while pages.app.state.studio.workshop.live(object_id) is not None:
            time.sleep(0.05)
        assert f"Prefect server {url}: gave no answer" in pages.get(address).text
