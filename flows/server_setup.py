"""What a Prefect server needs for MMPart's deployments, as code; run it as often as you like.

What is there is left as it is, so that changes made in the server's pages stay, save automations,
which are brought up to date.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, PauseDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectAlreadyExists
from pydantic import SecretStr

from flows.dataset_events import OUT_OF_MONEY
from tasks._hosted import CALLS_LIMIT, RATE_LIMIT, existing_limits, secret_block_name

WORK_POOLS = {"mmpart-cpu": "Runs objects as processes on the machine of the worker."}

# Calls of hosted models by all workers together: so many under way, and so many begun in a burst,
# of which so many per second become free again (60 a minute). The UI changes them.
CALLS_AT_ONCE, CALLS_IN_A_BURST, CALLS_PER_S = 8, 20, 1.0

# Keys that back-ends and stores read; each becomes a Secret block called after it.
SECRET_VARIABLES = ("OPENAI_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

# Six missed heartbeats at Prefect's 30 s: a run whose process was killed.
ZOMBIE_AFTER = timedelta(seconds=180)
FAILURES, FAILURES_WITHIN = 3, timedelta(hours=6)
_HEARTBEAT, _RUNS = "prefect.flow-run.heartbeat", "prefect.flow-run.*"
_DEPLOYMENTS = "prefect.deployment.*"
_ENDS = {f"prefect.flow-run.{end}" for end in ("Completed", "Failed", "Cancelled", "Crashed")}


def create_limits(client: SyncPrefectClient) -> list[str]:
    """Create the limits on calls of hosted models that are not there.

    Returns:
        The names of those that were created.
    """
    wanted = {CALLS_LIMIT: (CALLS_AT_ONCE, 0.0), RATE_LIMIT: (CALLS_IN_A_BURST, CALLS_PER_S)}
    there = existing_limits(client)
    for name in (created := [name for name in wanted if name not in there]):
        limit, decay = wanted[name]
        client.create_global_concurrency_limit(
            GlobalConcurrencyLimitCreate(name=name, limit=limit, slot_decay_per_second=decay)
        )
    return created


def create_work_pools(client: SyncPrefectClient) -> list[str]:
    """Create the work pools that are not there.

    Returns:
        The names of those that were created.
    """
    created: list[str] = []
    for name, description in WORK_POOLS.items():
        pool = WorkPoolCreate(name=name, type="process", description=description)
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:
            continue
        created.append(name)
    return created


def automations() -> list[AutomationCore]:
    """Dead runs end as crashed; deployments that keep failing, or have no money, are paused.

    Types are said though they have defaults: an update sends only what was said, and the server
    takes a pause without its type for the first action that fits, which runs the deployment.
    """
    return [_zombie_runs(), _failure_rate(), _budget()]


def _zombie_runs() -> AutomationCore:
    mark_dead: list[Any] = [
        ChangeFlowRunState(
            type="change-flow-run-state",
            name=None,
            state=StateType.CRASHED,
            message="No heartbeat: its process is gone.",
            force=False,
        )
    ]
    return AutomationCore(
        name="mmpart-zombie-runs",
        description="A flow run that stops sending heartbeats is marked as crashed.",
        trigger=EventTrigger(
            type="event",
            after={_HEARTBEAT},
            expect={_HEARTBEAT, *_ENDS},
            match=_resources(_RUNS),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=ZOMBIE_AFTER,
        ),
        actions=mark_dead,
    )


def _failure_rate() -> AutomationCore:
    return AutomationCore(
        name="mmpart-failure-rate",
        description="A deployment of whose runs three fail within six hours is paused.",
        trigger=EventTrigger(
            type="event",
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
            match=_resources(_RUNS),
            match_related=_resources(_DEPLOYMENTS),
            for_each={"related:deployment:prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=FAILURES,
            within=FAILURES_WITHIN,
        ),
        actions=_pause(),
    )


def _budget() -> AutomationCore:
    return AutomationCore(
        name="mmpart-budget",
        description="A deployment whose budget, or whose provider's account, is used up is paused.",
        trigger=EventTrigger(
            type="event",
            expect={OUT_OF_MONEY},
            match_related=_resources(_DEPLOYMENTS),
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=_pause(),
    )


def _pause() -> list[Any]:
    """The deployment that the event tells of is paused."""
    return [PauseDeployment(type="pause-deployment", source="inferred", deployment_id=None)]


def _resources(pattern: str) -> Any:
    return {"prefect.resource.id": pattern}


def bring_automations_up_to_date(client: SyncPrefectClient) -> list[str]:
    """Create the automations, or replace those of the same name.

    Returns:
        The names of those that were created.
    """
    created: list[str] = []
    for wanted in automations():
        there = client.read_automations_by_name(wanted.name)
        if there:
            client.update_automation(there[0].id, wanted)
        else:
            client.create_automation(wanted)
            created.append(wanted.name)
    return created


def save_secrets(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Keep the keys of an environment as Secret blocks, where the server has none of that name.

    Returns:
        The names of those that were created.
    """
    created: list[str] = []
    for variable in SECRET_VARIABLES:
        value, name = environment.get(variable), secret_block_name(variable)
        if not value:
            continue
        try:
            Secret(value=SecretStr(value)).save(name, overwrite=False)  # pyright: ignore[reportUnusedCoroutine]
        except ValueError:  # there is one
            continue
        created.append(name)
    return created


def set_up(client: SyncPrefectClient, secrets: bool = False) -> list[str]:
    """All of it.

    Args:
        client: of the server.
        secrets: also keep the keys of this environment as Secret blocks.

    Returns:
        What was created, in words.
    """
    made = [f"work pool {name}" for name in create_work_pools(client)]
    made += [f"limit {name}" for name in create_limits(client)]
    made += [f"automation {name}" for name in bring_automations_up_to_date(client)]
    return made + ([f"secret {name}" for name in save_secrets()] if secrets else [])
