"""Lifting known shapes from one image: outline kept, shape near the truth, choices explained."""

import numpy as np
import pytest
import trimesh
from PIL import Image, ImageDraw

from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.backends import lift
from mmpart_core.multiview.checks import check_views
from mmpart_core.multiview.lifting.crop import crop_part
from mmpart_core.multiview.lifting.lift import LiftedPart, lift_part
from mmpart_core.multiview.protocol import GeneratedViews, PartImage
from mmpart_core.records import Camera

SIZE = 256
UPRIGHT = np.eye(4)
FACING = trimesh.transformations.rotation_matrix(np.pi / 2, (0, 1, 0))
SOLIDS = {
    "ball": trimesh.creation.icosphere(subdivisions=4, radius=0.5),
    "can": trimesh.creation.cylinder(0.3, 0.8, sections=64),
    "cone": trimesh.creation.cone(0.4, 0.8, sections=64),
    "ring": trimesh.creation.torus(0.4, 0.12).apply_transform(FACING),
    "box": trimesh.creation.box((0.5, 0.8, 0.6)),
    "arm": trimesh.creation.box((0.2, 0.9, 0.2)).union(
        trimesh.creation.box((0.2, 0.2, 0.7)).apply_translation((0, 0.3, 0.2)), engine="manifold"
    ),
}
ROUND = ("ball", "can", "cone")


def rendered(
    name: str, elevation_deg: float = 20.0, at: tuple[float, ...] = (0.0, 0.25, 0.1)
) -> tuple[np.ndarray, Camera]:
    """A solid away from the optical axis, red at the left and blue at the right."""
    solid = SOLIDS[name].copy()
    solid.apply_translation(at)
    colors = np.full((len(solid.vertices), 4), 255, dtype=np.uint8)
    share = (solid.vertices[:, 1] - solid.bounds[0, 1]) / solid.extents[1]
    colors[:, 0], colors[:, 1], colors[:, 2] = 140 - 40 * share, 110, 100 + 40 * share
    mesh = TriangleMesh(
        np.array(solid.vertices), np.array(solid.faces, dtype=np.int64), colors=colors
    )
    camera = cameras.orbit_camera(0.0, elevation_deg, 30.0, SIZE)
    return RenderScene([mesh]).render(camera).rgba, camera


def lifted(rgba: np.ndarray, camera: Camera, **settings: object) -> LiftedPart:
    options = lift.Settings.model_validate({"outline_px": 128, **settings})
    return lift_part(rgba, camera, options.rules())


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def seen_again(part: LiftedPart, rgba: np.ndarray, camera: Camera) -> float:
    return overlap(RenderScene([part.mesh]).silhouette(camera), rgba[..., 3] > 127)


@pytest.mark.parametrize("name", SOLIDS)
@pytest.mark.parametrize("elevation_deg", [0.0, 20.0, 45.0])
def test_silhouette_from_the_input_camera_is_kept(name: str, elevation_deg: float) -> None:
    rgba, camera = rendered(name, elevation_deg)
    inflated = lifted(rgba, camera, shape="round")
    assert seen_again(inflated, rgba, camera) > 0.97
    assert seen_again(lifted(rgba, camera), rgba, camera) > 0.93


@pytest.mark.parametrize("name", ROUND)
def test_round_solids_are_revolved_to_their_true_size(name: str) -> None:
    rgba, camera = rendered(name)
    part = lifted(rgba, camera)
    assert "surface of revolution" in part.method
    assert "overlaps the outline by 0.9" in part.method
    assert np.allclose(np.ptp(part.mesh.vertices, axis=0), SOLIDS[name].extents, rtol=0.07)
    solid = trimesh.Trimesh(part.mesh.vertices, part.mesh.faces, process=False)
    assert solid.volume == pytest.approx(SOLIDS[name].volume, rel=0.15)


def test_can_ends_flat_and_ball_ends_round() -> None:
    can = lifted(*rendered("can")).mesh.vertices
    bottom = can[can[:, 2] < can[:, 2].min() + 0.01]
    assert np.ptp(bottom[:, 1]) > 0.5
    ball = lifted(*rendered("ball")).mesh.vertices
    bottom = ball[ball[:, 2] < ball[:, 2].min() + 0.01]
    assert np.ptp(bottom[:, 1]) < 0.4


@pytest.mark.parametrize("name", SOLIDS)
@pytest.mark.parametrize("shape", ["auto", "round", "sections", "flat"])
def test_surfaces_are_closed_and_face_outwards(name: str, shape: str) -> None:
    part = lifted(*rendered(name), shape=shape)
    solid = trimesh.Trimesh(part.mesh.vertices, part.mesh.faces, process=False)
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert solid.volume > 0
    unit = part.in_part_frame().vertices
    assert np.linalg.norm(unit, axis=1).max() == pytest.approx(1.0)
    assert np.allclose(unit.min(0), -unit.max(0), atol=1e-9)


def test_ring_keeps_its_hole() -> None:
    rgba, camera = rendered("ring")
    part = lifted(rgba, camera)
    solid = trimesh.Trimesh(part.mesh.vertices, part.mesh.faces, process=False)
    assert solid.euler_number == 0
    assert "inflated" in part.method


def test_box_is_a_slab_not_a_balloon() -> None:
    rgba, camera = rendered("box", 0.0, at=(0.0, 0.0, 0.0))
    part = lifted(rgba, camera, shape="flat")
    front = part.mesh.vertices[:, 0].max()
    near_front = part.mesh.vertices[:, 0] > front - 0.01
    assert near_front.mean() > 0.2  # much of the surface lies in the front face
    assert "slab" in lifted(*rendered("box", at=(0.0, 0.0, 0.0))).method


def test_lopsided_outline_is_inflated_and_says_why() -> None:
    part = lifted(*rendered("arm"))
    assert "inflated" in part.method
    assert "needed to revolve" in part.method


def test_colours_decide_against_revolving() -> None:
    rgba, camera = rendered("can")
    painted = rgba.copy()
    half = np.nonzero(rgba[..., 3])[1].mean()
    painted[:, : int(half), :3] = 0
    painted[:, int(half) :, :3] = 255
    part = lifted(painted, camera)
    assert "allowed to revolve" in part.method


def test_tall_parts_stand_upright_and_balls_stay_balls() -> None:
    """Inflated from 20 degrees above, the axis of a tall part is upright, a ball is round."""
    tall = Image.new("RGBA", (SIZE, SIZE))
    ImageDraw.Draw(tall).rounded_rectangle((118, 40, 138, 216), 10, fill=(90, 90, 90, 255))
    camera = cameras.orbit_camera(0.0, 20.0, 30.0, SIZE)
    points = lifted(np.asarray(tall), camera, shape="round").mesh.vertices
    upper, lower = points[points[:, 2] > 0.4], points[points[:, 2] < -0.4]
    lean = np.arctan2(upper[:, 0].mean() - lower[:, 0].mean(), 1.0)
    assert abs(np.rad2deg(lean)) < 3.0
    rgba, camera = rendered("ball", at=(0.0, 0.0, 0.0))
    extents = np.ptp(lifted(rgba, camera, shape="round").mesh.vertices, axis=0)
    assert np.allclose(extents, 1.0, rtol=0.05)


def test_crop_aims_at_the_part() -> None:
    rgba, camera = rendered("ball", at=(0.0, 0.4, 0.3))
    crop = crop_part(rgba, camera, 128)
    rows, columns = np.nonzero(crop.mask)
    assert abs(rows.mean() - 63.5) < 1.0
    assert abs(columns.mean() - 63.5) < 1.0
    assert 110 < np.ptp(columns) < 122
    at, _ = cameras.project(crop.camera, crop.center[None])
    assert np.allclose(at, 64.0, atol=1.0)
    # The real centre differs only along the ray: depth is not seen in one image.
    assert (
        np.linalg.norm(np.cross(crop.center - [0, 0.4, 0.3], _toward(crop.center, camera))) < 0.02
    )
    # Orthographic cameras are not turned: all their rays are alike.
    flat = crop_part(rgba, camera.model_copy(update={"projection": "orthographic"}), 128)
    assert flat.elevation_deg == pytest.approx(20.0, abs=1e-6)
    assert flat.azimuth_deg == pytest.approx(0.0, abs=1e-6)


def _toward(point: np.ndarray, camera: Camera) -> np.ndarray:
    offset = np.array(camera.world_from_camera)[:3, 3] - point
    return offset / np.linalg.norm(offset)


def made_views(rgba: np.ndarray, camera: Camera, **settings: object) -> GeneratedViews:
    part = PartImage(rgba=rgba, visible=rgba[..., 3] > 127, camera=camera)
    options = {"outline_px": 128, "size_px": 96, **settings}
    backend = lift.BACKEND(lift.Settings.model_validate(options))
    backend.open()
    return backend.generate(part, 0)


def test_views_show_the_part_from_its_sides() -> None:
    rgba, camera = rendered("arm")
    made = made_views(rgba, camera)
    check_views(made.views, "arm")
    assert made.views.cameras == cameras.zero123plus_cameras("v1.2", 96)

    # The upright piece is on the right of the input: right too at 330 and 30 degrees, left from
    # behind.
    def weight(view: np.ndarray) -> float:
        rows = np.flatnonzero(view[..., 3].any(axis=1))
        upper = view[rows[0] : rows[0] + len(rows) // 3, :, 3] > 127
        return float(np.nonzero(upper)[1].mean()) - 47.5

    for front, back in ((0, 2), (5, 3)):
        assert weight(made.views.rgba[front]) > 5
        assert weight(made.views.rgba[back]) < -5


@pytest.mark.parametrize("version", ["v1.1", "v1.2"])
@pytest.mark.parametrize("box", [(20, 120, 236, 140), (118, 4, 138, 252), (20, 20, 236, 236)])
def test_views_hold_the_whole_part(box: tuple[int, ...], version: str) -> None:
    """A wide low disc, a long rod and a ball leave the border of every view empty."""
    image = Image.new("RGBA", (SIZE, SIZE))
    ImageDraw.Draw(image).ellipse(box, fill=(90, 90, 90, 255))
    camera = cameras.orbit_camera(0.0, 20.0, 30.0, SIZE)
    alpha = made_views(np.asarray(image), camera, version=version).views.rgba[..., 3]
    assert not alpha[:, [0, -1]].any()
    assert not alpha[:, :, [0, -1]].any()
    assert (alpha > 127).any(axis=(1, 2)).all()


def test_front_colours_are_mirrored_behind() -> None:
    rgba, camera = rendered("box", at=(0.0, 0.0, 0.0))
    painted = rgba.copy()
    painted[:, : SIZE // 2, :3] = (250, 10, 10)
    painted[:, SIZE // 2 :, :3] = (10, 10, 250)
    views = made_views(painted, camera).views.rgba
    for view, left in ((views[0], 0), (views[2], 2)):
        solid = view[..., 3] > 200
        columns = np.nonzero(solid.any(axis=0))[0]
        quarter = view[:, columns[len(columns) // 4]][solid[:, columns[len(columns) // 4]]]
        assert quarter[:, left].mean() > 150


def test_equal_input_gives_equal_views() -> None:
    rgba, camera = rendered("can")
    first, second = made_views(rgba, camera), made_views(rgba, camera)
    assert np.array_equal(first.views.rgba, second.views.rgba)
    assert first.method == second.method


def test_next_to_nothing_is_refused() -> None:
    rgba = np.zeros((64, 64, 4), dtype=np.uint8)
    camera = cameras.orbit_camera(0.0, 20.0, 30.0, 64)
    with pytest.raises(BackendError, match="covers 0 pixels"):
        made_views(rgba, camera)
    rgba[30, 30] = 255
    with pytest.raises(BackendError, match="covers 1 pixels"):
        made_views(rgba, camera)
    rgba[28:34, 28:34] = 255
    check_views(made_views(rgba, camera).views, "dot")


def test_back_is_plain_by_default_and_mirrored_on_request() -> None:
    rgba, camera = rendered("arm")
    solid = np.argwhere(rgba[..., 3] > 200)
    row, column = (solid.min(axis=0) * [0.3, 0.5] + solid.max(axis=0) * [0.7, 0.5]).astype(int)
    rgba[row - 5 : row + 5, column - 7 : column + 7, :3] = (0, 0, 0)
    part = PartImage(rgba=rgba, visible=rgba[..., 3] > 127, camera=camera)

    def darkest_behind(**settings: object) -> int:
        options = lift.Settings.model_validate({"outline_px": 128, "size_px": 96, **settings})
        view = lift.BACKEND(options).generate(part, 0).views.rgba[3]
        return int(view[view[..., 3] > 250][:, :3].max(axis=1).min())

    assert darkest_behind(back="mirror") < 40
    assert darkest_behind() > 80


def test_round_part_with_a_bite_at_one_side_is_still_revolved_whole() -> None:
    rgba, camera = rendered("can", 0.0)
    columns = np.flatnonzero((rgba[..., 3] > 127).any(axis=0))
    rows = np.flatnonzero((rgba[..., 3] > 127).any(axis=1))
    bitten, middle = rgba.copy(), (rows[0] + rows[-1]) // 2
    bitten[middle - 14 : middle + 14, columns[-1] - 10 :, 3] = 0
    part = lifted(bitten, camera)
    assert "surface of revolution" in part.method
    assert "bites filled" in part.method
    assert seen_again(part, rgba, camera) > 0.97
    left_alone = lifted(bitten, camera, outline_symmetry=0.98)
    assert "needed to revolve" in left_alone.method
