"""Runs of the benchmark of reconstruct and mesh: methods, rows, tables, comparisons and plots."""

import time
from pathlib import Path

import pytest

from mmpart_core.errors import ConfigError, InputError
from tests.benchmarks.conftest import Load


def test_variants_are_checked_before_anything_is_made(load: Load) -> None:
    methods = load("methods")
    [variant] = methods.chosen_methods(
        [], ["fine:reconstruct.steps=20,mesh.kind=marching_cubes,mesh.max_faces=500"]
    )
    assert variant.kinds == {"reconstruct": "nerfstudio", "mesh": "marching_cubes"}
    assert variant.settings == {
        "reconstruct": {"preset": "cpu", "steps": 20},
        "mesh": {"max_faces": 500},
    }
    assert "marching_cubes" in variant.definition()
    assert variant.definition() != methods.NAMED["ours-mc"].definition()
    [stock] = methods.chosen_methods([], ["t:stock.model=tensorf,stock.seconds=5"])
    assert (stock.family, stock.stock_options().seconds) == ("stock", 5.0)
    for wrong, told in {
        "fine": "NAME:reconstruct.key=value",
        "hull:mesh.max_faces=500": "are taken",
        "a:mesh.max_faces": "got 'mesh.max_faces'",
        "a:assemble.kind=layout": "got 'assemble.kind=layout'",
        "a:mesh.max_facets=5": "max_facets",
        "a:stock.model=neus": "stock.model",
        "a:stock.steps=5,mesh.max_faces=500": "no settings of reconstruct",
    }.items():
        with pytest.raises(ConfigError, match=told):
            methods.chosen_methods([], [wrong])
    with pytest.raises(ConfigError, match="expected some of ours-cpu"):
        methods.chosen_methods(["theirs"], [])


def fill(load: Load, folder: Path, scores: dict[str, list[float | str]]) -> None:
    """A run whose methods have these F-scores, or failures, on the parts of one object each."""
    rows, parts, methods = load("rows"), load("parts"), load("methods")
    run = rows.Rows(folder, load("condition").Condition())
    for name, values in scores.items():
        for number, value in enumerate(values):
            part = parts.KnownPart(f"thing-{number}", "part")
            answer: dict[str, object] = {"failed": value}
            if isinstance(value, float):
                answer = {figure: value for figure in rows.FIGURES}
            run.append(rows.row_of(part, methods.NAMED[name], 0, answer))


def test_a_run_goes_on_and_crashes_are_made_again(load: Load, tmp_path: Path) -> None:
    rows, parts, methods = load("rows"), load("parts"), load("methods")
    fill(load, tmp_path, {"hull": [0.5, "no body", f"{rows.CRASHED} 1"]})
    run = rows.Rows(tmp_path, load("condition").Condition())
    hull = methods.NAMED["hull"]
    there = [run.has(parts.KnownPart(f"thing-{n}", "part"), hull, 0) for n in range(4)]
    assert there == [True, True, False, False]
    assert not run.has(parts.KnownPart("thing-0", "part"), hull, 1)
    with pytest.raises(InputError, match="holds a run with other views"):
        rows.Rows(tmp_path, load("condition").Condition(views=8))
    last = rows.read_rows(tmp_path)[1]
    assert (last.failed, last.figures["f_02"], "chamfer" in last.figures) == ("no body", 0.0, False)


def test_reports_count_failures_and_comparisons_pair_parts(load: Load, tmp_path: Path) -> None:
    rows, tables, comparison = load("rows"), load("tables"), load("comparison")
    fill(load, tmp_path, {"hull": [0.5, 0.6, 0.7, "no body"], "ours-cpu": [0.6, 0.75, 0.8, 0.9]})
    found = rows.read_rows(tmp_path)
    text = tables.report(found, load("condition").Condition(), ["speck: too small"])
    mean, median = (text.split(f"## {title}")[1] for title in ("Mean", "Median"))
    assert "| hull | 4 | 25.0% | 0.450 |" in mean
    assert "| ours-cpu | 4 | 0.0% | 0.762 |" in mean
    assert "| hull | 4 | 25.0% | 0.550 |" in median
    assert "- hull: thing-3/part (seed 0): no body" in text
    assert "- speck: too small" in text
    sides = [comparison.read_side(f"{tmp_path}:{name}") for name in ("hull", "ours-cpu")]
    said = comparison.compare(*sides)
    assert "4 pairs (part and seed) of 4 objects" in said
    line = next(line for line in said.splitlines() if line.startswith("| F(0.02)"))
    assert "| 4 | 0.4500 | 0.7625 | +0.3125 |" in line
    assert line.endswith("| better |")
    assert "| Chamfer | 3 |" in said
    with pytest.raises(InputError, match="expected RUN:METHOD; methods of that run are hull, ours"):
        comparison.read_side(str(tmp_path))


def test_methods_on_other_parts_are_compared_on_what_they_share(load: Load, tmp_path: Path) -> None:
    fill(load, tmp_path, {"hull": [0.2, 0.6, 0.7], "tensorf": [0.8]})
    found = load("rows").read_rows(tmp_path)
    text = load("tables").report(found, load("condition").Condition(), [])
    shared = text.split("## Mean of the 1 that all methods have")[1].split("##")[0]
    assert "| hull | 1 | 0.0% | 0.200 |" in shared
    assert "| tensorf | 1 | 0.0% | 0.800 |" in shared


def test_plots_are_written(load: Load, tmp_path: Path) -> None:
    fill(load, tmp_path, {"hull": [0.5, 0.6, "no body"], "ours-cpu": [0.6, 0.75, 0.8]})
    load("plots").write_plots(load("rows").read_rows(tmp_path), tmp_path)
    for name in ("distributions.png", "cost.png"):
        assert (tmp_path / name).stat().st_size > 10_000


def test_a_process_without_an_answer_is_a_crash(load: Load) -> None:
    running = load("running")
    answer = running.in_child(time.sleep, 1)  # refuses the pipe it is given, and ends
    assert answer == {"failed": f"{load('rows').CRASHED} 1"}
