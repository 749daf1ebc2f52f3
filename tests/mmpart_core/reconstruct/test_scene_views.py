"""Views of a GLB: at Zero123++'s poses, in the GLB's own frame, as nerfstudio reads them."""

import itertools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from pydantic import ValidationError

from mmpart_core.errors import InputError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.nerfstudio_views import (
    PoseSet,
    ViewOptions,
    held_out_cameras,
    ring_cameras,
    write_scene_views,
)
from mmpart_core.reconstruct.view_fitting import fit_views
from mmpart_core.reconstruct.views_folder import ViewsFolder, read_views_folder
from mmpart_core.storage.glb import GlbNode, encode_glb

SMALL = ViewOptions(size_px=64)
RED, BLUE = (220, 30, 30, 255), (30, 30, 220, 255)
# Of the two boxes, far from the origin and much larger than the unit sphere.
CENTERS = {"lid": np.array([40.0, -7.0, 33.0]), "pot": np.array([40.0, -7.0, 25.0])}
EXTENTS = {"lid": np.array([6.0, 10.0, 2.0]), "pot": np.array([8.0, 12.0, 14.0])}


def box(name: str, colour: tuple[int, int, int, int]) -> GlbNode:
    shape = trimesh.creation.box(EXTENTS[name])
    mesh = TriangleMesh(
        np.array(shape.vertices),
        np.array(shape.faces, dtype=np.int64),
        colors=np.tile(np.array(colour, dtype=np.uint8), (len(shape.vertices), 1)),
    )
    return GlbNode(name, mesh, transforms.scale_then_translate(1.0, CENTERS[name]))


def corners(*names: str) -> np.ndarray:
    signs = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
    return np.concatenate([CENTERS[name] + signs * EXTENTS[name] for name in names])


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A pot with a lid on it."""
    path = tmp_path / "pot.glb"
    path.write_bytes(encode_glb([box("lid", RED), box("pot", BLUE)]))
    return path


def check_in_place(read: ViewsFolder, points: np.ndarray) -> None:
    """The masks' bounding boxes are those of the points that a convex outline ends at."""
    for rgba, camera in zip(read.views.rgba, read.views.cameras, strict=True):
        at, depth = cameras.project(camera, points)
        assert depth.min() > 0
        rows, columns = np.nonzero(rgba[..., 3] >= 128)
        seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        wanted = np.concatenate([at.min(axis=0), at.max(axis=0)]).clip(0, 64)
        assert np.abs(seen - wanted).max() <= 1.0


def test_views_are_in_the_frame_of_the_glb(scene: Path, tmp_path: Path) -> None:
    written = write_scene_views(scene, tmp_path / "views", SMALL)
    assert written.nodes == ("lid", "pot")
    read = read_views_folder(tmp_path / "views")
    assert read.names == written.files
    check_in_place(read, corners("lid", "pot"))
    solid = read.views.rgba[read.views.rgba[..., 3] == 255]
    assert {tuple(colour) for colour in solid.tolist()} >= {RED, BLUE}


def test_one_node_fills_the_frame_alone(scene: Path, tmp_path: Path) -> None:
    written = write_scene_views(scene, tmp_path / "views", SMALL, node="lid")
    assert written.nodes == ("lid",)
    read = read_views_folder(tmp_path / "views")
    check_in_place(read, corners("lid"))
    solid = read.views.rgba[read.views.rgba[..., 3] == 255]
    assert {tuple(colour) for colour in solid.tolist()} == {RED}
    widths = (read.views.rgba[..., 3] > 0).any(axis=1).sum(axis=1)
    assert widths.max() > 48


@pytest.mark.parametrize("pose_set", ["zero123plus-v1.1", "zero123plus-v1.2"])
def test_six_views_are_those_of_zero123plus(pose_set: PoseSet) -> None:
    version: Any = pose_set.removeprefix("zero123plus-")
    made = ring_cameras(ViewOptions(pose_set=pose_set, size_px=320))
    assert made == cameras.zero123plus_cameras(version, 320)


def test_held_out_views_look_from_elsewhere(scene: Path, tmp_path: Path) -> None:
    options = ViewOptions(views=8, held_out=5, size_px=64)
    ring, kept = ring_cameras(options), held_out_cameras(options)
    places = np.array([transforms.to_array(each.world_from_camera)[:3, 3] for each in ring + kept])
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    assert apart[~np.eye(13, dtype=bool)].min() > 0.3
    write_scene_views(scene, tmp_path, options)
    read = read_views_folder(tmp_path)
    assert read.held_out is not None
    assert (len(read.views.cameras), len(read.held_out.cameras)) == (8, 5)


def test_the_method_finds_the_part_in_its_frame(scene: Path, tmp_path: Path) -> None:
    write_scene_views(scene, tmp_path, ViewOptions(views=12, size_px=96))
    _, part_from_given = fit_views(read_views_folder(tmp_path).views)
    center = np.linalg.inv(part_from_given)[:3, 3]
    points = corners("lid", "pot")
    assert np.abs(center - (points.min(axis=0) + points.max(axis=0)) / 2.0).max() < 1.0


@pytest.mark.usefixtures("nerfstudio_opened")
def test_nerfstudios_own_parser_reads_them(scene: Path, tmp_path: Path) -> None:
    from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

    write_scene_views(scene, tmp_path, ViewOptions(views=6, held_out=2, size_px=64))
    parser = NerfstudioDataParserConfig(
        data=tmp_path,
        downscale_factor=1,
        orientation_method="none",
        center_method="none",
        auto_scale_poses=False,
    ).setup()
    read = read_views_folder(tmp_path)
    assert read.held_out is not None
    for split, ours, names in (
        ("train", read.views, read.names),
        ("test", read.held_out, read.held_out_names),
    ):
        found = parser.get_dataparser_outputs(split)
        assert sorted(found.image_filenames) == sorted(names)
        for index, name in enumerate(found.image_filenames):
            camera = ours.cameras[names.index(name)]
            pose = found.cameras.camera_to_worlds[index].numpy() / found.dataparser_scale
            wanted = transforms.to_array(camera.world_from_camera)[:3]
            assert np.allclose(pose[:, :3] * found.dataparser_scale, wanted[:, :3], atol=1e-5)
            assert np.allclose(pose[:, 3], wanted[:, 3], rtol=1e-5, atol=1e-4)
            assert float(found.cameras.fx[index]) == pytest.approx(camera.focal_px)


def point_scene() -> bytes:
    """A GLB whose one triangle has no extent."""
    mesh = box("lid", RED).mesh
    data = bytearray(encode_glb([GlbNode("dot", mesh)]))
    for value in np.unique(mesh.vertices.astype(np.float32)):
        data = data.replace(struct.pack("<f", value), struct.pack("<f", 0.0))
    return bytes(data)


def test_what_cannot_be_drawn_is_named(scene: Path, tmp_path: Path) -> None:
    def refused(path: Path, folder: str = "views", node: str | None = None) -> str:
        with pytest.raises(InputError) as caught:
            write_scene_views(path, tmp_path / folder, SMALL, node=node)
        assert not (tmp_path / "views").exists()
        return str(caught.value)

    assert "gone.glb': no such file" in refused(tmp_path / "gone.glb")
    said = refused(scene, node="handle")
    assert said.startswith("scene 'pot.glb': no node named 'handle'; it has 'lid'")
    (tmp_path / "dot.glb").write_bytes(point_scene())
    assert "give one with a surface that can be seen" in refused(tmp_path / "dot.glb")
    (tmp_path / "text.glb").write_text("no scene")
    assert refused(tmp_path / "text.glb").startswith("scene 'text.glb': ")
    assert "pot.glb/views': cannot be written (Not a directory)" in refused(scene, "pot.glb/views")


def test_options_are_bounded() -> None:
    for wrong in ({"views": 1}, {"held_out": -1}, {"size_px": 8}, {"pose_set": "else"}):
        with pytest.raises(ValidationError):
            ViewOptions.model_validate(wrong)
