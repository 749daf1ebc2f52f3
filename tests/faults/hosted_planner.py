"""A hosted planner of a trial's objects that counts what it is paid for, and what befalls it."""

import json
import re
from typing import Any

from pydantic import SecretStr
from strict_openai import (
    ModelServer,
    Reply,
    Request,
    dropped,
    quota_exhausted,
    rate_limited,
    response,
    server_error,
)

from mmpart_core.hosted import secrets
from tests.flows.hosted_planning import VARIABLE, plan_answer

STORM: tuple[Reply, ...] = (
    *[rate_limited(0.05)] * 8, server_error(), dropped(), server_error(503),
)  # fmt: skip


class Planner:
    """Plans what it is asked for, and counts it.

    Args:
        server: the model server that asks it; it has the key.

    Attributes:
        server: see above.
        paid: objects whose plan was given, once for each time.
        money: how many more plans may be given.
    """

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        server.answer("/responses", self)
        secrets.provide_key(VARIABLE, SecretStr(server.api_key))
        self.paid: list[str] = []
        self.money = 1000

    def choice(self) -> dict[str, Any]:
        """The back-end of a profile that plans by it."""
        settings = {"base_url": self.server.base_url, "api_key_variable": VARIABLE}
        return {"kind": "openai", "settings": settings}

    def __call__(self, request: Request) -> Any:
        if not self.money:
            return quota_exhausted()
        self.money -= 1
        names = re.findall(r"\b([a-l][1-4]-[a-z]+)\b", json.dumps(request.body))
        named = list(dict.fromkeys(names))
        self.paid.append(named[0][0])
        return response(plan_answer(named))
