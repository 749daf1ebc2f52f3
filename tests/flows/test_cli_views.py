"""``mmpart write-views``: what it writes, says and refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmpart_core.reconstruct.views_folder import read_views_folder
from tests.flows.conftest import OBJECTS, write_glb


@pytest.fixture
def lamp(tmp_path: Path) -> Path:
    """A GLB with the nodes 'base' and 'shade'."""
    write_glb(tmp_path / "lamp.glb", OBJECTS["lamp"])
    return tmp_path / "lamp.glb"


def test_a_glb_becomes_a_views_folder(mmpart: Any, lamp: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "views"
    made = mmpart("write-views", lamp, folder, "--held-out", 2, "--size", 48)
    assert made.exit_code == 0, made.output
    assert made.stdout == f"{folder}: 6 views of 2 nodes, 48 x 48 px, 2 more for evaluation\n"
    read = read_views_folder(folder)
    assert read.views.rgba.shape == (6, 48, 48, 4)
    assert read.held_out is not None
    assert len(read.held_out.cameras) == 2


def test_one_node_and_another_pose_set(mmpart: Any, lamp: Path, tmp_path: Path) -> None:
    for pose_set in ("zero123plus-v1.1", "zero123plus-v1.2"):
        made = mmpart(
            "write-views", lamp, tmp_path / pose_set, "--node", "shade", "--views", 4,
            "--pose-set", pose_set, "--size", 32,
        )  # fmt: skip
        assert made.exit_code == 0, made.output
        assert made.stdout.endswith(": 4 views of node 'shade', 32 x 32 px\n")
    first, second = (
        read_views_folder(tmp_path / f"zero123plus-{version}").views for version in ("v1.1", "v1.2")
    )
    assert first.cameras[0].focal_px != second.cameras[0].focal_px


def test_views_that_cannot_be_written_are_refused(
    refused: Callable[..., str], mmpart: Any, lamp: Path, tmp_path: Path
) -> None:
    assert "scene 'gone.glb': no such file" in refused("write-views", "gone.glb", "views")
    said = refused("write-views", lamp, "views", "--node", "cord")
    assert "scene 'lamp.glb': no node named 'cord'; it has" in said
    assert "OUT 'lamp.glb': a folder expected, this is a file" in refused(
        "write-views", lamp, "lamp.glb"
    )
    assert "zero123plus-v1.2" in refused("write-views", lamp, "views", "--pose-set", "sphere")
    few = mmpart("write-views", lamp, "views", "--views", 1)
    assert (few.exit_code, "invalid value for '--views'" in few.stderr) == (2, True), few.output
    assert not (tmp_path / "views").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    said = refused("write-views", lamp, "mine")
    assert "OUT 'mine': holds files that are no result of MMPart (notes.txt)" in said
    done = mmpart("write-views", lamp, "mine", "--size", 32, "--overwrite")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "mine" / "notes.txt").is_file()
    again = refused("write-views", lamp, "mine")
    assert "transforms.json" in again
