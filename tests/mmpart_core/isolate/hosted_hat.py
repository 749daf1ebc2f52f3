"""A hat on a head, and what a hosted model may answer when it is asked for the hat."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from strict_openai import (
    ModelServer,
    Request,
    images,
)

from mmpart_core.errors import (
    BackendError,
)
from mmpart_core.geometry import cameras
from mmpart_core.images.foreground import foreground_mask
from mmpart_core.isolate.backends import openai as isolator
from mmpart_core.isolate.checks import check_isolation
from mmpart_core.isolate.protocol import ImageEditor, Isolation, IsolationTask
from mmpart_core.isolate.stage import isolate_part
from mmpart_core.records import ImageRef, IsolatedPart, PartPrompt, Region
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore
from tests.mmpart_core.isolate.drawn_parts import cut, placed, polygon, similarity

EXAMPLE = Path(__file__).parents[3] / "examples" / "hat-on-head" / "image.png"
WIDTH, HEIGHT = 288, 240
# Of the picture below: the hat's outline.
HAT = tuple(
    (x * 240 / WIDTH + 24 / WIDTH, y)
    for x, y in [
        (0.16, 0.33), (0.18, 0.37), (0.23, 0.4), (0.5, 0.45), (0.76, 0.46), (0.82, 0.44),
        (0.84, 0.41), (0.83, 0.39), (0.76, 0.37), (0.76, 0.24), (0.71, 0.15), (0.63, 0.1),
        (0.53, 0.08), (0.42, 0.08), (0.33, 0.11), (0.27, 0.2), (0.24, 0.3), (0.18, 0.31),
    ]
)  # fmt: skip
PROMPT = "Show only the hat, on a plain, uniform, neutral light grey background."
# Most tests draw on a small canvas, which models of other makers take.
MODEL = "local-edit"
SMALL = {"model": MODEL, "canvas_px": 65_536}
PRICES = {"input_usd": 5.0, "image_input_usd": 8.0, "output_usd": 30.0}
CALL_USD = (100 * 5.0 + 1000 * 8.0 + 2000 * 30.0) / 1e6  # the server's usage at these prices
GREY = np.full((64, 64, 4), 200, np.uint8)
Drawer = Callable[[np.ndarray], np.ndarray]

VARIABLE = "MMPART_TEST_KEY"


def task_of(source: np.ndarray, region: Region | None = None) -> IsolationTask:
    prompt = PartPrompt(
        component="hat", prompt=PROMPT, index=0, regions=(region, None), counts=(1, 1),
        names=("hat", "head"), camera=cameras.orbit_camera(0.0, 20.0, 30.0, WIDTH),
        foreground=ImageRef(sha256="0" * 64, size=1, media="image/png", width=WIDTH, height=HEIGHT),
    )  # fmt: skip
    return IsolationTask(source, foreground_mask(source), prompt)


def opened(server: ModelServer, **changes: Any) -> isolator.OpenAIEditor:
    given: dict[str, Any] = {"base_url": server.base_url, "api_key_variable": VARIABLE}
    given |= SMALL | PRICES | changes
    made = isolator.OpenAIEditor(isolator.Settings(**given))
    assert isinstance(made, ImageEditor)
    made.open()
    return made


def isolated(
    server: ModelServer, source: np.ndarray, store: MemoryStore, **changes: Any
) -> IsolatedPart:
    task = task_of(source)
    return isolate_part(
        codecs.put_image(store, source),
        task.prompt.model_copy(update={"foreground": codecs.put_mask(store, task.foreground)}),
        backend=opened(server, **changes), store=store, seed=0,
    )  # fmt: skip


def picture_of(request: Request) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(request.files["image"][0].data)).convert("RGBA"))


def png(rgba: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(rgba).save(buffer, format="PNG")
    return buffer.getvalue()


def hat_on(canvas: np.ndarray) -> np.ndarray:
    """The hat alone on the canvas; its outline told as the canvas shows the source."""
    scale = min(canvas.shape[1] / WIDTH, canvas.shape[0] / HEIGHT)
    left, top = (canvas.shape[1] - scale * WIDTH) // 2, (canvas.shape[0] - scale * HEIGHT) // 2
    corners = [
        [(x * WIDTH * scale + left) / canvas.shape[1], (y * HEIGHT * scale + top) / canvas.shape[0]]
        for x, y in HAT
    ]
    return cut(canvas[..., :3], polygon(corners, canvas.shape))


def on_grey(rgba: np.ndarray) -> np.ndarray:
    alpha = rgba[..., 3:] / 255.0
    return np.rint(rgba[..., :3] * alpha + 205 * (1 - alpha)).astype(np.uint8)


def draws(*drawers: Drawer) -> Callable[[Request], dict[str, Any]]:
    """Answers in turn, the last one for ever; as many pictures as were asked for."""
    left = list(drawers)

    def answer(request: Request) -> dict[str, Any]:
        drawer = left.pop(0) if len(left) > 1 else left[0]
        count = int(request.body.get("n", 1))
        return images(*[png(drawer(picture_of(request)))] * count)

    return answer


def moved_hat(canvas: np.ndarray) -> np.ndarray:
    """Shifted by 7 % and 4 %, a tenth smaller, on grey."""
    center = (canvas.shape[1] / 2, canvas.shape[0] / 3)
    matrix = similarity((0.07 * canvas.shape[1], 0.04 * canvas.shape[0]), 0.9, 0.0, center)
    return on_grey(placed(hat_on(canvas), matrix))


def iou(left: np.ndarray, right: np.ndarray) -> float:
    return float((left & right).sum() / (left | right).sum())


def hat_mask() -> np.ndarray:
    return polygon([list(corner) for corner in HAT], (HEIGHT, WIDTH))


def assert_in_place(isolation: Isolation, source: np.ndarray) -> None:
    check_isolation(isolation, "hat")
    assert isolation.rgba.shape == source.shape
    assert iou(isolation.rgba[..., 3] >= 128, hat_mask()) > 0.95
    assert iou(isolation.visible, hat_mask()) > 0.9


def request_for(server: ModelServer, task: IsolationTask, **changes: Any) -> Request:
    """What is sent for a part. The answer, plain grey, is rejected before it costs time."""
    server.answer("/images/edits", draws(lambda _: GREY))
    with pytest.raises(BackendError, match="none of 1 pictures"):
        opened(server, tries=1, **changes).isolate(task, 0)
    return server.requests[-1]
