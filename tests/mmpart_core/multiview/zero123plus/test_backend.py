"""The back-end on a checkpoint of toy width: from an isolated part to posed views."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import BackendError, ConfigError, MissingDependencyError, StageError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.cameras import framed_camera
from mmpart_core.multiview.backends.zero123plus import BACKEND, LICENSES, Settings
from mmpart_core.multiview.protocol import PartImage, ViewGenerator
from mmpart_core.output.licences import checkpoint_licences

TOY = {"size_px": 64, "steps": 2}


def disc(rgb: tuple[int, int, int] = (200, 60, 30)) -> PartImage:
    rgba = np.zeros((120, 160, 4), np.uint8)
    rows, columns = np.mgrid[:120, :160]
    visible = (rows - 60) ** 2 + (columns - 90) ** 2 < 35**2
    rgba[visible] = (*rgb, 255)
    camera = framed_camera(10.0, 30.0, (90.0, 60.0), 90.0, 160, 120)
    return PartImage(rgba, visible, camera)


def opened(**settings: Any) -> Any:
    generator = BACKEND(Settings.model_validate({**TOY, **settings}))
    generator.open()
    return generator


@pytest.fixture(scope="module")
def generator(toy_folder: Path) -> Any:
    return opened(checkpoint=str(toy_folder))


@pytest.fixture(scope="module")
def normals_folder(controlled: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("controlnet")
    controlled["controlnet"].save_pretrained(folder)
    return str(folder)


def test_it_draws_six_posed_views(generator: Any) -> None:
    assert isinstance(generator, ViewGenerator)
    made = generator.generate(disc(), 5)
    assert made.views.rgba.shape == (6, 64, 64, 4)
    assert {(camera.width_px, camera.height_px) for camera in made.views.cameras} == {(64, 64)}
    assert not made.framed_by_truth
    assert made.method == (
        "drawn by zero123plus-v1.2 in 2 steps with guidance 4, from the 81 px square around column "
        "90, row 60 of the image; ground taken out by its colour"
    )


def test_the_seed_and_the_image_decide_what_is_drawn(generator: Any) -> None:
    first = generator.generate(disc(), 5).views.rgba
    assert np.array_equal(first, generator.generate(disc(), 5).views.rgba)
    assert not np.array_equal(first, generator.generate(disc(), 6).views.rgba)
    assert not np.array_equal(first, generator.generate(disc((20, 90, 200)), 5).views.rgba)


def test_where_the_part_lies_in_the_image_is_of_no_matter(generator: Any) -> None:
    moved = disc()
    rolled = PartImage(
        np.roll(moved.rgba, (9, -30), (0, 1)),
        np.roll(moved.visible, (9, -30), (0, 1)),
        moved.camera,
    )
    first, second = (generator.generate(part, 5).views.rgba for part in (moved, rolled))
    assert np.array_equal(first, second)


def test_parts_in_one_batch_are_drawn_as_alone(generator: Any) -> None:
    parts, seeds = [disc(), disc((20, 90, 200)), disc((240, 240, 240))], [5, 6, 5]
    together = generator.generate_all(parts, seeds)
    for made, part, seed in zip(together, parts, seeds, strict=True):
        alone = generator.generate(part, seed).views.rgba
        # Rounding differs by batch size; a pixel in a thousand falls to the next byte.
        assert (np.abs(made.views.rgba.astype(int) - alone) > 1).mean() < 0.01


def test_an_empty_image_is_refused(generator: Any) -> None:
    nothing = disc()
    clear = PartImage(np.zeros_like(nothing.rgba), nothing.visible, nothing.camera)
    with pytest.raises(StageError, match="empty"):
        generator.generate(clear, 0)


@pytest.mark.parametrize("memory", ["offload", "slices"])
def test_saving_memory_changes_nothing_but_rounding(
    toy_folder: Path, generator: Any, memory: str
) -> None:
    image = np.full((512, 512, 3), 90, np.uint8)
    frugal = opened(checkpoint=str(toy_folder), memory=memory)
    both = [
        each._pipeline.draw([image], [3], 2, 4.0, (192, 128))[0] for each in (generator, frugal)
    ]
    assert np.allclose(*both, atol=1e-4)


def test_normals_are_drawn_of_the_views(
    toy_folder: Path, normals_folder: str, generator: Any
) -> None:
    controlled = opened(
        checkpoint=str(toy_folder), alpha="normals", controlnet_checkpoint=normals_folder
    )
    image = np.full((512, 512, 3), 90, np.uint8)
    grids, normals = controlled._pipeline.draw([image], [3], 2, 4.0, (192, 128))
    plain, none = generator._pipeline.draw([image], [3], 2, 4.0, (192, 128))
    assert np.array_equal(grids, plain)  # the ControlNet does not touch the views
    assert normals.shape == grids.shape
    assert len(none) == 0
    assert np.abs(normals - grids).max() > 0.1
    made = controlled.generate(disc(), 5)
    assert made.views.rgba.shape == (6, 64, 64, 4)
    assert made.method.endswith("ground taken out by normals")


def test_instantmesh_s_unet_draws_on_white_and_from_nearer(
    bench: Any, toy_folder: Path, tmp_path: Path, generator: Any
) -> None:
    file = tmp_path / "diffusion_pytorch_model.bin"
    torch.save(bench.toy.toy_components(seed=9)["unet"].state_dict(), file)
    white = opened(
        checkpoint=str(toy_folder), release="instantmesh-white", unet_checkpoint=str(file)
    )
    made, plain = white.generate(disc(), 5), generator.generate(disc(), 5)
    assert not np.array_equal(made.views.rgba, plain.views.rgba)
    for near, far in zip(made.views.cameras, plain.views.cameras, strict=True):
        ratio = np.linalg.norm(transforms.to_array(near.world_from_camera)[:3, 3]) / np.linalg.norm(
            transforms.to_array(far.world_from_camera)[:3, 3]
        )
        assert ratio == pytest.approx(0.8)
    assert Settings(release="instantmesh-white").ground == (255, 255, 255)


def test_v1_1_has_its_own_cameras(toy_folder: Path) -> None:
    old = opened(checkpoint=str(toy_folder), release="zero123plus-v1.1", foreground=0.8)
    cameras = old.generate(disc(), 5).views.cameras
    heights = [transforms.to_array(camera.world_from_camera)[2, 3] for camera in cameras]
    # atan(16 / 35) on each side, objects as large as shown: 35 / 16 away, over 0.8.
    distance = 35.0 / 16.0 / 0.8
    assert heights[0] == pytest.approx(distance * np.sin(np.deg2rad(30.0)))
    assert heights[1] == pytest.approx(distance * np.sin(np.deg2rad(-20.0)))
    assert cameras[0].focal_px == pytest.approx(32.0 * 35.0 / 16.0)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({}, MissingDependencyError, "needs weights and none are named"),
        ({"checkpoint": "nowhere"}, ConfigError, "'nowhere' is no folder of this machine"),
        ({"checkpoint": "someone/weights"}, ConfigError, "together with revision"),
        ({"release": "instantmesh-white"}, ConfigError, "expected with release instantmesh-white"),
        ({"unet_checkpoint": "x.bin"}, ConfigError, "and only with it, got 'x.bin'"),
        (
            {"release": "instantmesh-white", "unet_checkpoint": "nowhere.bin"},
            ConfigError,
            "no file 'nowhere.bin'",
        ),
        ({"alpha": "normals"}, ConfigError, "a controlnet_checkpoint, got zero123plus-v1.2 and"),
        (
            {"alpha": "normals", "controlnet_checkpoint": "a/b"},
            ConfigError,
            "together with controlnet_revision",
        ),
        (
            {"alpha": "normals", "controlnet_checkpoint": "a/b", "release": "zero123plus-v1.1"},
            ConfigError,
            "expected release zero123plus-v1.2",
        ),
    ],
)
def test_weights_are_asked_for_before_work_starts(
    toy_folder: Path, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    given = settings if "checkpoint" in settings or not settings else {
        "checkpoint": str(toy_folder), **settings
    }  # fmt: skip
    with pytest.raises(error, match=message):
        backends.check_usable("multiview", "zero123plus", given)


def test_a_repository_needs_a_whole_commit() -> None:
    with pytest.raises(ConfigError, match=r"multiview\.revision"):
        backends.check_settings("multiview", "zero123plus", {"revision": "main"})
    given = {"checkpoint": "sudo-ai/zero123plus-v1.2", "revision": "0" * 40}
    backends.check_usable("multiview", "zero123plus", given)


def test_an_incomplete_checkpoint_stops_the_opening(toy_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(toy_folder, tmp_path / "toy"))
    shutil.rmtree(folder / "vision_encoder")
    with pytest.raises(ConfigError, match="checkpoint toy: vision_encoder cannot be loaded"):
        opened(checkpoint=str(folder))


@pytest.mark.parametrize("release", ["zero123plus-v1.1", "zero123plus-v1.2", "instantmesh-white"])
def test_the_licence_of_the_release_is_told(toy_folder: Path, release: str) -> None:
    settings = {"release": release, "checkpoint": str(toy_folder)}
    config = PipelineConfig.model_validate(
        {
            "plan": {"kind": "template"},
            "isolate": {"kind": "regions"},
            "multiview": {"kind": "zero123plus", "settings": settings},
            "reconstruct": {"kind": "nerfstudio"},
            "mesh": {"kind": "flexicubes"},
            "assemble": {"kind": "layout"},
        }
    )
    entry = next(each for each in checkpoint_licences(config) if each["stage"] == "multiview")
    told = {each["name"]: each["licence"] for each in entry["checkpoints"]}
    assert told[release] == LICENSES[release]
    assert "CC-BY-NC" in told[release]


@pytest.mark.parametrize(
    ("free_gib", "expected"), [(20, "resident"), (6, "offload"), (4, "slices")]
)
def test_memory_goes_by_what_is_free(
    monkeypatch: pytest.MonkeyPatch, free_gib: int, expected: str
) -> None:
    from mmpart_core.multiview.zero123plus.opening import chosen_memory

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free_gib * 2**30, 80 * 2**30))
    assert chosen_memory("auto", "cuda") == expected
    assert chosen_memory("auto", "cpu") == "resident"
    assert chosen_memory("offload", "cpu") == "offload"


def test_networks_that_overflow_are_told_of(toy_folder: Path) -> None:
    broken = opened(checkpoint=str(toy_folder))
    with torch.no_grad():
        broken._pipeline._models.vae.decoder.conv_out.bias.fill_(torch.inf)
        broken._pipeline._models.vae.decoder.conv_out.weight.fill_(-torch.inf)
    with pytest.raises(BackendError, match=r"no numbers.*multiview\.dtype=bfloat16"):
        broken.generate(disc(), 0)
