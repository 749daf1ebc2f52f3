"""Known objects part by part: only where made and true parts share coordinates."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh

from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))  # it is run from there
        yield importlib.import_module("benchmarks.objects")


def write_scene(folder: Path, assembler: str, truth_scene: str | None) -> tuple[Path, Path]:
    """A box as data set and as a result that equals it."""
    box = trimesh.creation.box((1.0, 2.0, 3.0))
    mesh = TriangleMesh(np.array(box.vertices), np.array(box.faces, dtype=np.int64))
    data = glb.encode_glb([glb.GlbNode("crate", mesh)])
    dataset, results = folder / "dataset", folder / "results"
    (results / "thing").mkdir(parents=True)
    dataset.mkdir()
    (dataset / "thing.glb").write_bytes(data)
    (results / "thing" / "object.glb").write_bytes(data)
    part = {
        "component": "crate", "state": "made", "placement": {"scale": 1.0}, "failure": None,
        "stages": [{"stage": "mesh", "seconds": 1.5, "cached": False}],
        "mesh": {"watertight": True, "faces": 12}, "silhouette_iou": 0.9,
    }  # fmt: skip
    manifest = {
        "schema": "mmpart.manifest", "schema_version": 1, "name": "thing", "complete": True,
        "request": {"view": {"azimuth_deg": 30.0}, "truth_scene": truth_scene},
        "backends": {"assemble": {"backend": assembler}}, "assembly": {"camera": None},
        "parts": [part], "stages": [], "failures": [], "totals": {"seconds": 1.5},
    }  # fmt: skip
    (results / "thing" / "manifest.json").write_text(json.dumps(manifest))
    return dataset, results


def test_parts_placed_by_the_truth_are_scored(benchmark: ModuleType, tmp_path: Path) -> None:
    [row] = benchmark.object_rows(*write_scene(tmp_path, "groundtruth/1", "0" * 64), "thing")
    assert row["f_02"] > 0.95
    assert (row["mesh_s"], row["watertight"], row["faces"]) == (1.5, 1, 12)
    assert "failed" not in row


@pytest.mark.parametrize(
    ("assembler", "truth_scene", "frame"),
    [("layout/3", "0" * 64, "unit_sphere"), ("layout/3", None, "own")],
)
def test_other_frames_are_refused_with_the_command_to_use(
    benchmark: ModuleType, tmp_path: Path, assembler: str, truth_scene: str | None, frame: str
) -> None:
    dataset, results = write_scene(tmp_path, assembler, truth_scene)
    told = f"its frame is '{frame}'; make it by 'mmpart evaluate .* --profile groundtruth .*--pred"
    with pytest.raises(InputError, match=told):
        benchmark.object_rows(dataset, results, "thing")
