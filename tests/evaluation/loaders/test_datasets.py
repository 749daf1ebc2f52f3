"""Each layout as it is published, small, built here; bad files are named."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import trimesh
from PIL import Image
from pyarrow import ipc

from evaluation.loaders import detect_layout, open_dataset
from evaluation.objects import GroundTruthObject
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb

Parts = dict[str, TriangleMesh]
UID = "00aee5c2fef743d69421bb642d446a5b"  # pragma: allowlist secret


def _write_glb(path: Path, parts: Parts) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(glb.encode_glb([glb.GlbNode(name, mesh) for name, mesh in parts.items()]))


def _y_up(low: tuple[float, ...], high: tuple[float, ...]) -> trimesh.Trimesh:
    """A box with these corners in file axes, +Y up."""
    bounds = np.array([low, high], dtype=float)
    return trimesh.creation.box(bounds=bounds)


def _extent(mesh: TriangleMesh) -> list[float]:
    return np.ptp(mesh.vertices[mesh.faces].reshape(-1, 3), axis=0).round(6).tolist()


def _loads_alone(folder: Path, layout: str, object_id: str) -> GroundTruthObject:
    assert detect_layout(folder) == layout
    dataset = open_dataset(folder)
    assert object_id in dataset.object_ids()
    return dataset.load(object_id)


def test_named_nodes_with_transforms_and_manifest(tmp_path: Path, chair: Parts) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(
        _y_up((0, 0, 0), (1, 2, 3)), node_name="body",
        transform=trimesh.transformations.translation_matrix([10.0, 0.0, 0.0]),
    )  # fmt: skip
    scene.add_geometry(_y_up((0, 0, 0), (1, 1, 1)), node_name="wheel 1")
    scene.export(str(tmp_path / "car.glb"))
    (tmp_path / "manifest.csv").write_text(
        "slug,category,parts,labels,licence\ncar,vehicle,body|wheel 1,hull|wheel 1,CC0-1.0\n"
    )
    found = _loads_alone(tmp_path, "named-nodes", "car")
    assert set(found.parts) == {"body", "wheel 1"}
    # file (x right, y up, z front) is world (y, z, x)
    assert _extent(found.parts["body"]) == [3.0, 1.0, 2.0]
    assert found.parts["body"].vertices.min(axis=0).round(6).tolist() == [0.0, 10.0, 0.0]
    assert (found.category, found.licence) == ("vehicle", "CC0-1.0")
    assert [found.label(name) for name in ("body", "wheel 1")] == ["hull", "wheel"]


def _part_objaverse(folder: Path, faces: int | None = None) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(_y_up((0, 0, 0), (1, 1, 1)), node_name="a")
    scene.add_geometry(_y_up((2, 0, 0), (3, 1, 1)), node_name="b")
    scene.add_geometry(_y_up((4, 0, 0), (5, 4, 1)), node_name="c")
    mesh_folder = folder / "PartObjaverse-Tiny_mesh"
    mesh_folder.mkdir(parents=True)
    scene.export(str(mesh_folder / f"{UID}.glb"))
    (folder / "PartObjaverse-Tiny_semantic.json").write_text(
        json.dumps({"Animals": {UID: ["head", "leg"]}})
    )
    # labels follow the published reading order, which is not the order of the file's nodes
    reread = trimesh.load_scene(str(mesh_folder / f"{UID}.glb"), process=False)
    dumped = np.concatenate([mesh.triangles for mesh in reread.dump()])
    assert len(dumped) == 36
    instance = (dumped[:, :, 0].min(axis=1) / 2).astype(int)
    semantic = np.array([1, 1, 0])[instance]
    lost = int(np.flatnonzero(instance == 2)[-1])
    semantic[lost] = instance[lost] = -1
    for kind, labels in (("semantic_gt", semantic), ("instance_gt", instance)):
        target = folder / f"PartObjaverse-Tiny_{kind}"
        target.mkdir()
        np.save(target / f"{UID}.npy", labels[:faces])


def test_part_objaverse_tiny_follows_face_order(tmp_path: Path) -> None:
    _part_objaverse(tmp_path)
    found = _loads_alone(tmp_path, "part-objaverse-tiny", UID)
    assert set(found.parts) == {"leg", "leg_2", "head"}
    assert found.category == "Animals"
    assert found.labels == {"leg": "leg", "leg_2": "leg", "head": "head"}
    assert _extent(found.parts["head"]) == [1.0, 1.0, 4.0]
    assert len(found.parts["head"].faces) == 11
    first = found.parts["leg"].vertices[found.parts["leg"].faces].reshape(-1, 3)
    assert first[:, 1].min() == 0.0
    assert first[:, 1].max() == 1.0


def test_part_objaverse_semantic_labels_alone(tmp_path: Path) -> None:
    _part_objaverse(tmp_path)
    (tmp_path / "PartObjaverse-Tiny_instance_gt" / f"{UID}.npy").unlink()
    found = open_dataset(tmp_path).load(UID)
    assert {name: len(mesh.faces) for name, mesh in found.parts.items()} == {"head": 11, "leg": 24}


def test_labels_that_do_not_match_the_faces_are_refused_by_file(tmp_path: Path) -> None:
    _part_objaverse(tmp_path, faces=35)
    with pytest.raises(InputError, match=rf"{UID}.npy: 35 labels for 36 faces"):
        open_dataset(tmp_path).load(UID)


def test_partverse_names_parts_by_captions(tmp_path: Path, chair: Parts) -> None:
    folder = tmp_path / "textured_part_glbs" / "obj1"
    for number, mesh in enumerate(chair.values()):
        _write_glb(folder / f"{number}.glb", {"geometry_0": mesh})
    (folder / "10.glb").write_bytes(b"glTF but not really")
    _write_glb(tmp_path / "normalized_glbs" / "obj1.glb", chair)
    captions = {"obj1": {"0": ["seat", "a flat seat"], "2": ["leg", "x"], "3": ["leg", "y"]}}
    (tmp_path / "text_captions.json").write_text(json.dumps(captions))
    found = _loads_alone(tmp_path, "partverse", "obj1")
    assert list(found.parts) == ["seat", "1", "leg", "leg_2", "10"]
    assert _extent(found.parts["seat"]) == _extent(chair["seat"])
    assert [found.label(name) for name in ("leg", "leg_2")] == ["leg", "leg"]
    assert [(issue.file, issue.part) for issue in found.issues] == [("10.glb", "10")]


def test_partnet_takes_leaves_of_the_tree(tmp_path: Path) -> None:
    objs = tmp_path / "data" / "42" / "objs"
    objs.mkdir(parents=True)
    for index, name in enumerate(("original-1", "new-0", "new-1")):
        _y_up((index, 0, 0), (index + 1, 2, 1)).export(str(objs / f"{name}.obj"))
    leaves = [
        {"id": 2, "name": "leg", "objs": ["original-1"]},
        {"id": 3, "name": "leg", "objs": ["new-0", "new-1"]},
        {"id": 4, "name": "arm", "objs": ["lost"]},
    ]
    tree = [{"id": 0, "name": "chair", "objs": ["original-1", "new-0", "new-1"],
             "children": [{"id": 1, "name": "base", "children": leaves}]}]  # fmt: skip
    (tmp_path / "data" / "42" / "result.json").write_text(json.dumps(tree))
    found = _loads_alone(tmp_path, "partnet", "42")
    assert list(found.parts) == ["leg", "leg_2", "arm"]
    assert _extent(found.parts["leg_2"]) == [1.0, 2.0, 2.0]
    assert found.label("leg_2") == "leg"
    assert [issue.part for issue in found.issues] == ["arm"]
    assert "lost.obj" in found.issues[0].message


URDF = """<?xml version="1.0"?>
<robot name="p">
  <link name="base"/>
  <link name="link_0">
    <visual><origin xyz="0 0 0"/>
      <geometry><mesh filename="textured_objs/original-1.obj"/></geometry></visual>
  </link>
  <link name="link_1">
    <visual><origin xyz="0 0.5 0"/>
      <geometry><mesh filename="textured_objs/original-2.obj" scale="2 2 2"/></geometry></visual>
  </link>
  <joint name="j0" type="fixed"><origin rpy="1.570796326794897 0 -1.570796326794897" xyz="0 0 0"/>
    <child link="link_0"/><parent link="base"/></joint>
  <joint name="j1" type="revolute"><origin xyz="0 1 0"/>
    <child link="link_1"/><parent link="link_0"/></joint>
</robot>
"""


def test_partnet_mobility_applies_the_frames_of_its_urdf(tmp_path: Path) -> None:
    folder = tmp_path / "7310"
    (folder / "textured_objs").mkdir(parents=True)
    _y_up((0, 0, 0), (1, 2, 3)).export(str(folder / "textured_objs" / "original-1.obj"))
    _y_up((0, 0, 0), (1, 1, 1)).export(str(folder / "textured_objs" / "original-2.obj"))
    (folder / "mobility.urdf").write_text(URDF)
    (folder / "semantics.txt").write_text("link_0 heavy body\nlink_1 hinge door\n")
    found = _loads_alone(tmp_path, "partnet-mobility", "7310")
    assert list(found.parts) == ["body", "door"]
    # the file's up is the world's up, its right is the world's back to front
    assert _extent(found.parts["body"]) == [3.0, 1.0, 2.0]
    door = found.parts["door"].vertices
    assert np.ptp(door, axis=0).round(6).tolist() == [2.0, 2.0, 2.0]
    assert door[:, 2].min() == pytest.approx(1.5)
    (folder / "mobility.urdf").write_text("<robot><link")
    with pytest.raises(InputError, match=r"mobility\.urdf: expected a URDF"):
        open_dataset(tmp_path).load("7310")


@pytest.mark.parametrize("stored", ["arrow", "json"])
def test_partnext_cuts_faces_out_of_meshes(tmp_path: Path, stored: str) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(_y_up((0, 0, 0), (1, 1, 1)), geom_name="m0", node_name="n0")
    scene.add_geometry(_y_up((0, 1, 0), (1, 3, 1)), geom_name="m1", node_name="n1")
    (tmp_path / "glbs" / "chair").mkdir(parents=True)
    scene.export(str(tmp_path / "glbs" / "chair" / "x1.glb"))
    masks = {"0": {"0": list(range(12)), "1": [0, 1]}, "1": {"1": list(range(2, 12))}}
    tree = [{"name": "chair", "children": [{"name": "seat", "maskId": 0},
                                            {"name": "back", "maskId": 1}]}]  # fmt: skip
    target = tmp_path / "annotations"
    target.mkdir()
    if stored == "json":
        row = {"masks": masks, "hierarchyList": tree}
        (target / "x1.json").write_text(json.dumps(row))
    else:
        table = pa.table({"model_id": ["x1"], "type_id": ["chair"], "masks": [repr(masks)],
                          "hierarchyList": [repr(tree)]})  # fmt: skip
        with ipc.new_stream(str(target / "data-00000-of-00001.arrow"), table.schema) as writer:
            writer.write_table(table)
    found = _loads_alone(tmp_path, "partnext", "x1")
    assert {name: len(mesh.faces) for name, mesh in found.parts.items()} == {"seat": 14, "back": 10}
    assert found.category == "chair"
    assert found.parts["back"].vertices[:, 2].max() == 3.0


def test_partnext_masks_beyond_the_mesh_are_refused(tmp_path: Path) -> None:
    (tmp_path / "glbs" / "s").mkdir(parents=True)
    trimesh.Scene([_y_up((0, 0, 0), (1, 1, 1))]).export(str(tmp_path / "glbs" / "s" / "x.glb"))
    (tmp_path / "annotations").mkdir()
    row = {"masks": {"0": {"0": [99]}}, "hierarchyList": []}
    (tmp_path / "annotations" / "x.json").write_text(json.dumps(row))
    with pytest.raises(InputError, match=r"x\.glb, part 'part 0': face 99 of mesh 0"):
        open_dataset(tmp_path).load("x")


def test_gso_is_upright_as_stored_and_finds_its_texture(tmp_path: Path) -> None:
    folder = tmp_path / "Cup"
    (folder / "meshes").mkdir(parents=True)
    (folder / "materials" / "textures").mkdir(parents=True)
    (folder / "meshes" / "model.obj").write_text(
        "mtllib model.mtl\nv 0 0 0\nv 1 0 0\nv 0 2 0\nv 0 0 3\n"
        "vt 0 0\nvt 1 0\nvt 0 1\nusemtl material_0\nf 1/1 2/2 3/3\nf 1/1 2/2 4/3\n"
    )
    (folder / "meshes" / "model.mtl").write_text("newmtl material_0\nmap_Kd texture.png\n")
    picture = np.full((4, 4, 3), 77, dtype=np.uint8)
    Image.fromarray(picture).save(folder / "materials" / "textures" / "texture.png")
    found = _loads_alone(tmp_path, "gso", "Cup")
    mesh = found.parts["object"]
    assert _extent(mesh) == [1.0, 2.0, 3.0]
    assert mesh.texture is not None
    assert np.array_equal(mesh.texture, picture)
    assert mesh.uv is not None
    assert len(mesh.uv) == len(mesh.vertices)
    (folder / "materials" / "textures" / "texture.png").unlink()
    bare = open_dataset(tmp_path).load("Cup")
    assert bare.parts["object"].texture is None
    assert "texture.png" in bare.issues[0].file


def test_metadata_index_checks_digests(tmp_path: Path, chair: Parts) -> None:
    _write_glb(tmp_path / "raw" / "a.glb", chair)
    digest = hashlib.sha256((tmp_path / "raw" / "a.glb").read_bytes()).hexdigest()
    captions = json.dumps(["a chair", "chair"]).replace('"', '""')
    (tmp_path / "metadata.csv").write_text(
        "sha256,file_identifier,captions,local_path\n"
        f'{digest},models/a,"{captions}",raw/a.glb\n'
        f"{'0' * 64},models/b,,raw/a.glb\n{'1' * 64},models/c,,\n"
    )
    found = _loads_alone(tmp_path, "metadata", digest)
    assert set(found.parts) == set(chair)
    assert (found.source, found.issues) == ("models/a", ())
    dataset = open_dataset(tmp_path)
    assert dataset.object_ids() == [digest, "0" * 64]
    assert "its SHA-256 is" in dataset.load("0" * 64).issues[0].message
