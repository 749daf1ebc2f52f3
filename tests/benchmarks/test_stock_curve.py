"""The table of a stock model's batches beside the cpu preset."""

import importlib
from types import ModuleType

import pytest

from tests.benchmarks.conftest import Load


@pytest.fixture
def curve_of(load: Load) -> ModuleType:
    load("rows")  # puts the repository's root on the path
    return importlib.import_module("benchmarks.stock_curve")


def test_means_best_and_ratio(load: Load, curve_of: ModuleType) -> None:
    """A surface that is not there counts 0; a part that is not finished does not count."""
    rows, methods, parts = load("rows"), load("methods"), load("parts")
    curve = curve_of.Curve(methods.StockOptions(model="nerfacto", rays=512), (160, 800))

    def row(part: str, method: str, f_02: float, seconds: float, failed: str = "") -> object:
        figures = {"f_02": f_02, "train_cpu_s": seconds}
        return rows.Row(parts.KnownPart("thing", part), method, 0, "", failed, figures)

    found = [
        row("cup", "ours-cpu", 0.9, 10.0), row("lid", "ours-cpu", 0.7, 14.0),
        row("cup", "nerfacto-160", 0.0, 30.0, "no surface"), row("lid", "nerfacto-160", 0.5, 32.0),
        row("cup", "nerfacto-800", 0.8, 150.0), row("lid", "nerfacto-800", 0.4, 138.0),
        row("oar", "ours-cpu", 0.1, 10.0),
    ]  # fmt: skip
    lines = curve_of.table(found, curve).splitlines()
    assert lines[0] == "| part | 160 batches | 800 batches | best | ours-cpu |"
    assert lines[2:5] == [
        "| thing/cup | 0.000, 30 s | 0.800, 150 s | 0.800, 150 s | 0.900, 10 s |",
        "| thing/lid | 0.500, 32 s | 0.400, 138 s | 0.500, 32 s | 0.700, 14 s |",
        "| mean | 0.250, 31 s | 0.600, 144 s | 0.600, 144 s | 0.800, 12 s |",
    ]
    assert "0.600, the model takes 12.0 times the seconds that ours-cpu takes to 0.800" in lines[-1]
