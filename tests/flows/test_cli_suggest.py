"""``mmpart suggest``: a component list that ``mmpart plan`` takes as it is."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from strict_openai import ModelServer, response

from mmpart_core.hosted import secrets
from mmpart_core.intake.components import read_components
from tests.flows.hosted_planning import VARIABLE

pytestmark = pytest.mark.xdist_group("prefect")
WHOLE = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 1.0}
HALF = {**WHOLE, "right": 0.45}
ANSWER = json.dumps(
    {"object": "pair of squares", "components": [
        {"name": "red square", "pieces": 1, "hidden": "", "box": HALF},
        {"name": "blau: 蓝", "pieces": 2, "hidden": "plain # blue", "box": WHOLE},
    ]}
)  # fmt: skip


@pytest.fixture
def ask(model_server: ModelServer, mmpart: Any, image: Path, tmp_path: Path) -> Any:
    """Runs the command against the strict server."""
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    model_server.answer("/responses", lambda request: response(ANSWER))

    def run(*options: object) -> Any:
        there = f"plan.base_url={model_server.base_url}", f"plan.api_key_variable={VARIABLE}"
        given = [word for setting in there for word in ("--set", setting)]
        store = ("--store", tmp_path / "store")
        return mmpart("suggest", image, "--profile", "openai", *given, *store, *options)

    yield run
    secrets.forget_keys()


@pytest.mark.usefixtures("prefect")
def test_the_list_can_be_used_as_it_is(ask: Any, tmp_path: Path) -> None:
    path = tmp_path / "lists" / "components.yaml"
    done = ask("--output", path)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "2 components of a pair of squares, $0.0035" in done.stderr
    red, blue = read_components(path)
    assert (red.name, red.count, red.hidden) == ("red square", 1, "")
    assert (blue.name, blue.count, blue.hidden) == ("blau: 蓝", 2, "plain # blue")
    assert red.region is not None
    assert red.region.units == "fraction"
    assert red.region.points == ((0.0, 0.0), (0.45, 1.0))
    again = ask("--output", path)
    assert again.exit_code == 2
    assert "is there already" in again.stderr


@pytest.mark.usefixtures("prefect")
def test_without_a_file_it_is_on_stdout(ask: Any, tmp_path: Path) -> None:
    done = ask()
    listed = tmp_path / "out.yaml"
    listed.write_text(done.stdout, encoding="utf-8")
    assert [entry.name for entry in read_components(listed)] == ["red square", "blau: 蓝"]


@pytest.mark.usefixtures("prefect")
def test_a_list_that_was_paid_for_is_not_lost(
    ask: Any, tmp_path: Path, model_server: ModelServer
) -> None:
    """A place that cannot be written is found before the call; one that is lost meanwhile, told."""
    (tmp_path / "file").write_text("")
    done = ask("--output", tmp_path / "file" / "components.yaml")
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr
    assert model_server.requests == []

    def taken(request: Any) -> Any:
        (tmp_path / "components.yaml").write_text("somebody else's")
        return response(ANSWER)

    model_server.answer("/responses", taken)
    late = ask("--output", tmp_path / "components.yaml")
    assert late.exit_code == 2
    assert "cannot be written (File exists)" in late.stderr
    assert (tmp_path / "components.yaml").read_text() == "somebody else's"
    (tmp_path / "shown.yaml").write_text(late.stdout, encoding="utf-8")
    listed = read_components(tmp_path / "shown.yaml")
    assert [entry.name for entry in listed] == ["red square", "blau: 蓝"]


@pytest.mark.usefixtures("prefect")
def test_only_the_planner_needs_a_price(ask: Any) -> None:
    """Other stages are not called: what their models cost does not matter."""
    done = ask("--set", "isolate.model=mystery", "--max-cost", "1")
    assert done.exit_code == 0, done.output


def test_what_cannot_be_asked_is_refused(
    refused: Any, image: Path, model_server: ModelServer
) -> None:
    assert "suggest no components" in refused("suggest", image, "--profile", "local")
    assert "nothing.png" in refused("suggest", "nothing.png", "--profile", "openai")
    priced = ("--set", "plan.model=mystery", "--max-cost", "1")
    assert "mystery" in refused("suggest", image, "--profile", "openai", *priced)
    assert model_server.requests == []
