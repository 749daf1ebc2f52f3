"""nerfstudio's commands on the method, as its users start them: training to export.

Commands run in processes of their own, as nerfstudio's Trainer changes what is global to one.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpart_core import nerfstudio_tools
from mmpart_core.backends import open_backend
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.nerfstudio_export import export_run
from mmpart_core.reconstruct.field_file import read_field_file
from mmpart_core.storage.glb import decode_glb
from tests.mmpart_core.reconstruct.conftest import GIVEN_FROM_TORUS

pytestmark = pytest.mark.usefixtures("nerfstudio_opened")
PATIENCE_S = 900  # seconds of work, but on a busy machine many minutes
# Two commands in one process, as importing nerfstudio takes longer than what they do here.
EVALUATE_THEN_RESUME = """
import sys
from mmpart_core import torchvision_compat
torchvision_compat.declare_missing_operators()
from nerfstudio.scripts import eval, train
run, views, output = sys.argv[1:]
sys.argv = ["ns-eval", "--load-config", f"{run}/config.yml", "--output-path", f"{run}/eval.json",
            "--render-output-path", f"{run}/renders"]
eval.entrypoint()
sys.argv = ["ns-train", "mmpart-part", "--data", views, "--output-dir", output, "--timestamp",
            "resumed", "--vis", "tensorboard", "--max-num-iterations", "3", "--load-dir",
            f"{run}/nerfstudio_models", *(SMALL)]
train.entrypoint()
"""
SMALL = [
    "--pipeline.datamanager.train-num-rays-per-batch", "256",
    "--pipeline.model.samples", "24",
    "--pipeline.datamanager.dataparser.coarse-resolution", "24",
    "--pipeline.datamanager.dataparser.resolution", "32",
    "--machine.device-type", "cpu",
]  # fmt: skip


def command(*arguments: str, cwd: Path) -> str:
    """What a process of this Python prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """The folder of a short run of ``ns-train mmpart-part``."""
    command(
        "-m", "mmpart_core.nerfstudio_tools", "ns-train", "mmpart-part",
        "--data", str(folder), "--output-dir", "out", "--timestamp", "first",
        "--vis", "tensorboard", "--max-num-iterations", "40", *SMALL,
        cwd=folder.parent,
    )  # fmt: skip
    return folder.parent / "out" / "views" / "mmpart-part" / "first"


@pytest.mark.timeout(2 * PATIENCE_S)
def test_ns_train_leaves_a_run(run: Path) -> None:
    assert (run / "config.yml").is_file()
    saved = sorted(path.name for path in (run / "nerfstudio_models").iterdir())
    assert saved == ["step-000000039.ckpt", "step-000000039.safetensors"]
    moved = json.loads((run / "dataparser_transforms.json").read_text())
    center = GIVEN_FROM_TORUS[:3, 3] + np.array(moved["transform"])[:, 3]
    assert np.abs(center).max() < 0.1 * 7.5
    assert 0.9 < moved["scale"] * 7.5 < 1.25
    field = read_field_file(run / "field.safetensors")
    back = field.given_from_part
    assert back[0, 0] == pytest.approx(1.0 / moved["scale"], rel=1e-5)
    assert field.trained.grid.sdf.shape[1] == 32
    assert (field.trained.grid.sdf < 0).any()


@pytest.mark.long
@pytest.mark.timeout(2 * PATIENCE_S)
def test_ns_eval_and_resume(run: Path, folder: Path) -> None:
    script = EVALUATE_THEN_RESUME.replace("SMALL", repr(SMALL))
    output = folder.parent / "out"
    command("-c", script, str(run), str(folder), str(output), cwd=folder.parent)
    results = json.loads((run / "eval.json").read_text())["results"]
    assert results["silhouette_iou"] > 0.8
    assert results["psnr"] > 12.0
    assert 0.0 < results["ssim"] < 1.0
    # Two held-out views, each as given beside rendered.
    assert len(list((run / "renders").glob("eval_img_*.png"))) == 2
    resumed = run.with_name("resumed") / "nerfstudio_models"
    assert (resumed / "step-000000042.safetensors").is_file()


@pytest.mark.timeout(2 * PATIENCE_S)
@pytest.mark.long
def test_ns_viewer_answers(run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tool = [sys.executable, "-W", "ignore", "-m", "mmpart_core.nerfstudio_tools", "ns-viewer"]
    viewer = subprocess.Popen(
        [*tool, "--load-config", str(run / "config.yml"), "--viewer.websocket-port", str(port)],
        cwd=run.parents[3], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert answers(port, viewer), (viewer.stderr.read() if viewer.stderr else "")[-2000:]
    finally:
        viewer.send_signal(signal.SIGKILL)
        viewer.communicate(timeout=20)


def answers(port: int, process: subprocess.Popen[str]) -> bool:
    """Whether something listens before the process ends or minutes pass."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return True
    return False


@pytest.mark.timeout(2 * PATIENCE_S)
def test_export_is_in_the_frame_of_the_views(run: Path, tmp_path: Path) -> None:
    made = export_run(
        run / "config.yml", tmp_path / "new" / "ring.glb", name="ring", kind="marching_cubes"
    )
    assert made.facts.bodies == 1
    (node,) = decode_glb((tmp_path / "new" / "ring.glb").read_bytes())
    assert node.name == "ring"
    vertices = node.world_mesh().vertices
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    assert np.allclose((low + high) / 2, [12.0, -30.0, 4.0], atol=0.6)
    assert np.allclose((high - low) / 2, 7.5 * np.array([0.22, 0.82, 0.82]), atol=0.9)


def test_export_says_what_is_missing(run: Path, tmp_path: Path) -> None:
    def export(source: Path, views: Path | None = None) -> None:
        export_run(source, tmp_path / "part.glb", name="part", views=views, kind="marching_cubes")

    with pytest.raises(InputError, match=r"config\.yml': no such file or folder; give the run's"):
        export(tmp_path / "config.yml")
    with pytest.raises(InputError, match=r"expected field\.safetensors beside config\.yml"):
        export(tmp_path)
    with pytest.raises(InputError, match=r"say where they are now \(--views\)"):
        export(run, views=tmp_path / "gone")
    (tmp_path / "config.yml").touch()
    (tmp_path / "field.safetensors").write_bytes(b"else")
    with pytest.raises(InputError, match="cannot be read"):
        export(tmp_path / "config.yml")
    assert not (tmp_path / "part.glb").exists()


def test_nerfstudio_finds_the_method() -> None:
    (entry,) = entry_points(group="nerfstudio.method_configs", name="mmpart-part")
    method = entry.load()
    assert method.config.method_name == "mmpart-part"
    stage: Any = open_backend("reconstruct", "nerfstudio", {"device": "cpu"})
    if method.config.machine.device_type == "cpu":
        assert method.config.max_num_iterations == stage._settings.steps
        assert method.config.pipeline.model.samples == stage._settings.samples
        parser, settings = method.config.pipeline.datamanager.dataparser, stage._settings
        assert (parser.coarse_resolution, parser.resolution) == (
            settings.coarse_resolution,
            settings.resolution,
        )


def test_only_commands_of_nerfstudio_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    assert nerfstudio_tools.find_command("ns-train") == "nerfstudio.scripts.train:entrypoint"
    with pytest.raises(ConfigError, match=r"mmpart-ns pip: expected a command of nerfstudio \(ns-"):
        nerfstudio_tools.find_command("pip")
    monkeypatch.setattr(sys, "argv", ["mmpart-ns"])
    with pytest.raises(SystemExit, match="expected a command of nerfstudio"):
        nerfstudio_tools.main()
