"""Seconds of the quality gate, picture by picture and step by step."""

import statistics
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from mmpart_core.isolate import background_removal, quality_gate

_STEPS: dict[str, tuple[tuple[Any, str], ...]] = {
    "ground": ((background_removal, "remove_background"),),
    "registration": ((quality_gate, "register_part"),),
    "comparison": ((quality_gate, "compare_with_source"),),
    "checks": tuple(
        (quality_gate, f"{name}_faults")
        for name in ("drawn", "ground", "place", "seen", "stray", "alone")
    ),
}


class GateClock:
    """Judges pictures and notes how long that took; made by ``gate_clock``.

    Args:
        now: seconds, of whatever clock.

    Attributes:
        pictures: per judged picture, the seconds of each step, and ``whole``.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.pictures: list[dict[str, float]] = []

    def judge(self, *given: Any) -> quality_gate.Judged:
        """``quality_gate.judge_answer``, timed."""
        self.pictures.append(dict.fromkeys((*_STEPS, "whole"), 0.0))
        return self.timed("whole", quality_gate.judge_answer)(*given)

    def timed(self, step: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose seconds count as a step of the picture at hand."""

        def run(*given: Any) -> Any:
            began = self._now()
            try:
                return work(*given)
            finally:
                self.pictures[-1][step] += self._now() - began

        return run


@contextmanager
def gate_clock(now: Callable[[], float] = time.thread_time) -> Generator[GateClock]:
    """Within: pictures that the clock judges are timed by step.

    Args:
        now: seconds; by default CPU time of this thread.
    """
    clock = GateClock(now)
    with ExitStack() as stack:
        for step, functions in _STEPS.items():
            for module, name in functions:
                timed = clock.timed(step, getattr(module, name))
                stack.enter_context(mock.patch.object(module, name, timed))
        yield clock


def medians(pictures: Sequence[dict[str, float]]) -> str:
    """The median of the whole gate and of each of its steps, in words."""
    middle = {
        step: statistics.median(each[step] for each in pictures) for step in ("whole", *_STEPS)
    }
    steps = ", ".join(f"{step} {middle[step]:.2f}" for step in _STEPS)
    return f"{middle['whole']:.2f} s ({steps})"
