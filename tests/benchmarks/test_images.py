"""Published pictures: their lists parse and fit, files are known by content, results are read."""

import importlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

from mmpart_core.intake.components import read_components


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))  # it is run from there
        yield importlib.import_module("benchmarks.images")


def test_each_picture_has_its_list_and_no_list_is_left_over(benchmark: ModuleType):
    assert {path.name for path in benchmark.LISTS.iterdir()} == {
        f"{name}.yaml" for name in benchmark.PICTURES
    }


@pytest.mark.parametrize("name", ["minifigure", "teapot", "robot", "dwarf", "extinguisher"])
def test_lists_outline_every_component_inside_the_picture(benchmark: ModuleType, name: str):
    assert name in benchmark.PICTURES
    components = read_components(benchmark.LISTS / f"{name}.yaml")
    assert len({component.name for component in components}) == len(components) >= 3
    for component in components:
        assert component.region is not None
        assert component.region.kind == "polygon"
        assert component.region.units == "fraction"
        assert len(component.region.points) >= 4
        assert all(0.0 < value < 1.0 for corner in component.region.points for value in corner)


def test_a_picture_is_known_by_its_content_and_not_by_its_name(
    benchmark: ModuleType, tmp_path: Path
):
    digest = f"sha256:{sha256(b'the published one').hexdigest()}"
    picture = replace(benchmark.PICTURES["robot"], digest=digest)
    for folder, content in (("a", b"another robot"), ("b/deeper", b"the published one")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "robot.jpg").write_bytes(content)
    assert benchmark.find_picture(tmp_path, picture) == tmp_path / "b/deeper/robot.jpg"
    assert benchmark.find_picture(tmp_path / "a", picture) is None


def test_absent_pictures_are_skipped_and_named(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    benchmark.main([str(tmp_path), "--output", str(tmp_path / "out"), "--only", "teapot"])
    said = capsys.readouterr().out
    assert "teapot: skipped: mushroom_teapot.jpg as published (TencentARC/InstantMesh@" in said
    assert "silhouette IoU" not in said
    assert not (tmp_path / "out").exists()


def test_the_command_names_list_camera_and_folders(benchmark: ModuleType, tmp_path: Path):
    command = benchmark.generate_command(
        "teapot", tmp_path / "mushroom_teapot.jpg", tmp_path / "out", ["mesh.faces=5000"]
    )
    said = dict(itertools.pairwise(command))
    assert said["generate"] == str(tmp_path / "mushroom_teapot.jpg")
    assert said["--components"] == str(benchmark.LISTS / "teapot.yaml")
    assert said["--camera"] == "elevation=10"
    assert said["-o"] == str(tmp_path / "out" / "teapot")
    assert command[-1] == "--set=mesh.faces=5000"


def test_a_row_counts_made_parts_and_finds_the_worst(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    parts = [
        {"state": "made", "silhouette_iou": 0.93},
        {"state": "made", "silhouette_iou": 0.71},
        {"state": "failed", "silhouette_iou": None},
    ]
    manifest = {"parts": parts, "assembly": {"silhouette_iou": 0.95}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    row = benchmark.read_row(tmp_path, 61.4)
    assert row == benchmark.Row(components=3, made=2, object_iou=0.95, worst_iou=0.71, seconds=61.4)
    benchmark.report({"robot": row, "dwarf": replace(row, object_iou=None, worst_iou=None)})
    robot, dwarf = capsys.readouterr().out.splitlines()[-2:]
    assert robot.split() == ["robot", "2", "of", "3", "0.950", "0.710", "61"]
    assert dwarf.split() == ["dwarf", "2", "of", "3", "-", "-", "61"]
