"""Drawn scenes whose parts, hidden areas included, are known, and the regions isolator on them."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr
from strict_openai import ModelServer

from mmpart_core.geometry import cameras
from mmpart_core.hosted import secrets
from mmpart_core.isolate import registration
from mmpart_core.isolate.backends.regions import RegionIsolator, Settings
from mmpart_core.isolate.checks import check_isolation
from mmpart_core.isolate.protocol import Isolation, IsolationTask
from mmpart_core.records import ImageRef, PartPrompt, Region
from tests.mmpart_core.isolate.hosted_hat import EXAMPLE, HEIGHT, VARIABLE, WIDTH

SIDE = 240
FOREGROUND = ImageRef(sha256="0" * 64, size=1, media="image/png", width=SIDE, height=SIDE)


@pytest.fixture
def quick_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer starts and steps, for tests of what is done with a place; its own tests have all."""
    monkeypatch.setattr(registration, "_STARTS", 2)
    monkeypatch.setattr(registration, "_FINALISTS", 1)
    monkeypatch.setattr(registration, "_EVALUATIONS", (40, 50, 60))


@pytest.fixture
def provided_key(model_server: ModelServer) -> Iterator[None]:
    """The strict server's key, under the name that ``hosted_hat.opened`` gives."""
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    yield
    secrets.forget_keys()


@pytest.fixture(scope="session")
def source() -> np.ndarray:
    """A head with a hat, wider than high."""
    square = Image.open(EXAMPLE).convert("RGBA").resize((240, 240), Image.Resampling.BOX)
    picture = Image.new("RGBA", (WIDTH, HEIGHT), square.getpixel((0, 0)))
    picture.paste(square, (24, 0))
    return np.asarray(picture)


def rectangle(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return (rows - row) ** 2 + (columns - column) ** 2 < radius**2


HEAD = disc(130, 120, 60)
HAT = rectangle(50, 100, 40, 200)
COLOURS = {"hat": (60, 40, 120), "head": (225, 180, 150), "body": (40, 140, 70)}


def painted(*layers: tuple[np.ndarray, tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Back to front; slightly blurred and noisy, as photographs are."""
    rgb, foreground = np.full((SIDE, SIDE, 3), 245.0), np.zeros((SIDE, SIDE), dtype=bool)
    for mask, colour in layers:
        rgb[mask] = colour
        foreground |= mask
    rgb = cv2.GaussianBlur(rgb, (0, 0), 0.6) + np.random.default_rng(0).normal(0, 3, rgb.shape)
    alpha = np.full((SIDE, SIDE, 1), 255.0)
    rgba = np.clip(np.concatenate([rgb, alpha], axis=-1), 0, 255).astype(np.uint8)
    return rgba, foreground


def head_and_hat() -> tuple[np.ndarray, np.ndarray]:
    return painted((HEAD, COLOURS["head"]), (HAT, COLOURS["hat"]))


def task(
    scene: tuple[np.ndarray, np.ndarray],
    names: Sequence[str],
    regions: Sequence[Region | None],
    index: int,
    hidden: str = "",
    counts: Sequence[int] | None = None,
    masks: dict[int, np.ndarray] | None = None,
) -> IsolationTask:
    prompt = PartPrompt(
        component=names[index],
        prompt="only this",
        hidden=hidden,
        index=index,
        regions=tuple(regions),
        counts=tuple(counts or [1] * len(names)),
        names=tuple(names),
        foreground=FOREGROUND,
        camera=cameras.orbit_camera(0.0, 20.0, 30.0, SIDE),
    )
    return IsolationTask(scene[0], scene[1], prompt, masks or {})


def isolate(job: IsolationTask, **settings: float) -> Isolation:
    isolator = RegionIsolator(Settings.model_validate(settings))
    isolator.open()
    isolation = isolator.isolate(job, seed=0)
    check_isolation(isolation, job.prompt.component)
    return isolation


def iou(left: np.ndarray, right: np.ndarray) -> float:
    return float((left & right).sum() / (left | right).sum())


def box(top: int, bottom: int, left: int, right: int) -> Region:
    return Region(kind="box", box=(left / SIDE, top / SIDE, right / SIDE, bottom / SIDE))


def points(*places: tuple[int, int]) -> Region:
    return Region(kind="points", points=tuple((x / SIDE, y / SIDE) for y, x in places))


HAT_CORNERS = ((40 / SIDE, 50 / SIDE), (200 / SIDE, 50 / SIDE), (200 / SIDE, 100 / SIDE),
               (40 / SIDE, 100 / SIDE))  # fmt: skip
HINTS = {
    "boxes": (box(48, 102, 38, 202), box(72, 192, 58, 182)),
    "points": (points((60, 60), (80, 180)), points((150, 120))),
    "polygon and nothing": (Region(kind="polygon", polygon=HAT_CORNERS), None),
    "box and nothing": (box(48, 102, 38, 202), None),
    "nothing": (None, None),
}
