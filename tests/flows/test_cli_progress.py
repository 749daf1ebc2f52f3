"""What a terminal of 80 columns shows of a run: a bar per stage and part."""

import io

from rich.console import Console

from flows.cli_progress import Bars, PlainLines, shown
from flows.progress import listener
from mmpart_core.backends import STAGES
from mmpart_core.records import PartFailure, StageName, StageRun

PART_STAGES: tuple[StageName, ...] = ("isolate", "multiview", "reconstruct", "mesh")


def terminal(height: int = 30) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=80, height=height, color_system=None,
        legacy_windows=False,
    )  # fmt: skip


def lines_of(bars: Bars, height: int = 30) -> list[str]:
    console = terminal(height)
    with console.capture() as capture:
        console.print(bars)
    return [line.rstrip() for line in capture.get().splitlines()]


def work(stage: StageName, component: str | None, cached: bool = False) -> StageRun:
    return StageRun(component=component, stage=stage, key="k", cached=cached, seconds=1.0,
                    backend="counting/1", seed=0)  # fmt: skip


def line_of(bars: Bars, name: str) -> str:
    return next(line for line in lines_of(bars) if line.startswith(name))


def cell(bars: Bars, name: str, stage: str) -> str:
    """What stands under a stage's heading in a part's line."""
    heading = lines_of(bars)[0]
    start = heading.index(stage)
    return line_of(bars, name)[start : start + max(6, len(stage))].strip()


def failure(stage: StageName, component: str) -> PartFailure:
    return PartFailure(component=component, stage=stage, error="StageError", message="nothing left")


def test_each_stage_of_each_part_has_its_bar() -> None:
    bars = Bars()
    assert lines_of(bars)[0].split() == list(STAGES)
    bars.started("isolate", "hat")
    bars.finished(work("isolate", "hat"))
    bars.started("multiview", "hat")
    bars.finished(work("multiview", "hat", cached=True))
    bars.started("reconstruct", "hat")
    bars.failed(failure("reconstruct", "hat"))
    bars.started("isolate", "man")
    assert cell(bars, "hat", "isolate") == "━" * len("isolate")
    assert cell(bars, "hat", "multiview") == "cached"
    assert cell(bars, "hat", "reconstruct") == "failed"
    assert cell(bars, "hat", "mesh") == ""  # never to come
    assert cell(bars, "man", "isolate") != ""
    assert cell(bars, "man", "mesh") != ""  # still to come


def test_a_success_a_cached_part_and_the_whole_object() -> None:
    now = [0.0]
    bars = Bars(clock=lambda: now[0])
    bars.started("plan", None)
    bars.finished(work("plan", None))
    for stage in PART_STAGES:
        bars.started(stage, "hat")
        now[0] += 20.0
        bars.finished(work(stage, "hat"))
        bars.started(stage, "man")
        bars.finished(work(stage, "man", cached=True))
    bars.started("assemble", None)
    now[0] += 1.0
    bars.finished(work("assemble", None))
    now[0] += 999.0  # what is over does not get older
    assert line_of(bars, "hat").endswith(" 1:20")
    assert line_of(bars, "man").count("cached") == 4
    assert line_of(bars, "whole object").endswith(" 1:21")
    assert cell(bars, "whole object", "assemble") == "━" * len("assemble")
    assert lines_of(bars)[-1].startswith("whole object")


def test_twelve_parts_fit_80_columns() -> None:
    bars = Bars()
    names = [f"the part of number {number} with a long name" for number in range(11)]
    names.append("帽子" * 30)
    bars.started("plan", None)
    for name in names:
        bars.started("isolate", name)
        bars.finished(work("isolate", name, cached=True))
    lines = lines_of(bars)
    assert len(lines) == 14
    assert lines[0].split() == list(STAGES)
    assert all(" cached " in line and line.endswith(" 0:00") for line in lines[1:-1])
    assert "…" not in lines[-1]
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("the part of number")
    assert sum(line.startswith("帽子帽子") for line in lines) == 1


def test_parts_that_are_over_make_room() -> None:
    bars = Bars()
    for number in range(20):
        bars.started("isolate", f"part {number}")
        if number < 15:
            bars.failed(failure("isolate", f"part {number}"))
    assert len(lines_of(bars, height=30)) == 21
    short = lines_of(bars, height=10)
    assert [line[:7] for line in short[1:]] == [f"part {number}" for number in range(15, 20)]


def test_a_component_called_whole_object_has_a_line_of_its_own() -> None:
    bars = Bars()
    bars.started("plan", None)
    bars.started("isolate", "whole object")
    bars.failed(failure("isolate", "whole object"))
    assert line_of(bars, "'whole object'").count("failed") == 1
    assert "failed" not in line_of(bars, "whole object")
    out = io.StringIO()
    PlainLines(Console(file=out, width=80)).failed(failure("isolate", "whole object"))
    assert out.getvalue() == "'whole object': isolate failed: nothing left\n"


def test_a_terminal_is_left_with_the_last_state() -> None:
    console = terminal()
    with shown(console, quiet=False):
        listener.get().started("isolate", "hat")
        listener.get().finished(work("isolate", "hat", cached=True))
    assert isinstance(console.file, io.StringIO)
    written = console.file.getvalue()
    assert "cached" in written.rpartition("reconstruct")[2]
    with shown(terminal(), quiet=True) as nobody:
        assert nobody is listener.get()
