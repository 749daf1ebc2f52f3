"""A Zero123++ of toy width, and its plain restatement; both are the benchmark's."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(scope="session")
def bench() -> Iterator[Any]:
    """Modules of the benchmark: toy, reference, main."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[4])  # it is run from there
        yield SimpleNamespace(
            toy=importlib.import_module("benchmarks.zero123plus.toy"),
            reference=importlib.import_module("benchmarks.zero123plus.reference"),
            main=importlib.import_module("benchmarks.zero123plus.__main__"),
        )


@pytest.fixture(scope="session")
def components(bench: Any) -> dict[str, Any]:
    """Random networks of toy width, by the checkpoint's keys."""
    return bench.toy.toy_components()


@pytest.fixture(scope="session")
def controlled(bench: Any, components: dict[str, Any]) -> dict[str, Any]:
    """The same with a ControlNet that matters."""
    return {**components, "controlnet": bench.toy.toy_controlnet(components["unet"])}


@pytest.fixture(scope="session")
def toy_folder(
    bench: Any, components: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The toy checkpoint on disk, its scheduler as published: linspace."""
    folder = tmp_path_factory.mktemp("weights") / "toy"
    published = bench.toy.toy_components(spacing="linspace")
    bench.toy.save_toy({**components, "scheduler": published["scheduler"]}, folder)
    return folder
