"""Predictions: our own folders, peers' folders and scenes, coloured meshes."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from evaluation.loaders import PredictionFolder
from evaluation.objects import GroundTruthObject
from evaluation.protocol import PRESETS
from evaluation.scorecard import score_object
from mmpart_core.errors import InputError
from mmpart_core.geometry import bounds
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb

Parts = dict[str, TriangleMesh]
SAM3D = PRESETS["sam3dpart"].model_copy(update={"points": 1000, "whole_points": 1000})


def _write_glb(path: Path, parts: Parts) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(glb.encode_glb([glb.GlbNode(name, mesh) for name, mesh in parts.items()]))


def _load(root: Path, object_id: str = "chair", **options: object):
    found = PredictionFolder(root, **options).load(object_id)
    assert found is not None
    return found


def test_partcrafter_folders_of_parts_leave_the_whole_out(tmp_path: Path, chair: Parts) -> None:
    for index, mesh in enumerate(chair.values()):
        _write_glb(tmp_path / "chair" / f"part_{index:02d}.glb", {"geometry_0": mesh})
    _write_glb(tmp_path / "chair" / "object.glb", chair)
    found = _load(tmp_path)
    assert list(found.parts) == ["part_00", "part_01", "part_02", "part_03"]
    rows = score_object(GroundTruthObject("chair", chair), found, [SAM3D])
    assert all(row.values["f_0.05"] == 1.0 for row in rows)


def test_partpacker_volumes_and_combined_meshes_are_no_parts(tmp_path: Path, chair: Parts) -> None:
    seat, back, leg, _ = chair.values()
    _write_glb(tmp_path / "chair" / "run_part0.glb", {"a": seat})
    _write_glb(tmp_path / "chair" / "run_part1.glb", {"a": back, "b": leg})
    for whole in ("run_vol0", "run_vol1"):
        _write_glb(tmp_path / "chair" / f"{whole}.glb", chair)
    found = _load(tmp_path)
    assert {name: len(mesh.faces) for name, mesh in found.parts.items()} == {
        "run_part0": 12, "run_part1": 24,
    }  # fmt: skip
    other = tmp_path / "other"
    _write_glb(other / "chair" / "mesh_0.glb", {"a": seat})
    _write_glb(other / "chair" / "mesh_combined.glb", chair)
    assert list(_load(other).parts) == ["mesh_0"]


def test_one_scene_of_geometries_in_a_folder_or_a_file(tmp_path: Path, chair: Parts) -> None:
    _write_glb(tmp_path / "a" / "chair" / "mesh_segmented_scene.glb", chair)
    _write_glb(tmp_path / "b" / "chair.glb", chair)
    _write_glb(tmp_path / "c" / "chair" / "scene.glb", chair)
    assert set(_load(tmp_path / "b").parts) == set(_load(tmp_path / "c").parts) == set(chair)


@pytest.mark.parametrize("kind", ["face", "vertex"])
def test_a_coloured_ply_is_split_by_colour(tmp_path: Path, kind: str) -> None:
    red, blue = [255, 0, 0, 255], [0, 0, 255, 255]
    boxes = [trimesh.creation.box().apply_translation([x, 0, 0]) for x in (0.0, 3.0)]
    mesh = trimesh.util.concatenate(boxes)
    if kind == "face":
        mesh.visual.face_colors = np.repeat([red, blue], 12, axis=0)
    else:
        mesh.visual.vertex_colors = np.repeat([red, blue], 8, axis=0)
    mesh.export(str(tmp_path / "chair.ply"))
    found = _load(tmp_path, up="z")
    assert set(found.parts) == {"color_ff0000", "color_0000ff"}
    assert len(found.parts["color_ff0000"].faces) == 12
    blue_x = found.parts["color_0000ff"].vertices[found.parts["color_0000ff"].faces][..., 0]
    assert blue_x.min() == pytest.approx(2.5)


def test_an_unreadable_part_is_a_failure_with_its_file(tmp_path: Path, chair: Parts) -> None:
    _write_glb(tmp_path / "chair" / "part_seat.glb", {"a": chair["seat"]})
    (tmp_path / "chair" / "part_back.glb").write_bytes(b"glTF\x02\x00")
    found = _load(tmp_path)
    assert list(found.parts) == ["part_seat"]
    assert "part_back.glb" in found.failures["part_back"]


def test_absent_and_empty_predictions(tmp_path: Path) -> None:
    assert PredictionFolder(tmp_path).load("chair") is None
    (tmp_path / "chair").mkdir()
    with pytest.raises(InputError, match="no mesh files of parts"):
        PredictionFolder(tmp_path).load("chair")


def _own_folder(folder: Path, chair: Parts, **changes: object) -> None:
    used = np.concatenate([mesh.vertices for mesh in chair.values()])
    to_unit = np.linalg.inv(bounds.points_from_unit(used))
    made = {n: m.transformed(to_unit) for n, m in chair.items() if n != "back"}
    _write_glb(folder / "object.glb", made)
    run = {"stage": "mesh", "cached": False, "seconds": 1.5, "cost_usd": 0.0}
    parts = [
        {"component": name, "state": "made", "placement": {"scale": 1.0}, "failure": None,
         "stages": [run]}
        for name in made
    ]  # fmt: skip
    parts.append(
        {"component": "back", "state": "failed", "placement": None, "stages": [],
         "failure": {"stage": "isolate", "message": "nothing is left of the part"}}
    )  # fmt: skip
    manifest = {
        "schema": "mmpart.manifest", "schema_version": 1, "name": "chair", "complete": False,
        "request": {"view": {"azimuth_deg": 40.0}, "truth_scene": "0" * 64},
        "parts": parts,
        "stages": [{"stage": "plan", "cached": False, "seconds": 0.25, "cost_usd": 0.02}],
        "assembly": {"camera": None}, "failures": [],
        "totals": {"seconds": 4.75, "cost_usd": 0.02}, **changes,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_our_own_output_comes_back_to_the_truth_with_failures_and_cost(
    tmp_path: Path, chair: Parts
) -> None:
    _own_folder(tmp_path / "chair", chair)
    found = _load(tmp_path)
    assert found.frame == "unit_sphere"
    rows = {r.name: r for r in score_object(GroundTruthObject("chair", chair), found, [SAM3D])}
    # vertices are stored as 32-bit floats
    assert rows["seat"].values["chamfer"] == pytest.approx(0.0, abs=1e-6)
    assert rows["seat"].values["bbox_iou"] == pytest.approx(1.0, abs=1e-5)
    assert rows["back"].state == "failed"
    assert rows["back"].reason == "isolate: nothing is left of the part"
    whole = rows["chair"].values
    assert (whole["seconds"], whole["cost_usd"], whole["mesh_s"], whole["plan_s"]) == (
        4.75, 0.02, 4.5, 0.25,
    )  # fmt: skip
    assert (whole["plan_usd"], whole["mesh_usd"]) == (0.02, 0.0)
    assert not {"tokens", "gpu_seconds", "peak_memory_mib"} & set(whole)


def test_our_own_output_without_an_assembled_object_is_all_failures(
    tmp_path: Path, chair: Parts
) -> None:
    failures = [{"component": None, "stage": "assemble", "message": "no silhouettes"}]
    _own_folder(tmp_path / "chair", chair, assembly=None, failures=failures)
    found = _load(tmp_path)
    assert found.parts == {}
    assert found.failures["seat"] == "assemble: no silhouettes"
    assert found.issues[0].file == "chair/object.glb"


def test_a_manifest_that_is_not_ours_is_refused(tmp_path: Path, chair: Parts) -> None:
    _own_folder(tmp_path / "chair", chair, schema="other")
    with pytest.raises(InputError, match=r"chair/manifest\.json: expected the schema"):
        PredictionFolder(tmp_path).load("chair")
    _own_folder(tmp_path / "chair", chair, parts=[{"component": "seat"}])
    with pytest.raises(InputError, match="a field is missing or broken"):
        PredictionFolder(tmp_path).load("chair")
