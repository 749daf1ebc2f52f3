"""The key of a score: what is in the files, not where they lie or what they cost."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.dataset_scoring import (
    LookOptions,
    ScoreInputs,
    fingerprint,
    score_files,
    score_key,
    with_cost,
)
from evaluation.protocol import MMPART, SAM3DPART
from mmpart_core.errors import InputError
from mmpart_core.storage.glb import GlbNode, encode_glb

SMALL = MMPART.model_copy(update={"points": 300, "whole_points": 600, "metrics": ("f_score",)})


@pytest.fixture
def folders(tmp_path: Path, chair: Any) -> tuple[Path, Path]:
    """A data set of one chair, and a prediction of it."""
    for name in ("truth", "made"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "chair.glb", chair)
    return tmp_path / "truth", tmp_path / "made"


def write(path: Path, parts: Any) -> None:
    """Meshes as a GLB with a node per name."""
    path.write_bytes(encode_glb([GlbNode(name, mesh) for name, mesh in parts.items()]))


def inputs(folders: tuple[Path, Path], **changes: Any) -> ScoreInputs:
    """Where the chair lies."""
    truth, made = folders
    given = {"dataset": str(truth), "layout": "named-nodes", "predictions": str(made)}
    return ScoreInputs.model_validate({**given, "object_id": "chair", **changes})


def test_equal_content_elsewhere_has_the_same_digest(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    first = fingerprint(inputs(folders))
    moved = tmp_path / "elsewhere"
    folders[1].rename(moved)
    assert fingerprint(inputs((folders[0], moved))).digest == first.digest
    assert first.fault is None


def test_each_side_is_in_the_digest(folders: tuple[Path, Path], chair: Any) -> None:
    seen = {fingerprint(inputs(folders)).digest}
    shifted = {**chair, "seat": chair["seat"].transformed(np.diag([1.0, 1.0, 1.01, 1.0]))}
    write(folders[1] / "chair.glb", shifted)
    seen.add(fingerprint(inputs(folders)).digest)
    write(folders[0] / "chair.glb", shifted)
    seen.add(fingerprint(inputs(folders)).digest)
    seen.add(fingerprint(inputs(folders, frame="own")).digest)
    seen.add(fingerprint(inputs(folders, fault="not made")).digest)
    seen.add(fingerprint(inputs(folders, predictions=None)).digest)
    write(folders[1] / "chair.glb", {name: shifted[name] for name in list(shifted)[::-1]})
    seen.add(fingerprint(inputs(folders)).digest)
    assert len(seen) == 7


def test_the_key_depends_on_protocol_and_views() -> None:
    keys = {
        score_key(digest, protocol, look)
        for digest in ("a", "b")
        for protocol in (MMPART, SAM3DPART, SMALL)
        for look in (None, LookOptions(), LookOptions(size_px=64))
    }
    assert len(keys) == 18


def test_unreadable_truth_and_prediction(folders: tuple[Path, Path]) -> None:
    (folders[1] / "chair.glb").write_bytes(b"no GLB")
    mark = fingerprint(inputs(folders))
    rows = score_files(inputs(folders), mark.digest, SMALL, None).rows
    assert {row.state for row in rows} == {"failed"}
    assert "chair.glb" in rows[-1].reason
    assert rows[0].values["f_0.05"] == 0.0
    (folders[0] / "chair.glb").write_bytes(b"no GLB")
    broken = fingerprint(inputs(folders))
    assert broken.fault is not None
    assert "chair.glb" in broken.fault


def test_files_that_change_meanwhile_are_refused(folders: tuple[Path, Path], chair: Any) -> None:
    mark = fingerprint(inputs(folders))
    write(folders[1] / "chair.glb", {"seat": chair["seat"]})
    with pytest.raises(InputError, match="changed while they were scored"):
        score_files(inputs(folders), mark.digest, SMALL, None)


def test_the_truth_itself_is_perfect(folders: tuple[Path, Path]) -> None:
    given = inputs(folders, predictions=None)
    rows = score_files(given, fingerprint(given).digest, SMALL, None).rows
    assert all(row.values["f_0.05"] == 1.0 for row in rows)


def own_output(folder: Path, stages: list[dict[str, Any]], **totals: float) -> None:
    """A manifest of ours beside nothing."""
    folder.mkdir(parents=True)
    manifest = {
        "schema": "mmpart.manifest", "assembly": None, "stages": stages, "failures": [],
        "request": {"view": {"azimuth_deg": 30.0}, "truth_scene": None},
        "parts": [{"component": "seat", "state": "failed", "placement": None, "stages": [],
                   "failure": {"stage": "isolate", "message": "nothing is left"}}],
        "totals": {"seconds": 3.0, "cost_usd": 0.5, **totals},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_cost_is_in_rows_and_in_no_key(folders: tuple[Path, Path]) -> None:
    (folders[1] / "chair.glb").unlink()
    plan, mesh = (
        {"stage": stage, "seconds": seconds, "cost_usd": 0.0, "cached": False}
        for stage, seconds in (("plan", 1.0), ("mesh", 2.0))
    )
    own_output(folders[1] / "chair", [plan, mesh], cost_usd=0.0)
    made = fingerprint(inputs(folders))
    assert made.cost == {
        "seconds": 3.0, "cost_usd": 0.0, "plan_s": 1.0,
        "mesh_s": 2.0,
    }  # fmt: skip
    rows = score_files(inputs(folders), made.digest, SMALL, None).rows
    assert "seconds" not in rows[-1].values
    assert with_cost(rows[-1], made.cost).values["plan_s"] == 1.0
    assert with_cost(rows[0], made.cost) == rows[0]
    (folders[1] / "chair" / "manifest.json").unlink()
    (folders[1] / "chair").rmdir()
    own_output(folders[1] / "chair", [plan, {**mesh, "seconds": 0.0, "cached": True}])
    again = fingerprint(inputs(folders))
    assert again.cost == {"plan_s": 1.0}
    assert again.digest == made.digest
