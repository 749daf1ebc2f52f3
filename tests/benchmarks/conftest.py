"""The benchmark of reconstruct and mesh, as its tests import it."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def load() -> Iterator[Load]:
    """Imports a module of the benchmark, as it is imported from the repository's root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))
        yield lambda name: importlib.import_module(f"benchmarks.reconstruction.{name}")
