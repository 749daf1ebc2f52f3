"""Real grids: one row per training, never made twice; how rough a surface is said to be."""

import csv
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import trimesh

from mmpart_core.geometry import transforms
from mmpart_core.geometry.cameras import orbit_camera, zero123plus_cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh

TINY = ["reconstruct.steps=2", "reconstruct.resolution=24", "reconstruct.coarse_resolution=20",
        "reconstruct.rays=64", "mesh.texture=vertex", "mesh.max_faces=400"]  # fmt: skip


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))  # it is run from there
        yield importlib.import_module("benchmarks.real_grids")


def write_grid(path: Path, ground: int) -> None:
    """A dark box as the generator would draw it, six views in one picture."""
    box = trimesh.creation.box((0.7, 0.9, 1.1))
    mesh = TriangleMesh(
        np.array(box.vertices),
        np.array(box.faces, dtype=np.int64),
        colors=np.tile(np.array([90, 40, 20, 255], np.uint8), (8, 1)),
    )
    scene = RenderScene([mesh])
    views = [scene.render(pose, shading=0.5).rgba for pose in zero123plus_cameras("v1.2", 64)]
    tiles = [
        np.rint(v[..., :3] * (v[..., 3:] / 255.0) + ground * (1.0 - v[..., 3:] / 255.0))
        for v in views
    ]
    rows = [np.concatenate(tiles[at : at + 2], axis=1) for at in (0, 2, 4)]
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), np.concatenate(rows).astype(np.uint8)[..., ::-1])


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "rows.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.long
def test_a_run_writes_sheet_and_rows_and_the_next_one_only_what_is_missing(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_grid(tmp_path / "grids" / "a" / "box_views_grid.png", 174)
    output = tmp_path / "out"
    command = ["real_grids", str(tmp_path / "grids"), str(output)]
    command += [word for setting in TINY for word in ("--set", setting)]
    monkeypatch.setattr(sys, "argv", [*command, "--hold"])
    benchmark.main()
    first = rows_of(output)
    assert [(row["grid"], row["held"], row["failed"]) for row in first] == [("box", "", "")]
    assert first[0]["watertight"] == "1"
    sheet = cv2.imread(str(output / "box.png"))
    assert sheet is not None
    assert sheet.shape[1] == 6 * 240
    (output / "box.png").unlink()
    monkeypatch.setattr(sys, "argv", [*command, "--hold", "1"])
    benchmark.main()
    second = rows_of(output)
    assert second[0] == first[0]
    assert [row["held"] for row in second] == ["", "1"]
    assert float(second[1]["held_iou"]) > 0.8
    assert not (output / "box.png").exists()


def test_a_grid_without_an_object_is_a_failed_row(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grids").mkdir()
    blank = np.full((96, 64, 3), 246, np.uint8)
    cv2.imwrite(str(tmp_path / "grids" / "blank_grid.png"), blank)
    output = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["real_grids", str(tmp_path / "grids"), str(output), "--hold"])
    benchmark.main()
    assert "shows 0.000% foreground" in rows_of(output)[0]["failed"]


def test_cameras_of_white_grids_stand_nearer(benchmark: ModuleType) -> None:
    white, grey = (np.full((6, 8, 8, 3), value, np.uint8) for value in (246, 174))
    assert benchmark.grid_distance(white) == benchmark.WHITE_DISTANCE < 1.0
    assert benchmark.grid_distance(grey) == 1.0
    camera = orbit_camera(40.0, 20.0, 30.0, 64)
    near = transforms.to_array(benchmark.camera_at(camera, 0.5).world_from_camera)
    far = transforms.to_array(camera.world_from_camera)
    assert np.allclose(near[:3, 3], 0.5 * far[:3, 3])
    assert np.array_equal(near[:3, :3], far[:3, :3])


def test_a_noisy_sphere_is_rougher_than_a_smooth_one(benchmark: ModuleType) -> None:
    sphere = trimesh.creation.icosphere(4)
    vertices, faces = np.array(sphere.vertices), np.array(sphere.faces, dtype=np.int64)
    noise = np.random.default_rng(0).normal(1.0, 0.01, (len(vertices), 1))
    smooth, rough = (
        benchmark.bump_angle_deg(vertices, faces),
        benchmark.bump_angle_deg(vertices * noise, faces),
    )
    assert smooth < 4.0
    assert rough > 3.0 * smooth
    assert benchmark.face_angle_deg(vertices * noise, faces) > 2.0 * benchmark.face_angle_deg(
        vertices, faces
    )


def test_the_angle_of_a_box_is_that_of_its_edges_with_seams_or_without(
    benchmark: ModuleType,
) -> None:
    box = trimesh.creation.box((1.0, 1.0, 1.0))
    vertices, faces = np.array(box.vertices), np.array(box.faces, dtype=np.int64)
    # 12 edges of 90 degrees and 6 diagonals of 0 between 12 faces of one area.
    assert benchmark.face_angle_deg(vertices, faces) == pytest.approx(60.0)
    split = np.arange(36).reshape(12, 3)
    assert benchmark.face_angle_deg(vertices[faces.ravel()], split) == pytest.approx(60.0)
