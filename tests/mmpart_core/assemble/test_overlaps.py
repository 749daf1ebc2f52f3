"""Overlapping parts are cut by booleans: volumes are known, looks stay, originals too."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import trimesh

from mmpart_core.assemble import compose, overlaps
from mmpart_core.assemble.backends.layout import LayoutAssembler, Settings
from mmpart_core.assemble.protocol import Assembly, PlacedPart
from mmpart_core.geometry.surface import TriangleMesh

HERE = np.eye(4)


def box(side: float, x: float, rgb: tuple[int, int, int]) -> TriangleMesh:
    made = trimesh.creation.box((side, side, side))
    made.apply_translation((x, 0.0, 0.0))
    colors = np.tile(np.array([*rgb, 255], dtype=np.uint8), (len(made.vertices), 1))
    return TriangleMesh(
        np.asarray(made.vertices, dtype=float), np.asarray(made.faces), colors=colors
    )


def volume(mesh: TriangleMesh) -> float:
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces)
    solid.merge_vertices()
    assert solid.is_watertight
    return float(solid.volume)


def test_the_larger_part_loses_what_the_smaller_one_fills():
    large, small = box(2.0, 0.0, (200, 0, 0)), box(1.0, 1.0, (0, 200, 0))
    made = overlaps.resolve_overlaps([large, small], [HERE, HERE])
    assert made.cut[1] is None
    assert made.cut[0] is not None
    assert volume(made.cut[0]) == pytest.approx(8.0 - 0.5)
    assert made.removed == pytest.approx((0.5 / 8.0, 0.0))
    assert (made.before_pct, made.after_pct) == pytest.approx((50.0, 0.0), abs=1e-4)
    assert "6.2%" in made.notes[0][0] or "6.3%" in made.notes[0][0]
    # The walls of the hollow are the large part's, and so is their colour.
    assert made.cut[0].colors is not None
    assert (made.cut[0].colors[:, :3] == (200, 0, 0)).all()


def test_poses_are_undone_and_order_does_not_matter():
    large, small = box(1.0, 0.0, (9, 9, 9)), box(1.0, 0.0, (7, 7, 7))
    twice = np.diag([2.0, 2.0, 2.0, 1.0])
    beside = np.eye(4)
    beside[0, 3] = 1.0
    first = overlaps.resolve_overlaps([large, small], [twice, beside])
    second = overlaps.resolve_overlaps([small, large], [beside, twice])
    assert first.cut[0] is not None
    assert second.cut[1] is not None
    assert volume(first.cut[0]) == pytest.approx(1.0 - 0.5 / 8.0)
    assert volume(second.cut[1]) == pytest.approx(volume(first.cut[0]))


def test_parts_that_only_touch_stay_and_contained_ones_leave_a_hollow():
    boxes = [box(1.0, 0.0, (1, 1, 1)), box(1.0, 1.0, (1, 1, 1))]
    touching = overlaps.resolve_overlaps(boxes, [HERE, HERE])
    assert touching.cut == (None, None)
    assert touching.before_pct == pytest.approx(0.0, abs=1e-4)
    inside = overlaps.resolve_overlaps([box(2.0, 0.0, (1, 1, 1)), boxes[0]], [HERE, HERE])
    assert inside.cut[0] is not None
    assert volume(inside.cut[0]) == pytest.approx(7.0)


def test_what_cannot_be_cut_says_so():
    open_part = box(2.0, 0.0, (1, 1, 1))
    open_part = dataclasses.replace(open_part, faces=open_part.faces[2:])
    made = overlaps.resolve_overlaps([open_part, box(1.0, 0.0, (1, 1, 1))], [HERE, HERE])
    assert made.cut == (None, None)
    assert "not closed" in made.notes[0][0]
    assert made.before_pct is None
    nearly_one = overlaps.resolve_overlaps(
        [box(1.0, 0.0, (1, 1, 1)), box(0.99, 0.0, (1, 1, 1))], [HERE, HERE]
    )
    assert nearly_one.cut == (None, None)
    assert "stands wrong" in nearly_one.notes[0][0]


def test_textures_stay_where_they_are():
    large, small = box(2.0, 0.0, (0, 0, 0)), box(1.0, 1.0, (0, 0, 0))
    corners = large.vertices[large.faces].reshape(-1, 3)
    textured = TriangleMesh(
        corners,
        np.arange(len(corners)).reshape(-1, 3),
        corners[:, 1:] / 4.0 + 0.5,
        np.zeros((4, 4, 3), dtype=np.uint8),
    )
    made = overlaps.resolve_overlaps([textured, small], [HERE, HERE]).cut[0]
    assert made is not None
    assert made.uv is not None
    outside = (np.abs(made.vertices[:, 1:]) > 0.99).any(axis=1)
    np.testing.assert_allclose(made.uv[outside], made.vertices[outside, 1:] / 4.0 + 0.5, atol=1e-5)
    assert made.texture is textured.texture


def test_layout_cuts_on_request_and_keeps_the_parts(task_of, snowman):
    task = task_of(snowman, size_px=192)
    fast = {"coarse_px": 64, "fine_px": 64, "sweeps": 1, "fine_sweeps": 0, "depth_steps": 21}
    plain = LayoutAssembler(Settings(**fast)).assemble(task, 0)
    assert plain.overlap_pct is None
    assert all(each.cut is None for each in plain.placed)
    made = LayoutAssembler(Settings(**fast, resolve_overlaps=True)).assemble(task, 0)
    assert made.overlap_pct is not None
    assert made.overlap_pct[0] > 1.0
    assert made.overlap_pct[1] < 0.01
    whole = composed_nodes(task, plain)
    for node, uncut, placed in zip(composed_nodes(task, made), whole, made.placed, strict=True):
        changed = len(node.mesh.faces) != len(uncut.mesh.faces)
        assert changed == (placed.cut is not None)
    assert made.placed[0].cut is not None


def composed_nodes(task, assembly: Assembly):
    return compose.compose(task, assembly, task.camera).nodes


def test_volumes_fall_in_order():
    boxes = [box(side, 0.4 * at, (1, 1, 1)) for at, side in enumerate((2.0, 1.0, 0.5))]
    made = overlaps.resolve_overlaps(boxes, [HERE] * 3)
    assert all(a is not None for a in made.cut[:1])
    assert all(one >= two for one, two in pairwise(made.removed))
    assert PlacedPart(HERE, "").cut is None
