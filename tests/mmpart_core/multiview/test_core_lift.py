"""Round bodies with something at their sides: revolved core, inflated appendage, one drawing."""

import numpy as np
import pytest
import trimesh

from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.backends import lift
from mmpart_core.multiview.lifting.core import find_core
from mmpart_core.multiview.lifting.lift import LiftedPart, lift_part

SIZE = 256
RADIUS, TUBE = 0.3, 0.045
CAMERA = cameras.orbit_camera(0.0, 20.0, 30.0, SIZE)
SHELL, METAL = (210, 200, 180, 255), (90, 90, 150, 255)


def can(height: float = 0.7) -> trimesh.Trimesh:
    return trimesh.creation.cylinder(RADIUS, height, sections=96)


def handle(side: float = 1.0, at: float = 0.0) -> trimesh.Trimesh:
    """An upright ring, half of which is inside the can."""
    ring = trimesh.creation.torus(0.2, TUBE, 48, 24)
    ring.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (0, 1, 0)))
    return ring.apply_translation((0.0, side * RADIUS, at))


def drawing(*pieces: trimesh.Trimesh) -> RenderScene:
    """Solids in colour: the first one's, and one for all others."""
    meshes = [
        TriangleMesh(
            np.array(piece.vertices),
            np.array(piece.faces, dtype=np.int64),
            colors=np.tile(np.array(METAL if index else SHELL, np.uint8), (len(piece.vertices), 1)),
        )
        for index, piece in enumerate(pieces)
    ]
    return RenderScene(meshes)


def lifted(*pieces: trimesh.Trimesh, **settings: object) -> LiftedPart:
    options = lift.Settings.model_validate({"outline_px": 128, **settings})
    return lift_part(drawing(*pieces).render(CAMERA).rgba, CAMERA, options.rules())


def overlap(
    part: LiftedPart, truth: RenderScene, azimuth_deg: float, elevation_deg: float
) -> float:
    camera = cameras.orbit_camera(azimuth_deg, elevation_deg, 30.0, SIZE)
    first, second = RenderScene([part.mesh]).silhouette(camera), truth.silhouette(camera)
    return float((first & second).sum() / (first | second).sum())


AROUND = [(30.0, 20.0), (90.0, -10.0), (150.0, 20.0), (210.0, -10.0), (270.0, 20.0), (330.0, -10.0)]


def test_mug_is_a_body_of_revolution_with_its_handle() -> None:
    pieces = can(), handle()
    part, pillow = lifted(*pieces), lifted(*pieces, shape="round")
    assert "body of revolution with inflated appendages" in part.method
    assert "core 0.9" in part.method
    truth = drawing(*pieces)
    overlaps = [overlap(part, truth, *pose) for pose in [(0.0, 20.0), *AROUND]]
    assert min(overlaps) > 0.93
    assert np.mean(overlaps) > np.mean([overlap(pillow, truth, *pose) for pose in AROUND]) + 0.08
    depth, width, _ = np.ptp(part.mesh.vertices, axis=0)
    assert depth == pytest.approx(2.0 * RADIUS, rel=0.05)
    assert width == pytest.approx(2.0 * RADIUS + 0.2 + TUBE, rel=0.05)


def test_body_and_handle_are_closed_and_reach_into_one_another() -> None:
    part = lifted(can(), handle())
    solid = trimesh.Trimesh(part.mesh.vertices, part.mesh.faces, process=False)
    body, grip = sorted(solid.split(), key=lambda piece: -piece.volume)
    for piece in (body, grip):
        assert piece.is_watertight
        assert piece.is_winding_consistent
        assert piece.volume > 0.0
    assert np.ptp(grip.vertices[:, 0]) == pytest.approx(2.0 * TUBE, rel=0.25)
    radius = np.linalg.norm((grip.vertices - body.bounds.mean(axis=0))[:, :2], axis=1)
    assert radius.min() < RADIUS - TUBE
    # Where it is inside the body's radius, it does not hang out above or below.
    inside = grip.vertices[radius < RADIUS - 0.02]
    assert inside[:, 2].min() > body.bounds[0, 2]
    assert inside[:, 2].max() < body.bounds[1, 2]


def test_drawn_together_both_have_their_colours() -> None:
    part = lifted(can(), handle())
    assert len(part.surfaces) == 3
    view = RenderScene(part.painted(0.95)).render(cameras.orbit_camera(180.0, 0.0, 30.0, SIZE)).rgba
    solid = np.argwhere(view[..., 3] > 250)
    # From behind the handle is at the left.
    left, right = solid[:, 1].min(), solid[:, 1].max()
    grip, body = view[:, left + 5], view[:, (left + 2 * right) // 3]
    grip, body = (column[column[:, 3] > 250].astype(int).mean(axis=0) for column in (grip, body))
    assert grip[2] > grip[0] + 20
    assert body[0] > body[2]
    mirrored = lifted(can(), handle(), back="mirror")
    assert len(mirrored.surfaces) == 2


def test_two_handles_are_both_appendages() -> None:
    pieces = can(), handle(), handle(-1.0)
    part = lifted(*pieces)
    assert "inflated appendages" in part.method
    assert min(overlap(part, drawing(*pieces), *pose) for pose in AROUND) > 0.9


@pytest.mark.parametrize("elevation_deg", [0.0, 8.0])
def test_box_with_a_handle_is_not_revolved(elevation_deg: float) -> None:
    box = trimesh.creation.box((0.6, 0.6, 0.7))
    level = cameras.orbit_camera(0.0, elevation_deg, 30.0, SIZE)
    rules = lift.Settings.model_validate({"outline_px": 128}).rules()
    part = lift_part(drawing(box, handle()).render(level).rgba, level, rules)
    assert "polygon of few corners" in part.method
    assert "body of revolution with" not in part.method


def test_thumb_is_no_appendage_and_a_wing_is_too_thick() -> None:
    thumb = trimesh.creation.icosphere(radius=0.1).apply_translation((0.0, RADIUS - 0.02, 0.0))
    wing = trimesh.creation.box((0.1, 0.5, 0.4)).apply_translation((0.0, RADIUS + 0.2, 0.0))
    for piece in (thumb, wing):
        assert "appendages" not in lifted(can(), piece).method
        assert find_core(drawing(can(), piece).silhouette(CAMERA)) is None


def test_core_is_cut_where_its_other_side_ends() -> None:
    alone, whole = drawing(can()).silhouette(CAMERA), drawing(can(), handle()).silhouette(CAMERA)
    cut = find_core(whole)
    assert cut is not None
    assert not (cut.core & cut.appendages).any()
    assert np.array_equal(cut.core | cut.appendages, whole)
    assert (cut.core ^ alone).sum() < 0.01 * alone.sum()
    assert cut.thickness == pytest.approx(TUBE / RADIUS, rel=0.3)
    assert find_core(alone) is None
