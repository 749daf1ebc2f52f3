"""``mmpart export-field``: exit status, messages and warnings, on a field that nothing trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpart_core.geometry.cameras import zero123plus_cameras
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.field_file import FIELD_NAME, FieldFile, write_field_file
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_core.reconstruct.views_folder import write_views_folder
from mmpart_core.storage.glb import decode_glb

SIDE = 24


def ball_field(radius: float) -> FieldGrid:
    """A ball at the origin, by distances on a grid over [-1, 1] on each axis."""
    axis = np.linspace(-1.0, 1.0, SIDE)
    corners = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    return FieldGrid(
        sdf=(np.linalg.norm(corners, axis=-1) - radius).astype(np.float32),
        rgb=np.full((SIDE, SIDE, SIDE, 3), 0.5, dtype=np.float32),
        origin=np.full(3, -1.0),
        spacing=float(axis[1] - axis[0]),
    )


@pytest.fixture
def run_of(tmp_path: Path) -> Callable[[float], Path]:
    """Makes the folder of a finished run whose field is a ball, its views beside it."""

    def make(radius: float) -> Path:
        rgba = np.zeros((6, 32, 32, 4), dtype=np.uint8)
        rgba[:, 8:24, 8:24] = [120, 90, 60, 255]
        views = PosedViews(rgba, zero123plus_cameras("v1.2", 32))
        write_views_folder(tmp_path / "views", views)
        trained = TrainedField(ball_field(radius), 20.0, 0.9, ("views disagree",))
        run = tmp_path / "run"
        run.mkdir()
        write_field_file(run / FIELD_NAME, FieldFile(trained, np.eye(4), tmp_path / "views"))
        return run

    return make


def test_a_run_becomes_a_named_part(
    mmpart: Any, run_of: Callable[[float], Path], tmp_path: Path
) -> None:
    output = tmp_path / "new" / "ball.glb"
    made = mmpart(
        "export-field", run_of(0.6), "-o", output, "--name", "ball", "--mesh", "marching_cubes"
    )
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith(f"{output}: ")
    assert "faces, watertight (marching cubes" in made.stdout
    assert made.stderr.splitlines() == ["warning: views disagree"]
    (node,) = decode_glb(output.read_bytes())
    assert node.name == "ball"
    reach = np.linalg.norm(node.world_mesh().vertices, axis=1)
    assert reach.min() > 0.55
    assert reach.max() < 0.65


@pytest.mark.usefixtures("journal")
def test_faults_of_the_mesh_are_warned_of(
    mmpart: Any, run_of: Callable[[float], Path], tmp_path: Path
) -> None:
    # A ball cut by the grid's border, by an extractor that closes nothing.
    made = mmpart("export-field", run_of(1.2), "-o", tmp_path / "p.glb", "--mesh", "counting")
    assert made.exit_code == 0, made.output
    assert made.stderr.splitlines()[0] == "warning: views disagree"
    assert "warning: the surface is not closed: " in made.stderr
    assert "faces, not watertight (marching cubes of a sphere)" in made.stdout


def test_a_field_without_a_usable_surface_breaks_off(
    mmpart: Any, run_of: Callable[[float], Path], tmp_path: Path
) -> None:
    output = tmp_path / "part.glb"
    broken = mmpart("export-field", run_of(0.01), "-o", output)
    assert broken.exit_code == 1, broken.output
    assert broken.stderr.startswith("mmpart: field: expected an inside, but all")
    assert len(broken.stderr.splitlines()) == 1
    assert not output.exists()


def test_what_cannot_be_used_is_refused(
    refused: Callable[..., str], run_of: Callable[[float], Path], tmp_path: Path
) -> None:
    run = run_of(0.6)
    assert "run 'gone': no such file or folder" in refused("export-field", "gone")
    assert "no back-end 'clay'" in refused("export-field", run, "--mesh", "clay")
    assert "say where they are now (--views)" in refused("export-field", run, "--views", "gone")
    (tmp_path / "part.glb").write_bytes(b"mine")
    assert "'part.glb': is there already" in refused("export-field", run)
    assert (tmp_path / "part.glb").read_bytes() == b"mine"
    into = refused("export-field", run, "--overwrite", "-o", "run")
    assert "--output 'run': this is a folder, a file expected" in into
    below = refused("export-field", run, "-o", "part.glb/a.glb")
    assert "--output 'part.glb': a folder expected, this is a file" in below
