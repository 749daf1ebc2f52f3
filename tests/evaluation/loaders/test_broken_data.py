"""Data that is broken, unknown or ours: named, and never a loss of the rest."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.loaders import open_dataset
from evaluation.protocol import PRESETS
from evaluation.scorecard import score_object
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb

Parts = dict[str, TriangleMesh]


def test_one_bad_node_does_not_cost_the_others(tmp_path: Path, chair: Parts) -> None:
    data = bytearray(glb.encode_glb([glb.GlbNode(name, mesh) for name, mesh in chair.items()]))
    corner = np.float32(8.0).tobytes()
    # the top of the back, 8 units up, is stored as 32-bit floats in the binary chunk
    position = data.find(corner, data.find(b"BIN\x00"))
    data[position : position + 4] = np.float32(np.nan).tobytes()
    (tmp_path / "chair.glb").write_bytes(bytes(data))
    found = open_dataset(tmp_path).load("chair")
    rows = score_object(found, None, [PRESETS["sam3dpart"]])
    states = {row.name: row.state for row in rows}
    assert states["back"] == "unscored"
    assert states["seat"] == "failed"
    assert any("chair.glb, part 'back'" in issue for issue in rows[-1].issues)


@pytest.mark.parametrize("content", [b"", b"glTF", b"not a mesh at all" * 10])
def test_unreadable_files_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.glb").write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.glb: "):
        open_dataset(tmp_path).load("broken")


def test_folders_that_are_no_data_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no known layout; name it with --loader"):
        open_dataset(tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(InputError, match="expected one of"):
        open_dataset(tmp_path, "shapenet")


def test_our_own_objects_are_a_data_set(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "objects")
    truck = dataset.load("kenney-truck-red")
    assert len(dataset.object_ids()) > 10
    assert set(truck.parts) >= {"body", "wheel-front-left"}
    assert truck.category == "vehicle"
