"""A hosted planner that throttles, fails, hangs up or has no money left; each answer paid once."""

import os
from collections.abc import Callable, Iterator

import pytest
from s3fs import S3FileSystem
from strict_openai import (
    ModelServer,
    forbidden,
    rate_limited,
    server_error,
)

from flows.dataset_events import OUT_OF_MONEY
from mmpart_core.hosted import limiter, secrets
from tasks import _hosted
from tests.faults import disturbances
from tests.faults.hosted_planner import STORM, Planner
from tests.faults.servers import PrefectServer
from tests.faults.trial import OBJECTS, Trial
from tests.faults.verdict import assert_sound, untrue_runs
from tests.flows.hosted_planning import CALL_USD, VARIABLE

pytestmark = [pytest.mark.xdist_group("faults")]
SIX = OBJECTS[:6]


@pytest.fixture
def planner(model_server: ModelServer) -> Iterator[Planner]:
    yield Planner(model_server)
    secrets.forget_keys()
    limiter.set_gate(None)
    _hosted._known_limits.clear()


@pytest.fixture
def trial(trial_of: Callable[..., Trial], planner: Planner) -> Trial:
    return trial_of(objects=SIX, stages={"plan": planner.choice()})


@pytest.mark.long
def test_storms_are_outlived_and_each_plan_is_paid_once(trial: Trial, planner: Planner) -> None:
    planner.server.fail("/responses", *STORM)
    tally = trial.run()
    assert tally.complete
    assert sorted(planner.paid) == list(SIX)
    assert tally.cost_usd == pytest.approx(len(SIX) * CALL_USD)
    assert_sound(trial, None)


def test_without_money_the_run_ends_and_goes_on_later_paying_nothing_twice(
    trial: Trial, planner: Planner, prefect: PrefectServer
) -> None:
    paid = disturbances.run_out_of_money(trial, planner, 3)
    assert len(paid) == 3
    assert sorted(planner.paid) == list(SIX)
    assert_sound(trial, None)
    assert len(prefect.events(OUT_OF_MONEY)) == 1


@pytest.mark.long
def test_keys_are_in_nothing_that_a_batch_leaves(
    trial_of: Callable[..., Trial], planner: Planner, prefect: PrefectServer, s3_url: str
) -> None:
    model_server = planner.server
    planted = [model_server.api_key, os.environ["AWS_SECRET_ACCESS_KEY"]]
    trial = trial_of(
        objects=OBJECTS[:3], store=f"{s3_url}/store", output=f"{s3_url}/out",
        environment={VARIABLE: model_server.api_key, "PREFECT_LOGGING_LEVEL": "DEBUG"},
        stages={"plan": planner.choice()},
    )  # fmt: skip
    model_server.fail("/responses", rate_limited(0.05), server_error(), *[forbidden()] * 2)
    trial.fault("mesh b2-", "fail")
    status, said = trial.ended(trial.start("--verbose"))
    assert status in (1, 3), said
    status, more = trial.ended(trial.start("--verbose", "--retry-failed"))
    assert status == 3, more
    untrue_runs(())  # waits until the server has heard of all
    files = {path for folder in (trial.folder, prefect.home) for path in folder.rglob("*")}
    texts = {str(path): path.read_bytes() for path in files if path.is_file()}
    bucket = S3FileSystem()
    texts |= {path: bucket.cat_file(path) for path in bucket.find(s3_url)}
    assert any(path.endswith(".db") for path in texts)
    assert any("/records/plan/" in path for path in texts)
    texts["told"] = (said + more).encode()
    assert [path for path, data in texts.items() for key in planted if key.encode() in data] == []
