"""Small score tables with known means."""

from collections.abc import Callable
from typing import Any

import pytest

from evaluation.protocol import Protocol
from evaluation.rows import ScoreRow

PROTOCOL = Protocol(name="small", taus=(0.1,), metrics=("chamfer", "f_score"))


def _row(object_id: str, name: str, value: float | None, **fields: Any) -> ScoreRow:
    """A row with an F-score; None for a failed one, as the scorer writes it."""
    facts: dict[str, Any] = {"level": "part", "state": "scored", "protocol": PROTOCOL, **fields}
    if value is None:
        facts.update(state="failed", reason="no mesh", values={"f_0.1": 0.0})
    else:
        facts.setdefault("values", {"f_0.1": value})
    return ScoreRow(object_id=object_id, name=name, **facts)


@pytest.fixture(scope="session")
def row() -> Callable[..., ScoreRow]:
    """Makes a row of a part with one F-score."""
    return _row


@pytest.fixture
def small_rows() -> list[ScoreRow]:
    """Three objects: (1.0, 0.5), (0.8), (failed, 0.4); one more part cannot be judged."""
    return [
        _row("a", "x", 1.0, category="chair"),
        _row("a", "y", 0.5, category="chair"),
        _row("b", "x", 0.8, category="chair"),
        _row("c", "x", None, category="lamp"),
        _row("c", "y", 0.4, category="lamp"),
        _row("c", "z", 0.0, category="lamp", state="unscored", values={}, reason="bad truth"),
    ]
