"""Objects drawn on plain ground, cut out again: the true alpha and colours are known."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from mmpart_core.errors import StageError
from mmpart_core.geometry.cameras import zero123plus_cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.matting import cut_grid, matte_views

SIZE = 160
POSES = zero123plus_cameras("v1.2", SIZE)
DARK = (110, 60, 30)
PALE = (215, 215, 210)
WHITE, GREY = (246, 246, 246), (172, 174, 172)


def painted(shape: trimesh.Trimesh, rgb: tuple[int, int, int]) -> TriangleMesh:
    vertices = np.array(shape.vertices)
    colors = np.tile(np.array([*rgb, 255], np.uint8), (len(vertices), 1))
    return TriangleMesh(vertices, np.array(shape.faces, dtype=np.int64), colors=colors)


def ring() -> TriangleMesh:
    """A handle: its hole is seen from four of the six poses."""
    shape = trimesh.creation.torus(0.6, 0.14)
    shape.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
    return painted(shape, DARK)


def drawn(*meshes: TriangleMesh) -> np.ndarray:
    scene = RenderScene(meshes)
    return np.stack([scene.render(pose, supersample=4, shading=0.3).rgba for pose in POSES])


def on_ground(rgba: np.ndarray, ground: tuple[int, int, int], noise: float = 0.6) -> np.ndarray:
    alpha = rgba[..., 3:].astype(float) / 255.0
    mixed = rgba[..., :3] * alpha + np.array(ground) * (1.0 - alpha)
    jitter = np.random.default_rng(0).normal(0.0, noise, mixed.shape)
    return np.clip(np.rint(mixed + jitter), 0, 255).astype(np.uint8)


def iou(made: np.ndarray, truth: np.ndarray) -> float:
    solid, true = made[..., 3] >= 128, truth[..., 3] >= 128
    return float((solid & true).sum() / (solid | true).sum())


@pytest.mark.parametrize("ground", [WHITE, GREY])
def test_the_hole_of_a_ring_is_cleared_and_the_rim_is_soft_and_free_of_ground(
    ground: tuple[int, int, int],
) -> None:
    truth = drawn(ring())
    made = matte_views(on_ground(truth, ground), POSES).rgba
    assert iou(made, truth) > 0.98
    error = np.abs(made[..., 3].astype(float) - truth[..., 3])
    assert error.mean() < 1.5
    rim = (truth[..., 3] > 40) & (truth[..., 3] < 215) & (made[..., 3] > 40)
    assert rim.sum() > 500
    assert np.abs(made[rim][:, :3].astype(float) - truth[rim][:, :3]).mean() < 12.0


def test_a_highlight_of_the_ground_s_colour_on_a_pale_body_is_not_a_hole() -> None:
    body = painted(trimesh.creation.icosphere(4, 0.75), PALE)
    views = on_ground(drawn(body), WHITE)
    ground = np.array(WHITE, np.uint8)
    for view in views:
        cv2.circle(view, (70, 66), 4, [int(value) for value in ground], -1, cv2.LINE_AA)
    made = matte_views(views, POSES).rgba
    assert (made[:, 60:72, 64:76, 3] == 255).all()


def test_overexposed_ground_in_a_dark_hole_is_ground() -> None:
    truth = drawn(ring())
    views = on_ground(truth, GREY)
    hole = cv2.morphologyEx(
        (truth[1][..., 3] > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((81, 81), np.uint8)
    )
    glow = (hole > 0) & (truth[1][..., 3] == 0)
    views[1][glow] = 200
    assert glow.sum() > 100
    made = matte_views(views, POSES).rgba
    assert (made[1][..., 3][glow] < 128).mean() > 0.9


def test_dust_and_what_bleeds_over_from_the_next_view_go_loose_parts_stay() -> None:
    loose = trimesh.creation.icosphere(3, 0.08)
    loose.apply_translation((0.0, 0.0, 0.85))
    truth = drawn(ring(), painted(loose, DARK))
    views = on_ground(truth, WHITE)
    views[:, -2:, 40:80] = 30
    views[:, 20:22, 20:22] = 30
    made = matte_views(views, POSES).rgba
    assert not made[:, -2:, 40:80, 3].any()
    assert not made[:, 18:24, 18:24, 3].any()
    assert iou(made, truth) > 0.98


def test_equal_views_give_equal_mattes_and_clear_pixels_have_the_object_s_colour() -> None:
    views = on_ground(drawn(ring()), WHITE)
    made = matte_views(views, POSES)
    assert np.array_equal(made.rgba, matte_views(views.copy(), POSES).rgba)
    assert made.cameras == POSES
    beside = (made.rgba[..., 3] == 0) & (
        cv2.dilate(made.rgba[0][..., 3], np.ones((3, 3), np.uint8)) > 0
    )
    assert made.rgba[0][beside[0]][:, :3].mean() < 150


def test_a_view_without_an_object_comes_back_clear() -> None:
    views = on_ground(drawn(ring()), WHITE)
    views[2] = 246
    made = matte_views(views, POSES).rgba
    assert not made[2][..., 3].any()
    assert made[0][..., 3].any()


def test_cameras_that_do_not_fit_the_views_are_refused() -> None:
    views = np.full((6, 32, 32, 3), 246, np.uint8)
    with pytest.raises(StageError, match="6 views of 32x32 px and 6 cameras of 160x160 px"):
        matte_views(views, POSES)
    with pytest.raises(StageError, match="6 views of 32x32 px and 2 cameras"):
        matte_views(views, zero123plus_cameras("v1.2", 32)[:2])


def test_a_grid_is_cut_row_by_row() -> None:
    grid = np.zeros((96, 64, 3), np.uint8)
    for index in range(6):
        row, column = divmod(index, 2)
        grid[32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = index
    assert [int(view.max()) for view in cut_grid(grid)] == list(range(6))
    assert [int(view.min()) for view in cut_grid(grid)] == list(range(6))


def test_a_picture_that_is_no_grid_is_refused() -> None:
    with pytest.raises(StageError, match="got 64x64 px, expected 2 columns and 3 rows"):
        cut_grid(np.zeros((64, 64, 3), np.uint8))


def real_matte(shared_data: Path, name: str) -> PosedViews:
    grid = cv2.imread(str(shared_data / "zero123plus_grids" / name), cv2.IMREAD_COLOR)
    assert grid is not None
    views = cut_grid(np.ascontiguousarray(grid[..., ::-1]))
    return matte_views(views, zero123plus_cameras("v1.2", 320))


def test_a_real_chair_is_seen_through_and_a_real_cake_is_not(shared_data: Path) -> None:
    chair = real_matte(shared_data, "instantmesh/chair_armed_grid.png").rgba[..., 3]
    cake = real_matte(shared_data, "instantmesh/cake_grid.png").rgba[..., 3]
    # Points picked by eye: ground within the back's hoop and below the seat; cream and plate.
    assert all(chair[4][row, column] == 0 for row, column in [(70, 157), (165, 162), (260, 130)])
    assert chair[4][107, 157] == 255
    assert all(cake[4][row, column] == 255 for row, column in [(141, 198), (275, 100)])
    assert cake[5][76, 94] == 255
    assert cake[3][310, 10] == 0
