"""What a planner model could answer, for tests."""

import json
from typing import Any

import numpy as np

from mmpart_core.records import ComponentRequest, ImageRef, ObjectRequest

IMAGE = ImageRef(sha256="0" * 64, size=1, media="image/png", width=32, height=24)
SOURCE = np.full((24, 32, 4), 200, np.uint8)


def request_of(*components: ComponentRequest | str) -> ObjectRequest:
    made = [ComponentRequest(name=each) if isinstance(each, str) else each for each in components]
    return ObjectRequest(name="thing", image=IMAGE, components=tuple(made))


def part(name: str, **changes: Any) -> dict[str, Any]:
    usual = {
        "component": name,
        "presence": "visible",
        "note": "",
        "pieces": 1,
        "box": {"left": 0.1, "top": 0.2, "right": 0.6, "bottom": 0.9},
        "appearance": f"a brown {name} of felt",
        "pose": "upright, seen from the front",
        "lighting": "soft light from the left",
        "state": "as in the image",
        "covered_by": [],
        "covered_by_other": [],
        "touches": [],
        "hidden_areas": [],
        "remove": ["the background"],
    }
    return usual | changes


def answer(*parts: dict[str, Any], **changes: Any) -> str:
    order = [each["component"] for each in parts]
    return json.dumps({"parts": list(parts), "front_to_back": order, **changes})
