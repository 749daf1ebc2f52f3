"""The benchmark of placement: scenes of several objects, tables, pictures, reconstructed parts."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh
from PIL import Image

from mmpart_core.geometry import truth_scene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb

Load = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def assembly() -> Iterator[Load]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))
        yield lambda name: importlib.import_module(f"benchmarks.assembly.{name}")


def box(side: float, z: float) -> TriangleMesh:
    made = trimesh.creation.box((side, side, side))
    made.apply_translation((0.0, 0.0, z))
    colors = np.full((len(made.vertices), 4), 160, dtype=np.uint8)
    return TriangleMesh(np.asarray(made.vertices), np.asarray(made.faces), colors=colors)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("objects")
    nodes = [
        glb.GlbNode("low", box(1.0, 0.0), np.eye(4)),
        glb.GlbNode("high", box(0.5, 0.75), np.eye(4)),
    ]
    (made / "tower.glb").write_bytes(glb.encode_glb(nodes))
    return made


def test_objects_stand_in_rows_without_touching(assembly: Load, folder: Path):
    truth = truth_scene.read_truth((folder / "tower.glb").read_bytes(), "tower")
    parts = assembly("speed").in_rows([truth, truth, truth])
    assert len(parts) == 6
    middles = np.stack([mesh.vertices.mean(axis=0) for mesh in list(parts.values())[::2]])
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=-1)[np.triu_indices(3, 1)]
    assert apart.min() == pytest.approx(1.7)
    some = assembly("speed").some_parts(parts, 3)
    assert len(some.names) == 3
    points = np.concatenate([some.part(name).vertices for name in some.names])
    assert np.linalg.norm(points, axis=1).max() <= 1.0 + 1e-6


def test_pictures_show_a_cell_per_method_and_the_truth(
    assembly: Load, folder: Path, tmp_path: Path
):
    scenes, condition = assembly("scenes"), assembly("condition")
    scene = scenes.make_scene(folder / "tower.glb", (30.0, 12.0), condition.CONDITIONS["plain"], 0)
    named = assembly("methods").NAMED
    methods = {name: named[name] for name in ("box", "truth")}
    made = assembly("pictures").write_pictures(scene, methods, 0, tmp_path)
    assert list(made) == ["box", "truth"]
    picture = np.asarray(Image.open(tmp_path / "tower.png").convert("RGB")).astype(int)
    assert picture.shape == (160, 640, 3)
    cells = np.split(picture, 4, axis=1)
    assert np.abs(cells[2] - cells[3]).mean() < 1.0
    assert np.abs(cells[1] - cells[3]).mean() > 1.0


def test_tables_tell_parts_by_how_much_is_seen(assembly: Load, folder: Path):
    scenes, condition = assembly("scenes"), assembly("condition")
    scene = scenes.make_scene(folder / "tower.glb", (30.0, 12.0), condition.CONDITIONS["plain"], 0)
    rows = [
        {"condition": "plain", "method": "truth", "seconds": 0.0} | row
        for row in assembly("scoring").score_scene(scene, assembly("methods").by_truth(scene, 0))
    ]
    report = assembly("tables").report(rows)
    assert "| plain, truth |" in report
    assert "1.000 (2)" in report
    assert report.splitlines()[-1] == "| plain, truth | +0.00 | +0.00 | +0.00 |"


def test_a_part_that_floats_has_a_gap_and_one_that_sinks_penetrates(assembly: Load, folder: Path):
    scenes, condition = assembly("scenes"), assembly("condition")
    scene = scenes.make_scene(folder / "tower.glb", (30.0, 12.0), condition.CONDITIONS["plain"], 0)
    true = assembly("methods").by_truth(scene, 0)
    low, high = true.placed
    diagonal = float(np.linalg.norm((1.0, 1.0, 1.5)))
    unit = scene.truth.part("low").vertices.max() * 2.0
    tables = assembly("tables")
    for share, column in ((0.1, "gap"), (-0.1, "pen")):
        matrix = high.world_from_part.copy()
        matrix[2, 3] += share * unit
        moved = replace(true, placed=(low, replace(high, world_from_part=matrix)))
        row, other = assembly("scoring").score_scene(scene, moved)
        if column == "gap":
            assert row["gap"] == pytest.approx(10.0 / diagonal, abs=0.1)
            assert row["pen"] == pytest.approx(0.0, abs=1e-6)
            assert other["above"] == pytest.approx(10.0 / diagonal, abs=0.1)
            assert other["below"] == pytest.approx(-10.0 / diagonal, abs=0.1)
            assert other["aside"] == pytest.approx(0.0, abs=1e-6)
        else:
            assert row["gap"] == pytest.approx(0.0, abs=0.3)
            assert row["pen"] == pytest.approx(20.0, abs=1.0)
            named = {"condition": "plain", "method": "sunk", "seconds": 0.0}
            assert "| 20.00 (0 %) |" in tables.report([named | row])
