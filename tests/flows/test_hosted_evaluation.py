"""Objects of a data set made by hosted models: one budget for all of them, and what is told."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from strict_batches import BatchServer
from strict_openai import ModelServer, Request, response

from flows.evaluate_dataset import evaluate_dataset
from flows.evaluation_job import EvaluationJob, Generation, Round
from flows.evaluation_progress import NobodyWatches, evaluation_listener
from mmpart_core.config import validate_config
from mmpart_core.hosted import secrets
from tests.flows.conftest import OBJECTS, object_rows
from tests.flows.hosted_planning import CALL_USD, VARIABLE, plan_answer, planned_by

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]
QUICK = ["--no-appearance", "--protocol", "sam3dpart", "--size-px", "96", "--pool", "here"]


def planned(request: Request) -> dict[str, Any]:
    """A plan of the object whose components are asked for."""
    words = json.dumps(request.body["input"])
    names = next(list(parts) for parts in OBJECTS.values() if all(f'"{n}' in words for n in parts))
    return response(plan_answer(names))


@pytest.fixture
def command(
    model_server: ModelServer, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    journal: Any,
) -> list[str]:  # fmt: skip
    """What follows ``evaluate`` or ``attribute``; only planning is paid for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, model_server.api_key)
    model_server.answer("/responses", planned)
    (tmp_path / "hosted.yaml").write_text(
        yaml.safe_dump(planned_by(model_server, max_output_tokens=2000))
    )
    return ["data", "--profile", "hosted.yaml", "--store", "store", *QUICK]


def enough_for_one(told: str) -> float:
    """A budget that allows one plan and no second, from what a refused call says it may cost."""
    found = re.search(r"it may cost \$([0-9.]+)", " ".join(told.split()))
    assert found is not None, told
    return float(found[1]) + 0.5 * CALL_USD


def test_one_budget_for_all_objects_of_an_evaluation(
    model_server: ModelServer, command: list[str], mmpart: Any, tmp_path: Path
) -> None:
    given = ["evaluate", *command, "--generate"]
    nothing = mmpart(*given, "--max-cost", "0", "--report", "report-none")
    assert nothing.exit_code == 3, nothing.output
    assert model_server.requests == []
    limit = f"{enough_for_one(nothing.stderr):.6f}"
    some = mmpart(*given, "--max-cost", limit, "--report", "report-some")
    assert some.exit_code == 3, some.output
    assert len(model_server.requests) == 1
    assert some.stderr.count("so it was not made") == 1
    assert f"cost of 1 call: ${CALL_USD:.4f}, of ${float(limit):.2f} allowed" in some.stdout
    assert json.loads((tmp_path / "report-some" / "run.json").read_text())["job"]["max_cost_usd"]
    done = mmpart(*given, "--max-cost", "$1", "--report", "report-all")
    assert done.exit_code == 0, done.output
    assert len(model_server.requests) == 2  # what was finished is not paid for again
    again = mmpart(*given, "--max-cost", "0", "--report", "report-again")
    assert again.exit_code == 0, again.output
    assert "cost of" not in again.stdout
    assert len(model_server.requests) == 2


@pytest.mark.long
def test_one_budget_for_all_rungs_of_an_attribution(
    model_server: ModelServer, command: list[str], mmpart: Any
) -> None:
    given = ["attribute", *command, "--stage", "assemble"]
    nothing = mmpart(*given, "--max-cost", "0", "--report", "report-none")
    assert nothing.exit_code == 3, nothing.output
    assert model_server.requests == []
    limit = f"{enough_for_one(nothing.stderr):.6f}"
    some = mmpart(*given, "--max-cost", limit, "--report", "report-some")
    assert some.exit_code == 3, some.output
    # One plan serves both rungs of the first object; the second object's is not bought on either.
    assert len(model_server.requests) == 1
    assert f"${CALL_USD:.4f}, of ${float(limit):.2f} allowed" in some.stdout


def test_a_budget_needs_prices_and_predictions_to_make(
    command: list[str], refused: Any, model_server: ModelServer
) -> None:
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    unknown = ["--set", "plan.model=my-own", "--max-cost", "1"]
    assert "plan.model 'my-own' costs is not known" in refused(
        "evaluate", *command, "--generate", *unknown
    )
    assert "plan.model 'my-own' costs is not known" in refused("attribute", *command, *unknown)
    secrets.forget_keys()
    assert "--max-cost: is for predictions that --generate makes" in refused(
        "evaluate", "data", "-p", "data", "--max-cost", "1"
    )
    assert "dollars expected" in refused("attribute", *command, "--max-cost=much")
    assert "profile 'local' calls no hosted model" in refused(
        "evaluate", "data", "--generate", "--batch-api"
    )


class Told(NobodyWatches):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def said(self, line: str) -> None:
        self.lines.append(line)


def test_plans_of_all_objects_in_one_batch_at_half_the_price(
    job_of: Callable[..., EvaluationJob], tmp_path: Path, journal: Any
) -> None:
    told = Told()
    token = evaluation_listener.set(told)
    with BatchServer() as server:
        secrets.provide_key(VARIABLE, SecretStr(server.api_key))
        server.answer("/responses", planned)
        config = validate_config(planned_by(server, max_output_tokens=2000), "test")
        made = Generation(config=config, size_px=96, whole_bundle=False)
        rounds = Round(predictions=str(tmp_path / "out"), generation=made)
        job = job_of(rounds, batch_poll_s=0.01, max_cost_usd=1.0)
        rows = evaluate_dataset(job=job)
        assert [len(lines) for lines in server.sent()] == [2]
        assert len(server.requests) == 2  # both in the batch: no single call
        again = evaluate_dataset(job=job)
        assert len(server.batches) == 1
        assert server.violations == []
    evaluation_listener.reset(token)
    secrets.forget_keys()
    assert told.lines[2] == "batches: 2 requests in 1 rounds"
    assert told.lines[3] == "batches: 0 requests in 0 rounds"  # what is finished is not asked for
    assert {row.state for row in rows} == {row.state for row in again} == {"scored"}
    # The counting stages say that they cost 0.08 an object.
    costs = [row.values["cost_usd"] for row in object_rows(rows).values()]
    assert costs == pytest.approx([0.08 + 0.5 * CALL_USD] * 2)
