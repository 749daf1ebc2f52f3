"""Answers of hosted models that are true of a known scene, so that what is made of them is scored.

A planner that sees everything, and an image editor that draws each part alone as the scene has it,
on the canvas that was asked for. Answers may be spoiled, one by one, as models spoil them::

    known = KnownScene(glb)
    server.answer("/responses", known.plan)
    server.answer("/images/edits", known.edit)
    known.spoil("blank", "opaque", "half size")
    ... run ...
    assert cost_told == pytest.approx(known.given_usd)

``given_usd`` is summed from the tokens of the answers that were given, at prices that are written
down here a second time.
"""

import json
import re
import threading
from collections import deque
from io import BytesIO
from typing import Any, Literal

import numpy as np
from PIL import Image
from strict_openai.answers import images, response
from strict_openai.requests import Request

from mmpart_core.geometry import cameras, transforms, truth_scene
from mmpart_core.geometry.render import RenderScene
from mmpart_core.records import TRUTH_VIEW, InputView

PLAN_TOKENS, EDIT_TOKENS = (1500, 800), (120, 1100, 4000)
# Dollars per million tokens: in, out; text in, image in, image out.
PLAN_USD, EDIT_USD = (1.0, 5.0), (5.0, 8.0, 30.0)
OF_PLAN_USD = sum(n * usd for n, usd in zip(PLAN_TOKENS, PLAN_USD, strict=True)) / 1e6
OF_EDIT_USD = sum(n * usd for n, usd in zip(EDIT_TOKENS, EDIT_USD, strict=True)) / 1e6
GROUND = (205, 205, 205, 255)
Spoiled = Literal["opaque", "half size", "blank"]


class KnownScene:
    """Answers what is true of a known scene.

    Args:
        glb: the scene, one named node per component.
        view: the camera that the source image is drawn with.
        size_px: side of the source image.

    Attributes:
        names: of the components.
        alone: each part as the source's camera sees it without the others, RGBA.
        whole: the source image, RGBA.
        plans: how many plans were given.
        edits: how many pictures were given.
        spoilt: which of these were spoiled.
    """

    def __init__(self, glb: bytes, view: InputView = TRUTH_VIEW, size_px: int = 640) -> None:
        geometry = truth_scene.read_truth(glb, "the known scene")
        turn = transforms.rotation_z(-view.azimuth_deg)
        meshes = [mesh.transformed(turn) for mesh in geometry.parts.values()]
        camera = cameras.orbit_camera(0.0, view.elevation_deg, view.fov_deg, size_px)
        self.names = list(geometry.names)
        self.alone = {
            name: RenderScene([mesh]).render(camera).rgba
            for name, mesh in zip(self.names, meshes, strict=True)
        }
        whole = RenderScene(meshes).render(camera)
        self.whole = whole.rgba
        self._seen = whole.node_index
        self.plans = self.edits = 0
        self.spoilt: list[Spoiled] = []
        self._spoiled: deque[Spoiled] = deque()
        self._lock = threading.Lock()

    @property
    def given_usd(self) -> float:
        """What the answers of this scene cost in all."""
        return self.plans * OF_PLAN_USD + self.edits * OF_EDIT_USD

    def spoil(self, *how: Spoiled) -> None:
        """Spoil the next pictures, one each: its ground, its size, or nothing is drawn."""
        self._spoiled.extend(how)

    def plan(self, request: Request) -> dict[str, Any]:
        """A plan with true boxes."""
        self.plans += 1
        parts = [self._part(index, name) for index, name in enumerate(self.names)]
        text = json.dumps({"parts": parts, "front_to_back": self.names})
        given, made = PLAN_TOKENS
        return response(text, input_tokens=given, output_tokens=made)

    def _part(self, index: int, name: str) -> dict[str, Any]:
        mask = self._seen == index
        box = None
        if mask.any():
            rows, columns = np.nonzero(mask)
            height, width = mask.shape
            box = {
                "left": columns.min() / width, "top": rows.min() / height,
                "right": (columns.max() + 1) / width, "bottom": (rows.max() + 1) / height,
            }  # fmt: skip
        return {
            "component": name, "presence": "visible" if box else "hidden", "note": "",
            "pieces": 1, "box": box, "appearance": f"the {name}", "pose": "as in the image",
            "lighting": "even", "state": "as in the image", "covered_by": [],
            "covered_by_other": [], "touches": [], "hidden_areas": [], "remove": [],
        }  # fmt: skip

    def edit(self, request: Request) -> dict[str, Any]:
        """The true part on the canvas that was asked for, or a spoiled picture of it."""
        with self._lock:
            self.edits += 1
            spoiled = self._spoiled.popleft() if self._spoiled else None
            self.spoilt += [spoiled] if spoiled else []
        found = re.search(r"show only the (.+?), alone", str(request.body["prompt"]))
        part = self.alone[found[1] if found else ""]
        if spoiled == "blank":
            part = np.zeros_like(part)
        size = _asked_size(request)
        clear = request.body.get("background") == "transparent" and spoiled != "opaque"
        picture = _on_canvas(part, size, clear)
        if spoiled == "half size":
            picture = picture.resize((picture.width // 2, picture.height // 2))
        stream = BytesIO()
        picture.save(stream, "PNG")
        text, image, made = EDIT_TOKENS
        return images(
            stream.getvalue(), background="transparent" if clear else "opaque",
            text_tokens=text, image_tokens=image, output_tokens=made,
        )  # fmt: skip


def _asked_size(request: Request) -> tuple[int, int]:
    width, height = str(request.body["size"]).split("x")
    return int(width), int(height)


def _on_canvas(part: np.ndarray, size: tuple[int, int], clear: bool) -> Image.Image:
    """A part where it is in the source, the source being centred on the canvas, unstretched."""
    scale = min(size[0] / part.shape[1], size[1] / part.shape[0])
    width, height = round(part.shape[1] * scale), round(part.shape[0] * scale)
    drawn = Image.fromarray(part, "RGBA").resize((width, height), Image.Resampling.BICUBIC)
    picture = Image.new("RGBA", size, (0, 0, 0, 0) if clear else GROUND)
    place = ((size[0] - width) // 2, (size[1] - height) // 2)
    if clear:
        picture.paste(drawn, place)
        return picture
    picture.alpha_composite(drawn, place)
    return picture.convert("RGB")
