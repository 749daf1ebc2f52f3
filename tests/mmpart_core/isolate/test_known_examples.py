"""The regions isolator on examples whose true masks are known: figures must not fall."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mmpart_core.storage.memory_store import MemoryStore

LEAST = {
    "hat-on-head": {"hat": (0.99, 0.98), "head": (0.98, 0.95)},
    # The bulb's outline lies within the shade's.
    "desk-lamp": {
        "base": (0.96, 0.96),
        "arm": (0.91, 0.68),
        "shade": (0.97, 0.97),
        "bulb": (0.97, 0.70),
    },
    "toy-robot": {
        "head": (0.97, 0.94),
        "body": (0.95, 0.93),
        "arms": (0.95, 0.78),
        "legs": (0.93, 0.78),
    },
    "lantern": {
        "base": (0.96, 0.88),
        "frame": (0.80, 0.66),
        "candle": (0.74, 0.74),
        "roof": (0.97, 0.96),
        "handle": (0.98, 0.92),
    },
}


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[3]))  # it is run from there
        yield importlib.import_module("benchmarks.isolation")


@pytest.mark.parametrize("name", LEAST)
def test_parts_of_an_example_with_hints(benchmark: ModuleType, name: str) -> None:
    store = MemoryStore()
    request = benchmark.example_request(name, store, hints=True)
    foreground, scores = benchmark.score_request(request, benchmark.example_truth(name), store)
    assert foreground > 0.98
    found = {score.part: (score.visible, score.whole) for score in scores}
    assert set(found) == set(LEAST[name])
    for part, (visible, whole) in LEAST[name].items():
        assert found[part][0] > visible, part
        assert found[part][1] > whole, part
