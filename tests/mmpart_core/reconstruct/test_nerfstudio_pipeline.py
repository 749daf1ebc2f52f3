"""The method's parts in this process, as nerfstudio calls them: data, model and checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from mmpart_core.errors import InputError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.views_folder import write_views_folder
from tests.mmpart_core.reconstruct.conftest import SIZE

pytestmark = pytest.mark.usefixtures("nerfstudio_opened")


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
