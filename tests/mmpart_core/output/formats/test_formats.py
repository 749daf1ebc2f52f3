"""Exported objects, read by programs that share no code with the writers."""

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import trimesh
from PIL import Image

from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.output.formats.obj import write_obj
from mmpart_core.output.formats.parts import NamedPart, read_parts
from mmpart_core.output.formats.urdf import write_urdf
from mmpart_core.output.formats.usdz import write_usdz
from mmpart_core.storage.glb import GlbNode, encode_glb

RED, GREEN = (200, 40, 30), (20, 160, 60)


def textured_box(size: tuple[float, float, float], color: tuple[int, int, int]) -> TriangleMesh:
    box = trimesh.creation.box(size)
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:] = color
    uv = np.random.default_rng(0).random((len(box.vertices), 2))
    return TriangleMesh(np.array(box.vertices), np.array(box.faces), uv, texture)


def ring() -> TriangleMesh:
    """A hollow shape: its convex hull has more than twice its volume."""
    torus = trimesh.creation.torus(1.0, 0.25)
    colors = np.tile(np.array([*GREEN, 255], np.uint8), (len(torus.vertices), 1))
    return TriangleMesh(np.array(torus.vertices), np.array(torus.faces), colors=colors)


@pytest.fixture(scope="module")
def parts() -> list[NamedPart]:
    """A table top above a ring, through the GLB that users have."""
    raised = np.eye(4)
    raised[:3, 3] = (0.0, 0.0, 0.5)
    nodes = [
        GlbNode("table top", textured_box((2.0, 1.0, 0.2), RED), raised),
        GlbNode("車輪", ring()),
    ]
    return read_parts(encode_glb(nodes))


@pytest.fixture
def saved(tmp_path: Path):
    """Writes files of a format into a folder."""

    def save(files: dict[str, bytes]) -> Path:
        for name, data in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path

    return save


def test_obj_keeps_names_places_and_textures(parts: list[NamedPart], saved) -> None:
    files = write_obj(parts, "table")
    text = files["table.obj"].decode()
    names = [line[2:] for line in text.splitlines() if line.startswith("o ")]
    assert names == ["table_top", "車輪"]
    import pymeshlab

    meshes = pymeshlab.MeshSet()
    meshes.load_new_mesh(str(saved(files) / "table.obj"))
    loaded = meshes.current_mesh()
    assert loaded.face_number() == sum(len(part.mesh.faces) for part in parts)
    assert loaded.texture_number() == 1
    box = loaded.bounding_box()
    # +Y up: the top of the table is at 0.6 along Y
    assert box.max()[1] == pytest.approx(0.6, abs=1e-6)
    assert box.min()[1] == pytest.approx(-0.25, abs=1e-3)
    texture = next(data for name, data in files.items() if name.endswith(".png"))
    pixels = np.array(Image.open(io.BytesIO(texture)).convert("RGB"))
    assert (pixels == RED).all()


def test_urdf_is_read_with_names_places_bodies_and_masses(parts: list[NamedPart], saved) -> None:
    from yourdfpy import URDF

    folder = saved(write_urdf(parts, "table", size_m=1.0, density=1000.0))
    robot = URDF.load(str(folder / "table.urdf"), load_collision_meshes=True)
    assert set(robot.link_map) == {"base_link", "table top", "車輪"}
    world = robot.get_transform("table top", "base_link")
    # the ring's outer width of 2.5 is the longest side and becomes 1 m
    assert world[:3, 3] == pytest.approx([0.0, 0.0, 0.5 / 2.5], abs=1e-6)
    top = robot.link_map["table top"]
    box_kg = 2.0 * 1.0 * 0.2 / 2.5**3 * 1000.0
    assert top.inertial.mass == pytest.approx(box_kg, rel=0.1)
    assert robot.scene.extents.max() == pytest.approx(1.0, rel=1e-4)
    look = trimesh.load(folder / top.visuals[0].geometry.mesh.filename, process=False)
    assert (np.array(look.visual.material.image.convert("RGB")) == RED).all()
    wheel = robot.link_map["車輪"]
    assert len(wheel.collisions) > 3
    bodies = [trimesh.load(folder / each.geometry.mesh.filename) for each in wheel.collisions]
    assert all(body.is_convex for body in bodies)
    true = trimesh.Trimesh(parts[1].mesh.vertices / 2.5, parts[1].mesh.faces)
    covered = sum(body.volume for body in bodies)
    assert true.volume < covered < 0.6 * true.convex_hull.volume


def test_urdf_links_have_names_of_their_own(parts: list[NamedPart]) -> None:
    named = NamedPart("base_link", "base_link", parts[0].mesh)
    robot = ElementTree.fromstring(write_urdf([named], "table")["table.urdf"])
    assert [link.get("name") for link in robot.iter("link")] == ["base_link_", "base_link"]


def test_urdf_refuses_an_object_without_extent(parts: list[NamedPart]) -> None:
    corner = TriangleMesh(np.zeros((3, 3)), np.array([[0, 1, 2]]))
    with pytest.raises(InputError, match="a box with sides expected"):
        write_urdf([NamedPart("dot", "dot", corner)], "dot")


def test_usdz_is_read_with_names_textures_and_size(parts: list[NamedPart], saved) -> None:
    pytest.importorskip("pxr", reason="usd-core is not installed")
    tinyusdz = pytest.importorskip("tinyusdz", reason="the second reader is not installed")
    files = write_usdz(parts, "table", size_m=1.0)
    with zipfile.ZipFile(io.BytesIO(files["table.usdz"])) as archive:
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert sum(entry.filename.endswith(".png") for entry in archive.infolist()) == 1
    stage = tinyusdz.load(str(saved(files) / "table.usdz"))
    scene = tinyusdz.tydra.convert_to_render_scene(stage)
    assert len(scene.meshes()) == 2
    assert len(scene.textures()) == 1


def test_usdz_keeps_what_openusd_shows(parts: list[NamedPart], saved) -> None:
    Usd = pytest.importorskip("pxr.Usd", reason="usd-core is not installed")  # noqa: N806
    from pxr import UsdGeom

    stage = Usd.Stage.Open(str(saved(write_usdz(parts, "table", size_m=1.0)) / "table.usdz"))
    meshes = [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
    assert [prim.GetDisplayName() for prim in meshes] == ["table top", "車輪"]
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert UsdGeom.GetStageMetersPerUnit(stage) == pytest.approx(1.0 / 2.5)
    points = np.array(UsdGeom.Mesh(meshes[0]).GetPointsAttr().Get())
    assert points[:, 1].max() == pytest.approx(0.6)
