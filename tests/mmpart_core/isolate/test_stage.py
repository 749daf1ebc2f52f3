"""The isolate stage on any back-end: what was paid is told, whatever comes of it."""

import pickle
from typing import Any, ClassVar

import numpy as np
import pytest

from mmpart_core.errors import StageError
from mmpart_core.geometry import cameras
from mmpart_core.isolate.protocol import Isolation, IsolationTask
from mmpart_core.isolate.stage import isolate_part
from mmpart_core.records import PartPrompt
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore


class Paid:
    """Draws all of the foreground, or nothing, for four cents."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, share: float) -> None:
        self._share = share

    def open(self) -> None:
        """Nothing to load."""

    def isolate(self, task: IsolationTask, seed: int) -> Isolation:
        visible = task.foreground & (self._share > 0)
        rgba = np.dstack([task.source[..., :3], np.where(visible, 255, 0).astype(np.uint8)])
        return Isolation(rgba, visible, np.zeros_like(visible), cost_usd=0.04)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def inputs(store: MemoryStore) -> dict[str, Any]:
    """A square on a transparent ground, and the words for it."""
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[16:48, 16:48] = [200, 40, 40, 255]
    foreground = codecs.put_mask(store, pixels[..., 3] > 0)
    prompt = PartPrompt(
        component="hat", prompt="the hat", index=0, regions=(None,), counts=(1,),
        foreground=foreground, camera=cameras.orbit_camera(0.0, 20.0, 30.0, 64),
    )  # fmt: skip
    return {"image": codecs.put_image(store, pixels), "prompt": prompt}


def test_the_record_tells_what_was_paid(store: MemoryStore, inputs: dict[str, Any]) -> None:
    part = isolate_part(**inputs, backend=Paid(1.0), store=store, seed=0)
    assert part.cost_usd == 0.04
    assert codecs.get_mask(store, part.visible).sum() == 32 * 32


def test_so_does_the_error_of_a_part_that_came_out_empty(
    store: MemoryStore, inputs: dict[str, Any]
) -> None:
    with pytest.raises(StageError, match="covers 0 px") as raised:
        isolate_part(**inputs, backend=Paid(0.0), store=store, seed=0)
    assert raised.value.cost_usd == 0.04
    assert pickle.loads(pickle.dumps(raised.value)).cost_usd == 0.04
    assert StageError("another").cost_usd == 0.0
