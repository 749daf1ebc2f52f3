"""Modules of ``tests``, which are no package of the project: real servers, back-ends, faults."""

import importlib
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

TESTS = Path(__file__).resolve().parents[1] / "tests"
PACKAGES = TESTS / "packages"


def provide_packages() -> None:
    """Let this process import what tests import as if from elsewhere."""
    sys.path[:0] = [str(PACKAGES), str(TESTS / "model_server")]


@contextmanager
def search_path() -> Generator[None]:
    """Within: processes that are started find those packages."""
    before = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([str(PACKAGES), *([before] if before else [])])
    with patch.dict(os.environ, {"PYTHONPATH": path}):
        yield


def tests_module(name: str) -> Any:
    """A module of the tests."""
    package = ModuleType("tests")
    package.__path__ = [str(TESTS)]
    known = sys.modules.get("tests")
    # some dependencies install a package of that name
    if known is None or list(known.__path__) != package.__path__:
        sys.modules["tests"] = package
    return importlib.import_module(f"tests.{name}")
