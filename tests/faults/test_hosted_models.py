"""A hosted planner that throttles, fails, hangs up or has no money left; each answer paid once."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from strict_openai import (
    ModelServer,
    Reply,
    Request,
    dropped,
    forbidden,
    quota_exhausted,
    rate_limited,
    response,
    server_error,
)

from mmpart_core.errors import QuotaExhaustedError
from mmpart_core.hosted import limiter, secrets
from tasks import _hosted
from tests.faults.conftest import PrefectServer
from tests.faults.trial import OBJECTS, Trial, unended_runs
from tests.flows.hosted_planning import CALL_USD, VARIABLE, plan_answer

pytestmark = [pytest.mark.xdist_group("faults")]
SIX = OBJECTS[:6]
PLANTED = "PlantedS3Secret0123456789"  # pragma: allowlist secret


@pytest.fixture(autouse=True)
def key(model_server: ModelServer) -> Iterator[None]:
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    yield
    secrets.forget_keys()
    limiter.set_gate(None)
    _hosted._known_limits.clear()


@pytest.fixture
def trial(trial_of: Callable[..., Trial], model_server: ModelServer) -> Trial:
    settings = {"base_url": model_server.base_url, "api_key_variable": VARIABLE}
    return trial_of(objects=SIX, stages={"plan": {"kind": "openai", "settings": settings}})


class Planner:
    """Plans what it is asked for, and counts it.

    Attributes:
        paid: objects whose plan was given, once for each time.
        money: how many more plans may be given.
    """

    def __init__(self) -> None:
        self.paid: list[str] = []
        self.money = 1000

    def __call__(self, request: Request) -> Any:
        if not self.money:
            return quota_exhausted()
        self.money -= 1
        names = re.findall(r"\b([a-l][1-4]-[a-z]+)\b", json.dumps(request.body))
        named = list(dict.fromkeys(names))
        self.paid.append(named[0][0])
        return response(plan_answer(named))


def test_storms_are_outlived_and_each_plan_is_paid_once(
    trial: Trial, model_server: ModelServer
) -> None:
    planner = Planner()
    model_server.answer("/responses", planner)
    storm: list[Reply] = [*[rate_limited(0.05)] * 8, server_error(), dropped(), server_error(503)]
    model_server.fail("/responses", *storm)
    tally = trial.run()
    assert tally.complete
    assert sorted(planner.paid) == list(SIX)
    assert tally.cost_usd == pytest.approx(len(SIX) * CALL_USD)
    trial.assert_once()


def test_without_money_the_run_ends_and_goes_on_later_paying_nothing_twice(
    trial: Trial, model_server: ModelServer
) -> None:
    planner = Planner()
    planner.money = 3
    model_server.answer("/responses", planner)
    with pytest.raises(QuotaExhaustedError):
        trial.run()
    assert len(planner.paid) == 3
    planner.money = 1000
    assert trial.run().complete
    assert sorted(planner.paid) == list(SIX)
    trial.assert_once()


@pytest.mark.long
def test_keys_are_in_nothing_that_a_batch_leaves(
    trial_of: Callable[..., Trial], model_server: ModelServer, prefect: PrefectServer
) -> None:
    planted = [model_server.api_key, PLANTED]
    given = {VARIABLE: model_server.api_key, "AWS_SECRET_ACCESS_KEY": PLANTED}
    settings = {"base_url": model_server.base_url, "api_key_variable": VARIABLE}
    trial = trial_of(
        objects=OBJECTS[:3], environment={**given, "PREFECT_LOGGING_LEVEL": "DEBUG"},
        stages={"plan": {"kind": "openai", "settings": settings}},
    )  # fmt: skip
    model_server.answer("/responses", Planner())
    model_server.fail("/responses", rate_limited(0.05), server_error(), *[forbidden()] * 2)
    trial.fault("mesh b2-", "fail")
    status, said = trial.ended(trial.start("--verbose"))
    assert status in (1, 3), said
    status, more = trial.ended(trial.start("--verbose", "--retry-failed"))
    assert status == 3, more
    unended_runs()  # waits until the server has heard of all
    files = [path for folder in (trial.folder, prefect.home) for path in folder.rglob("*")]
    texts = {str(path): path.read_bytes() for path in files if path.is_file()}
    assert any(path.endswith(".db") for path in texts)
    texts["told"] = (said + more).encode()
    assert [path for path, data in texts.items() for key in planted if key.encode() in data] == []
