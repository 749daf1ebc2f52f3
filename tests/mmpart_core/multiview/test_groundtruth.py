"""Views of known scenes."""

import numpy as np
import pytest
import trimesh

from mmpart_core.errors import BackendError, InputError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import TruthGeometry, read_truth
from mmpart_core.multiview.backends import groundtruth
from mmpart_core.multiview.checks import check_views
from mmpart_core.multiview.protocol import GeneratedViews, PartImage
from mmpart_core.storage import glb


def scene() -> TruthGeometry:
    """A cube with a red marker on +X and a blue ball far away on +Y."""
    cube = trimesh.creation.box((1, 1, 1))
    colors = np.full((len(cube.vertices), 4), 255, dtype=np.uint8)
    marker = trimesh.creation.box((0.2, 0.2, 0.2))
    marker.apply_translation((0.6, 0, 0))
    red = np.tile(np.array([220, 0, 0, 255], dtype=np.uint8), (len(marker.vertices), 1))
    joined = TriangleMesh(
        np.concatenate([cube.vertices, marker.vertices]),
        np.concatenate([cube.faces, marker.faces + len(cube.vertices)]).astype(np.int64),
        colors=np.concatenate([colors, red]),
    )
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.3)
    ball.apply_translation((0, 3, 0))
    blue = np.tile(np.array([0, 0, 220, 255], dtype=np.uint8), (len(ball.vertices), 1))
    far = TriangleMesh(np.array(ball.vertices), np.array(ball.faces, np.int64), colors=blue)
    return read_truth(
        glb.encode_glb([glb.GlbNode("cube", joined), glb.GlbNode("ball", far)]), "scene"
    )


def generate(node: str | None, azimuth_deg: float, **settings: object) -> GeneratedViews:
    part = PartImage(
        rgba=np.zeros((8, 8, 4), dtype=np.uint8),
        visible=np.zeros((8, 8), dtype=bool),
        camera=cameras.orbit_camera(0.0, 20.0, 30.0, 8),
        truth=scene(),
        node=node,
        azimuth_deg=azimuth_deg,
    )
    chosen = groundtruth.Settings.model_validate({"size_px": 80, **settings})
    return groundtruth.BACKEND(chosen).generate(part, 0)


def reds(views: GeneratedViews) -> list[int]:
    rgba = views.views.rgba
    return [int(((view[..., 0] > 180) & (view[..., 1] < 60)).sum()) for view in rgba]


@pytest.mark.parametrize("version", ["v1.1", "v1.2"])
def test_part_fills_the_frame_at_the_six_poses(version: str) -> None:
    made = generate("cube", 0.0, version=version)
    check_views(made.views, "cube")
    assert made.views.cameras == cameras.zero123plus_cameras(version, 80)  # pyright: ignore
    assert version in made.method
    for view in made.views.rgba:
        rows, columns = np.nonzero(view[..., 3] > 127)
        assert 80 * 0.6 < max(np.ptp(rows), np.ptp(columns)) < 80
        assert abs(rows.mean() - 39.5) < 6
        assert abs(columns.mean() - 39.5) < 6


def test_marker_turns_with_the_input_azimuth() -> None:
    front = reds(generate("cube", 0.0))
    assert front[0] > 0
    assert front[5] > 0
    assert front[2] == front[3] == 0  # from behind, the cube covers it
    # With the input camera at 180 degrees, the marker is at the back of the part frame.
    back = reds(generate("cube", 180.0))
    assert back[0] == back[5] == 0
    assert back[2] > 0
    assert back[3] > 0
    # At 90 the marker lies at azimuth -90: facing view 4 (270), hidden from view 1 (90).
    side = reds(generate("cube", 90.0))
    assert side[4] > 0
    assert side[1] == 0


def test_whole_scene_shows_all_parts() -> None:
    made = generate(None, 0.0)
    check_views(made.views, None)
    blue = (made.views.rgba[..., 2] > 180) & (made.views.rgba[..., 0] < 60)
    assert (blue.sum(axis=(1, 2)) > 0).all()
    columns = np.nonzero(blue[5])[1]
    assert columns.mean() > 40  # +Y is right of a camera near azimuth 0
    assert "whole" in made.method


def test_without_a_scene_or_node_it_cannot_be_done() -> None:
    part = PartImage(
        rgba=np.zeros((8, 8, 4), dtype=np.uint8),
        visible=np.zeros((8, 8), dtype=bool),
        camera=cameras.orbit_camera(0.0, 20.0, 30.0, 8),
    )
    with pytest.raises(BackendError, match="needs a known scene"):
        groundtruth.BACKEND(groundtruth.Settings()).generate(part, 0)
    with pytest.raises(InputError, match="'hat'"):
        generate("hat", 0.0)
