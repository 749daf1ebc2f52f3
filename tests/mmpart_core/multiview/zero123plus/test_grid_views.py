"""A drawn picture -> posed views; an image -> what the generator is shown."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from mmpart_core.errors import StageError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.cameras import zero123plus_cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.images.framing import FramedSquare
from mmpart_core.multiview.checks import check_views
from mmpart_core.multiview.zero123plus import grid_views
from mmpart_core.multiview.zero123plus.input_square import framed_on_ground, square_of

SIZE = 160
GREY = 127.0
REAL = [
    *(f"instantmesh/{name}" for name in (
        "bird", "cake", "chair_armed", "chair_wood", "extinguisher", "house2", "mushroom_teapot",
        "plant", "robot", "sea_turtle", "skating_shoe", "sword", "teasure_chest",
    )),
    "2dtoar/lamp",
    "zero-mv/dinosaur_views",
    "zero-mv/fish_views",
]  # fmt: skip
POSES = grid_views.grid_cameras("v1.2", SIZE, 1.0)


def ring(rgb: tuple[int, int, int] | None) -> TriangleMesh:
    """A ring in one colour, or in the colours of its normals."""
    shape = trimesh.creation.torus(0.6, 0.2, major_sections=96, minor_sections=48)
    shape.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
    rgba = np.full((len(shape.vertices), 4), 255, np.uint8)
    rgba[:, :3] = np.rint(shape.vertex_normals * 127.5 + 127.5) if rgb is None else rgb
    vertices, faces = np.array(shape.vertices), np.array(shape.faces, dtype=np.int64)
    return TriangleMesh(vertices, faces, colors=rgba)


def drawn(mesh: TriangleMesh) -> np.ndarray:
    scene = RenderScene([mesh])
    return np.stack([scene.render(pose, supersample=4).rgba for pose in POSES])


def as_grid(rgba: np.ndarray, noise: float = 0.6) -> np.ndarray:
    alpha = rgba[..., 3:] / 255.0
    mixed = rgba[..., :3] * alpha + GREY * (1.0 - alpha)
    mixed += np.random.default_rng(0).normal(0.0, noise, mixed.shape)
    rows = [np.concatenate(list(mixed[at : at + 2]), axis=1) for at in (0, 2, 4)]
    return np.clip(np.rint(np.concatenate(rows)), 0, 255).astype(np.uint8)


def iou(made: np.ndarray, truth: np.ndarray) -> float:
    solid, true = made[..., 3] >= 128, truth[..., 3] >= 128
    return float((solid & true).sum() / (solid | true).sum())


def test_views_lie_row_by_row_and_lose_their_ground() -> None:
    truth = drawn(ring((110, 60, 30)))
    views = grid_views.views_by_ground(as_grid(truth), POSES)
    assert views.cameras == POSES
    assert iou(views.rgba, truth) > 0.97
    for index in range(6):  # each in its own place
        assert iou(views.rgba[index], truth[index]) > 0.95


def test_normals_keep_an_object_of_the_ground_s_own_colour() -> None:
    truth = drawn(ring((127, 127, 127)))
    normals = as_grid(drawn(ring(None)), noise=3.0)
    by_normals = grid_views.views_by_normals(as_grid(truth), normals, POSES).rgba
    by_ground = grid_views.views_by_ground(as_grid(truth), POSES).rgba
    assert iou(by_normals, truth) > 0.9
    assert iou(by_ground, truth) < 0.1  # what normals are there for


def test_between_object_and_ground_the_colour_decides() -> None:
    """Normals that end two pixels early or late make no rim: the views' colours have it."""
    truth = drawn(ring((110, 60, 30)))
    normals = drawn(ring(None))
    for shift in (-2, 2):
        moved = np.roll(normals, shift, axis=2)
        made = grid_views.views_by_normals(as_grid(truth), as_grid(moved, 3.0), POSES).rgba
        assert iou(made, truth) > 0.97
        error = np.abs(made[..., 3].astype(float) - truth[..., 3])
        assert error.mean() < 3.0


@pytest.mark.parametrize("shape", [(480, 480, 3), (320, 480, 3), (478, 320, 3)])
def test_a_picture_of_another_shape_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(StageError, match="3 rows"):
        grid_views.views_by_ground(np.zeros(shape, np.uint8), POSES)


def test_cameras_stand_nearer_by_a_factor_and_look_alike() -> None:
    near = grid_views.grid_cameras("v1.2", 320, 0.8)
    for camera, plain in zip(near, zero123plus_cameras("v1.2", 320), strict=True):
        pose = transforms.to_array(camera.world_from_camera)
        usual = transforms.to_array(plain.world_from_camera)
        assert np.allclose(pose[:3, :3], usual[:3, :3])
        assert np.allclose(pose[:3, 3], 0.8 * usual[:3, 3])
        assert camera.focal_px == plain.focal_px


def test_the_part_is_shown_as_large_as_asked_and_in_the_middle() -> None:
    rgba = np.zeros((300, 400, 4), np.uint8)
    rgba[40:240, 280:380] = (200, 30, 60, 255)
    square = square_of(rgba, 0.8)
    assert square == FramedSquare((330.0, 140.0), 250.0)
    shown = framed_on_ground(rgba, square, (127, 127, 127), 512)
    assert shown.shape == (512, 512, 3)
    there = np.abs(shown.astype(int) - 127).sum(axis=-1) > 90
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    assert rows[-1] - rows[0] + 1 == pytest.approx(0.8 * 512, abs=3)
    assert columns[-1] - columns[0] + 1 == pytest.approx(0.4 * 512, abs=3)
    assert rows.mean() == pytest.approx(255.5, abs=1.5)
    assert columns.mean() == pytest.approx(255.5, abs=1.5)
    assert (shown[0, 0] == 127).all()
    assert np.abs(shown[256, 256].astype(int) - (200, 30, 60)).max() <= 1


@pytest.mark.parametrize("ground", [(127, 127, 127), (255, 255, 255)])
def test_half_clear_pixels_are_mixed_with_the_ground(ground: tuple[int, int, int]) -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[...] = (200, 100, 0, 128)
    shown = framed_on_ground(rgba, FramedSquare((32.0, 32.0), 64.0), ground, 512)
    expected = np.array((200, 100, 0)) * (128 / 255) + np.array(ground) * (127 / 255)
    assert np.abs(shown.astype(float) - expected).max() <= 1.0


def test_colours_of_clear_pixels_do_not_bleed_in() -> None:
    rgba = np.zeros((900, 900, 4), np.uint8)
    rgba[..., 1] = 255  # green, and clear
    rgba[100:800, 100:800] = (120, 0, 0, 255)
    shown = framed_on_ground(rgba, square_of(rgba, 0.85), (127, 127, 127), 256)
    assert shown[..., 1].max() <= 128


def test_an_empty_image_has_no_square() -> None:
    with pytest.raises(StageError, match="empty"):
        square_of(np.zeros((32, 32, 4), np.uint8), 0.85)


@pytest.mark.parametrize("name", REAL)
def test_real_grids_are_tiled_and_cut_out(shared_data: Path, name: str) -> None:
    with Image.open(shared_data / "zero123plus_grids" / f"{name}_grid.png") as picture:
        grid = np.array(picture.convert("RGB"))
    distance = 0.8 if name.startswith("instantmesh") else 1.0
    views = grid_views.views_by_ground(grid, grid_views.grid_cameras("v1.2", 320, distance))
    check_views(views, name)
    alpha = views.rgba[..., 3]
    assert (alpha >= 250).mean(axis=(1, 2)).min() > 0.01  # a sword, edge on
    assert (alpha == 0).mean(axis=(1, 2)).min() > 0.2
    assert ((alpha > 0) & (alpha < 255)).mean() < 0.1  # rims, not fog
