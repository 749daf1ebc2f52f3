"""Runs whose planning alone is hosted, and paid for; the other stages count their calls."""

import json
from collections.abc import Sequence
from typing import Any

from strict_openai import ModelServer

from mmpart_core.backends import STAGES

VARIABLE = "MMPART_TEST_KEY"
CALL_USD = (1000 * 1.0 + 500 * 5.0) / 1e6


def plan_answer(names: Sequence[str]) -> str:
    """A planner's answer for some components."""
    box = {"left": 0.1, "top": 0.2, "right": 0.6, "bottom": 0.9}
    parts = [
        {"component": name, "presence": "visible", "note": "", "pieces": 1, "box": box,
         "appearance": "a thing", "pose": "upright", "lighting": "soft", "state": "closed",
         "covered_by": [], "covered_by_other": [], "touches": [], "hidden_areas": [],
         "remove": []}
        for name in names
    ]  # fmt: skip
    return json.dumps({"parts": parts, "front_to_back": list(names)})


def planned_by(server: ModelServer, **planner: Any) -> dict[str, Any]:
    """The counting back-ends, but planned by a hosted model."""
    settings = {"base_url": server.base_url, "api_key_variable": VARIABLE, **planner}
    stages: dict[str, Any] = {stage: {"kind": "counting"} for stage in STAGES}
    return stages | {"plan": {"kind": "openai", "settings": settings}}
