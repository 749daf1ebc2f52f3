"""The method as nerfstudio's users meet it: parser, model and checkpoints here, commands apart.

Commands run in processes of their own, as nerfstudio's Trainer changes what is global to one.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core import nerfstudio_tools
from mmpart_core.backends import open_backend
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.nerfstudio_export import export_run
from mmpart_core.reconstruct.field_file import read_field_file
from mmpart_core.reconstruct.view_fitting import move_views
from mmpart_core.reconstruct.views_folder import write_views_folder
from mmpart_core.storage.glb import decode_glb

SIZE = 48
PATIENCE_S = 900  # seconds of work, but on a busy machine many minutes
GIVEN_FROM_TORUS = transforms.scale_then_translate(7.5, np.array([12.0, -30.0, 4.0]))
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


@pytest.fixture(scope="module", autouse=True)
def _opened() -> None:
    """Loads nerfstudio as the back-end does."""
    open_backend("reconstruct", "nerfstudio", {"device": "cpu"})


@pytest.fixture(scope="module")
def folder(
    views_of: Callable[[trimesh.Trimesh, int], PosedViews],
    torus_mesh: trimesh.Trimesh,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The torus' views in a frame of its own, two of them held out."""
    views = move_views(views_of(torus_mesh, SIZE), GIVEN_FROM_TORUS)
    path = tmp_path_factory.mktemp("given") / "views"
    rest = PosedViews(views.rgba[:2], views.cameras[:2])
    write_views_folder(path, views, rest)
    return path


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
    with pytest.raises(InputError, match=r"expected field\.safetensors beside config\.yml"):
        export_run(tmp_path, tmp_path / "part.glb", name="part")
    with pytest.raises(InputError, match=r"say where they are now \(--views\)"):
        export_run(run, tmp_path / "part.glb", name="part", views=tmp_path / "gone")
    (tmp_path / "field.safetensors").write_bytes(b"else")
    with pytest.raises(InputError, match="cannot be read"):
        export_run(tmp_path / "config.yml", tmp_path / "part.glb", name="part")


def test_nerfstudio_finds_the_method() -> None:
    (entry,) = entry_points(group="nerfstudio.method_configs", name="mmpart-part")
    method = entry.load()
    assert method.config.method_name == "mmpart-part"
    stage: Any = open_backend("reconstruct", "nerfstudio", {"device": "cpu"})
    if method.config.machine.device_type == "cpu":
        assert method.config.max_num_iterations == stage._settings.steps
        assert method.config.pipeline.model.samples == stage._settings.samples
        assert method.config.pipeline.datamanager.dataparser.resolution == 96


def test_only_commands_of_nerfstudio_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    assert nerfstudio_tools.find_command("ns-train") == "nerfstudio.scripts.train:entrypoint"
    with pytest.raises(ConfigError, match=r"mmpart-ns pip: expected a command of nerfstudio \(ns-"):
        nerfstudio_tools.find_command("pip")
    monkeypatch.setattr(sys, "argv", ["mmpart-ns"])
    with pytest.raises(SystemExit, match="expected a command of nerfstudio"):
        nerfstudio_tools.main()


def pipeline_of(folder: Path, **parser: Any) -> Any:
    """A pipeline on a views folder, nothing trained."""
    from mmpart_core.reconstruct.nerfstudio_method import method_config

    config: Any = method_config().pipeline
    config.datamanager.data = folder
    config.datamanager.dataparser.coarse_resolution = 24
    config.datamanager.dataparser.resolution = 32
    for name, value in parser.items():
        setattr(config.datamanager.dataparser, name, value)
    return config.setup(device="cpu")


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Any:
    """A pipeline for reading."""
    return pipeline_of(folder)


def with_ball(model: Any, radius: float) -> None:
    """Put a red ball into a model, sharp."""
    from mmpart_core.reconstruct.hull import GridSpec
    from mmpart_core.reconstruct.voxel_field import VoxelField

    spec = GridSpec((-0.4, -0.4, -0.4), 0.0125, (65, 65, 65))
    distance = spec.positions().norm(dim=1) - radius
    model.field = VoxelField(spec, distance.view(spec.shape))
    with torch.no_grad():
        model.field.color[:] = torch.tensor([6.0, -6.0, -6.0])[None, :, None, None, None]
    model.sharpness = 800.0


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
def test_whole_images_show_colour_depth_and_normals(pipeline: Any) -> None:
    from mmpart_core.reconstruct.part_data import nerfstudio_cameras

    model = pipeline.model
    model.eval()
    with_ball(model, 0.2)
    camera = cameras.orbit_camera(50.0, 20.0, 30.0, 64)
    outputs = model.get_outputs_for_camera(nerfstudio_cameras((camera,)))
    solid = outputs["accumulation"][..., 0] > 0.5
    distance = float(np.linalg.norm(np.array(camera.world_from_camera)[:3, 3]))
    radius_px = camera.focal_px * 0.2 / np.sqrt(distance**2 - 0.2**2)
    assert int(solid.sum()) == pytest.approx(np.pi * radius_px**2, rel=0.06)
    rows, columns = np.mgrid[0:64, 0:64] + 0.5
    origins, directions = cameras.pixel_rays(camera, columns.ravel(), rows.ravel())
    points = origins + directions * outputs["depth"].reshape(-1, 1).numpy()
    inner = solid.reshape(-1).numpy()
    assert np.abs(np.linalg.norm(points[inner], axis=1) - 0.2).max() < 0.03
    assert (np.linalg.norm(points[~inner], axis=1) > 1.0).all()
    normals = outputs["normals"].reshape(-1, 3).numpy()[inner] * 2.0 - 1.0
    outward = points[inner] / np.linalg.norm(points[inner], axis=1, keepdims=True)
    assert (normals * outward).sum(axis=1).mean() > 0.97
    rgba = model.get_rgba_image(outputs)
    assert torch.allclose(rgba[solid].mean(dim=0), torch.tensor([1.0, 0.0, 0.0, 1.0]), atol=0.03)
    assert outputs["rgb"][0, 0].tolist() == [0.0, 0.0, 0.0]


def test_metrics_are_best_for_the_same_image(pipeline: Any) -> None:
    rgba = pipeline.datamanager.eval_dataset[0]["rgba"]
    alpha = rgba[..., 3:]
    same = {"rgb": rgba[..., :3] * alpha, "accumulation": alpha, "normals": rgba[..., :3]}
    best, images = pipeline.model.get_image_metrics_and_images(same, {"rgba": rgba})
    assert best == {
        "psnr": pytest.approx(100.0), "psnr_foreground": pytest.approx(100.0),
        "ssim": pytest.approx(1.0), "silhouette_iou": 1.0,
    }  # fmt: skip
    assert images["img"].shape == (SIZE, 2 * SIZE, 3)
    moved = {name: value.roll(6, dims=1) for name, value in same.items()}
    worse, _ = pipeline.model.get_image_metrics_and_images(moved, {"rgba": rgba})
    assert all(worse[name] < best[name] for name in best)


def test_data_come_from_the_folder(pipeline: Any, folder: Path) -> None:
    data = pipeline.datamanager
    assert [len(data.train_dataset), len(data.eval_dataset)] == [6, 2]
    assert data.eval_dataset.image_filenames[0] == folder / "images" / "held-out-000.png"
    assert data.get_datapath() == folder
    sample = data.train_dataset[3]
    over_black = sample["rgba"][..., :3] * sample["rgba"][..., 3:]
    assert torch.allclose(sample["image"], over_black, atol=1e-6)
    data.train_pixel_sampler.num_rays_per_batch = 77
    rays, batch = data.next_train(0)
    assert (len(rays), len(batch["rgba"])) == (77, 77)
    camera, batch = data.next_eval_image(0)
    assert (camera.shape, batch["rgba"].shape) == ((1,), (SIZE, SIZE, 4))


def test_views_that_are_in_the_part_frame_may_stay_there(
    folder: Path, views_of: Callable[..., PosedViews], torus_mesh: trimesh.Trimesh, tmp_path: Path
) -> None:
    given = views_of(torus_mesh, SIZE)
    write_views_folder(tmp_path, given)
    parsed = pipeline_of(tmp_path, fit_frame=False).datamanager.parsed
    assert parsed.scene.views.cameras == given.cameras
    assert np.array_equal(parsed.part_from_given, np.eye(4))
    assert parsed.held_out is None


@pytest.fixture
def optimizers(pipeline: Any) -> Callable[[Any], Any]:
    """Builds the optimizers of a pipeline as the trainer does."""
    from nerfstudio.engine.optimizers import Optimizers

    from mmpart_core.reconstruct.nerfstudio_method import method_config

    return lambda owner: Optimizers(method_config().optimizers, owner.get_param_groups())


def test_checkpoints_hold_field_place_and_moments(
    folder: Path, optimizers: Callable[[Any], Any], tmp_path: Path
) -> None:
    from mmpart_core.reconstruct import checkpoints

    first = pipeline_of(folder)
    with_ball(first.model, 0.3)
    used = optimizers(first)
    for _ in range(3):
        (first.model.field.sdf.square().mean() + first.model.field.color.abs().mean()).backward()
        used.optimizer_step_all()
        for scheduler in used.schedulers.values():
            scheduler.step()
    for step in (7, 8):
        path = checkpoints.write_checkpoint(tmp_path, step, first.state_dict(), used, True)
    names = ["step-000000008.ckpt", "step-000000008.safetensors"]
    assert sorted(each.name for each in tmp_path.iterdir()) == names
    assert checkpoints.find_checkpoint(tmp_path) == path
    # torch's default since 2.6: tensors and plain values only, as nerfstudio's tools call it.
    plain = torch.load(path.with_suffix(".ckpt"), map_location="cpu")
    for weights in (plain["pipeline"], checkpoints.read_checkpoint(path).weights):
        second = pipeline_of(folder)
        assert second.model.field.sdf.shape != first.model.field.sdf.shape
        second.load_pipeline(weights, 8)
        assert torch.equal(second.model.field.sdf, first.model.field.sdf)
        assert torch.equal(second.model.field.color, first.model.field.color)
        assert second.model.field.spec == first.model.field.spec
        assert second.model.sharpness == 800.0
    restored = optimizers(second)
    checkpoints.restore_optimizers(restored, checkpoints.read_checkpoint(path))
    for group in ("sdf", "color"):
        was, now = (each.optimizers[group] for each in (used, restored))
        assert now.param_groups[0]["lr"] == pytest.approx(was.param_groups[0]["lr"], rel=1e-9)
        (one,), (two,) = was.state.values(), now.state.values()
        assert {"exp_avg", "exp_avg_sq", "step"} <= one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one)
        assert restored.schedulers[group].last_epoch == 3


def test_unusable_checkpoints_are_named(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from mmpart_core.reconstruct import checkpoints

    with pytest.raises(InputError, match=r"expected step-\*\.safetensors, got no such file"):
        checkpoints.find_checkpoint(tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / "step-000000001.safetensors")
    with pytest.raises(InputError, match=r"expected step-000000002\.safetensors, got step-0000"):
        checkpoints.find_checkpoint(tmp_path, 2)
    with pytest.raises(InputError, match="format None, 'mmpart-part checkpoint 1' expected"):
        checkpoints.read_checkpoint(tmp_path / "step-000000001.ckpt")
    (tmp_path / "step-000000001.safetensors").write_bytes(b"else")
    with pytest.raises(InputError, match="cannot be read"):
        checkpoints.read_checkpoint(tmp_path / "step-000000001.safetensors")
