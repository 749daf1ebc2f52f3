"""The noise of sampling that the manual tells is what the benchmark measures."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh

from evaluation.prepared import PreparedMesh
from mmpart_core.geometry.surface import TriangleMesh

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))  # it is run from there
        yield importlib.import_module("benchmarks.sampling_noise")


def test_the_manual_has_the_rows_of_the_example(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark.main([str(ROOT / "examples" / "lantern")]) == 0
    printed = capsys.readouterr().out.splitlines()
    rows = [line for line in printed if line.startswith("| lantern |")]
    manual = (ROOT / "docs" / "evaluation.md").read_text()
    assert len(rows) == 2
    for row in (printed[0], *rows):
        assert f"  {row}\n" in manual


def test_one_sample_agrees_with_itself_and_another_order_is_another_sample(
    benchmark: ModuleType,
) -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=5.0)
    parts = {"ball": TriangleMesh(np.array(ball.vertices) + 7.0, np.array(ball.faces))}
    mesh: PreparedMesh = benchmark.whole_in_frame(parts)
    assert np.allclose(mesh.bounds, [[-1.0] * 3, [1.0] * 3], atol=1e-2)
    assert np.abs(mesh.bounds).max() == pytest.approx(1.0)
    same = benchmark.agreement(mesh, 0, mesh, 0, 500)
    assert same == (0.0, 1.0, 1.0, pytest.approx(1.0))
    seeded = benchmark.agreement(mesh, 0, mesh, 1, 4000)
    ordered = benchmark.agreement(mesh, 0, benchmark.shuffled(mesh, 0), 0, 4000)
    # of N random points on area A the nearest is on average 1 / (2 sqrt(N / A)) away; so both ways
    assert seeded[0] == pytest.approx(np.sqrt(4 * np.pi / 4000), rel=0.1)
    assert ordered == pytest.approx(seeded, abs=0.03)
    assert ordered != seeded


def test_a_folder_without_objects_is_refused(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        benchmark.main([str(tmp_path)])
    assert caught.value.code == 2
    assert tmp_path.name in capsys.readouterr().err
