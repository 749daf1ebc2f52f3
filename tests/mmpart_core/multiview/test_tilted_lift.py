"""Round parts that lean are revolved about their tilted axis; what is not round is left alone."""

import numpy as np
import pytest
import trimesh
from trimesh.transformations import rotation_matrix

from mmpart_core.geometry import bounds, cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.backends import lift
from mmpart_core.multiview.lifting.crop import crop_part
from mmpart_core.multiview.lifting.lift import LiftedPart, lift_part
from mmpart_core.multiview.lifting.outline import mirror_axis
from mmpart_core.multiview.lifting.tilt import find_tilt
from mmpart_core.records import Camera

SIZE = 256
CROWN = ((0.6, 0.06), (0.4, 0.04), (0.4, 0.3), (0.3, 0.45), (0.14, 0.5), (0.0, 0.51))
BOWLER = np.array([(0.0, -0.02), (0.5, -0.02), (0.62, 0.03), *CROWN])
BAR = (0.25, 0.25, 1.2)
SOLIDS = {
    "bowler": trimesh.creation.revolve(BOWLER, sections=96),
    "cone": trimesh.creation.cone(0.35, 0.8, sections=96),
    "can": trimesh.creation.cylinder(0.3, 0.9, sections=96),
    "box": trimesh.creation.box((0.4, 0.5, 0.9)),
    "cross": trimesh.creation.box(BAR).union(
        trimesh.creation.box((0.25, 1.2, 0.25)), engine="manifold"
    ),
    "wheel": trimesh.creation.cylinder(0.5, 0.35, sections=96).apply_transform(
        rotation_matrix(np.deg2rad(30.0), (0, 0, 1)) @ rotation_matrix(np.pi / 2, (1, 0, 0))
    ),
}


def leaning(name: str, tilt_deg: float, lean_deg: float = 0.0) -> TriangleMesh:
    """A solid tilted clockwise in the image and away from the camera; red left, blue right."""
    solid = SOLIDS[name].copy()
    share = (solid.vertices[:, 1] - solid.bounds[0, 1]) / solid.extents[1]
    solid.apply_transform(rotation_matrix(np.deg2rad(-tilt_deg), (1, 0, 0)))
    solid.apply_transform(rotation_matrix(np.deg2rad(-lean_deg), (0, 1, 0)))
    solid.apply_translation((0.0, 0.2, 0.1))
    colors = np.full((len(solid.vertices), 4), 255, dtype=np.uint8)
    colors[:, 0], colors[:, 1], colors[:, 2] = 140 - 40 * share, 110, 100 + 40 * share
    faces = np.array(solid.faces, dtype=np.int64)
    return TriangleMesh(np.array(solid.vertices), faces, colors=colors)


def seen(mesh: TriangleMesh, elevation_deg: float) -> tuple[np.ndarray, Camera]:
    camera = cameras.orbit_camera(0.0, elevation_deg, 30.0, SIZE)
    return RenderScene([mesh]).render(camera).rgba, camera


def lifted(mesh: TriangleMesh, elevation_deg: float, shape: str = "auto") -> LiftedPart:
    rgba, camera = seen(mesh, elevation_deg)
    options = lift.Settings.model_validate({"outline_px": 128, "shape": shape})
    return lift_part(rgba, camera, options.rules())


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def six_view_iou(first: TriangleMesh, second: TriangleMesh) -> float:
    """Mean overlap of silhouettes at the six poses, each shape in its part's frame."""
    units = [
        m.transformed(np.linalg.inv(bounds.points_from_unit(m.vertices))) for m in (first, second)
    ]
    scenes = [RenderScene([unit]) for unit in units]
    poses = cameras.zero123plus_cameras("v1.2", 128)
    return float(np.mean([overlap(*(s.silhouette(pose) for s in scenes)) for pose in poses]))


@pytest.mark.parametrize(
    ("name", "tilt_deg", "lean_deg", "elevation_deg"),
    [
        ("bowler", 12.0, 0.0, 20.0),
        ("bowler", -20.0, 5.0, 20.0),
        ("bowler", 8.0, 6.0, 15.0),
        ("cone", 12.0, 0.0, 20.0),
        ("can", -12.0, 0.0, 20.0),
    ],
)
def test_leaning_round_solid_is_revolved_near_its_true_shape(
    name: str, tilt_deg: float, lean_deg: float, elevation_deg: float
) -> None:
    true = leaning(name, tilt_deg, lean_deg)
    part = lifted(true, elevation_deg)
    assert "surface of revolution about an axis tilted by" in part.method
    side = "clockwise" if tilt_deg > 0 else "counter-clockwise"
    assert f" degrees {side} in the image" in part.method
    revolved = six_view_iou(part.mesh, true)
    assert revolved > 0.88
    assert revolved > six_view_iou(lifted(true, elevation_deg, "round").mesh, true) + 0.1
    rgba, camera = seen(true, elevation_deg)
    assert overlap(RenderScene([part.mesh]).silhouette(camera), rgba[..., 3] > 127) > 0.955


def test_leaning_solid_keeps_its_colours_in_the_input_view() -> None:
    true = leaning("bowler", 12.0)
    rgba, camera = seen(true, 20.0)
    again = RenderScene([lifted(true, 20.0).mesh]).render(camera).rgba
    both = (rgba[..., 3] > 250) & (again[..., 3] > 250)
    difference = np.abs(rgba[both][:, :3].astype(int) - again[both][:, :3].astype(int))
    assert difference.mean() < 4.0
    solid = trimesh.Trimesh(lifted(true, 20.0).mesh.vertices, lifted(true, 20.0).mesh.faces)
    assert solid.is_watertight
    assert solid.volume > 0.0


@pytest.mark.parametrize("name", ["box", "cross"])
@pytest.mark.parametrize(
    ("tilt_deg", "elevation_deg"), [(12.0, 20.0), (-20.0, 20.0), (8.0, 12.0), (15.0, 0.0)]
)
def test_leaning_solids_that_are_not_round_are_not_revolved(
    name: str, tilt_deg: float, elevation_deg: float
) -> None:
    assert "surface of revolution" not in lifted(leaning(name, tilt_deg), elevation_deg).method


@pytest.mark.parametrize("tilt_deg", [12.0, -12.0])
def test_wheel_that_shows_its_side_is_not_stood_on_its_rim(tilt_deg: float) -> None:
    assert "about an axis" not in lifted(leaning("wheel", tilt_deg), 12.0).method


def test_upright_solid_is_revolved_about_its_upright_axis() -> None:
    assert "tilted by" not in lifted(leaning("bowler", 0.0), 20.0).method


def test_circles_seen_edge_on_do_not_tell_a_disc_from_a_board() -> None:
    method = lifted(leaning("bowler", 12.0), 0.0).method
    assert "inflated" in method
    assert "about an axis tilted by 12 degrees clockwise" in method
    assert "too level" in method


@pytest.mark.parametrize("tilt_deg", [-22.0, -7.0, 0.0, 13.0])
def test_tilt_is_found_clockwise_from_upright(tilt_deg: float) -> None:
    rgba, camera = seen(leaning("cone", tilt_deg), 0.0)
    assert find_tilt(crop_part(rgba, camera, 128).mask) == pytest.approx(tilt_deg, abs=1.0)
    upright = crop_part(rgba, camera, 128, tilt_deg)
    assert mirror_axis(upright.mask)[1] > 0.97


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_crop_of_a_leaning_part_is_the_same_picture_in_another_frame(projection: str) -> None:
    rgba, camera = seen(leaning("bowler", 12.0), 20.0)
    if projection == "orthographic":
        focal = camera.focal_px * np.tan(np.deg2rad(15.0))
        camera = camera.model_copy(update={"projection": projection, "focal_px": float(focal)})
    crop = crop_part(rgba, camera, 128, 12.0)
    leaned = crop.seen_from(crop.elevation_deg - 6.0)
    corner = leaned.center + np.array([0.1, -0.2, 0.3])
    back = leaned.object_from_crop @ np.append(corner, 1.0)
    in_crop = np.linalg.inv(crop.object_from_crop) @ back
    at, _ = cameras.project(leaned.camera, corner[None])
    assert np.allclose(at, cameras.project(crop.camera, in_crop[None, :3])[0], atol=1e-6)
    assert np.allclose(
        leaned.object_from_crop[:3, :3].T @ leaned.object_from_crop[:3, :3], np.eye(3)
    )
    centre = leaned.object_from_crop @ np.append(leaned.center, 1.0)
    assert np.allclose(centre[:3], crop.center)
    # The axis leans to the right and, seen from above, away from the camera.
    axis = leaned.object_from_crop[:3, 2]
    assert axis[1] == pytest.approx(np.sin(np.deg2rad(12.0)), abs=0.02)
    assert axis[0] < crop.object_from_crop[0, 2]
