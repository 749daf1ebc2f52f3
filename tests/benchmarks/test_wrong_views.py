"""The benchmark of wrong views finds those of unlike parts, and prints what it counted."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import trimesh

from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb

ROOT = Path(__file__).parents[2]


def test_views_of_other_parts_are_found_and_none_is_accused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))  # it is run from there
    benchmark = importlib.import_module("benchmarks.wrong_views")
    for name, size in (("post", (0.5, 0.6, 2.0)), ("beam", (2.0, 2.0, 0.4))):
        box = trimesh.creation.box(size)
        mesh = TriangleMesh(np.array(box.vertices), np.array(box.faces))
        (tmp_path / f"{name}.glb").write_bytes(glb.encode_glb([glb.GlbNode(name, mesh)]))
    assert benchmark.main([str(tmp_path), "--sample", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "| true | 0 | 0 | 0 |" in printed
    assert "| bent by 6 px | 0 | 0 | 0 |" in printed
    assert "| one of another part | 2 | 2 | 0 |" in printed


def test_a_folder_without_parts_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    benchmark = importlib.import_module("benchmarks.wrong_views")
    assert benchmark.main([str(tmp_path)]) == 2
    assert "found none" in capsys.readouterr().err
