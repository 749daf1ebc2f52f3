"""Known scenes: frames, names and the cache."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from mmpart_core.errors import BlobMissingError, InputError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import load_truth, read_truth
from mmpart_core.records import BlobRef, TruthPart, TruthScene
from mmpart_core.storage import glb
from mmpart_core.storage.memory_store import MemoryStore


def box(size: tuple[float, ...], at: tuple[float, ...]) -> TriangleMesh:
    mesh = trimesh.creation.box(size)
    mesh.apply_translation(at)
    return TriangleMesh(np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int64))


def scene_bytes() -> bytes:
    lid, body = box((2, 3, 0.5), (10, 5, 4)), box((2, 3, 2), (10, 5, 2.75))
    nose = box((0.5, 0.5, 0.5), (11.25, 5, 3))
    turn = transforms.rotation_z(90.0)
    return glb.encode_glb(
        [
            glb.GlbNode("lid", lid),
            glb.GlbNode("body", body),
            glb.GlbNode("nose", nose.transformed(np.linalg.inv(turn)), turn),
        ]
    )


def test_scene_fits_the_unit_sphere_and_can_be_put_back() -> None:
    truth = read_truth(scene_bytes(), "scene")
    assert truth.names == ("lid", "body", "nose")
    points = np.concatenate([mesh.vertices for mesh in truth.parts.values()])
    assert np.linalg.norm(points, axis=1).max() == pytest.approx(1.0, abs=1e-6)
    assert np.allclose(points.min(0), -points.max(0), atol=1e-6)
    back = truth.part("nose").transformed(truth.scene_from_normalised).vertices
    assert np.allclose(back.mean(axis=0), (11.25, 5, 3), atol=1e-5)


@pytest.mark.parametrize("azimuth_deg", [0.0, 37.0, -120.0])
def test_part_frame_is_centred_turned_and_can_be_put_back(azimuth_deg: float) -> None:
    truth = read_truth(scene_bytes(), "scene")
    mesh, normalised_from_part = truth.part_frame("lid", azimuth_deg)
    assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(1.0)
    assert np.allclose(mesh.vertices.min(0), -mesh.vertices.max(0), atol=1e-9)
    back = mesh.transformed(normalised_from_part).vertices
    assert np.allclose(back, truth.part("lid").vertices, atol=1e-9)
    # The direction to a camera at that azimuth is +X in the part frame.
    angle = np.deg2rad(azimuth_deg)
    toward = np.array([np.cos(angle), np.sin(angle), 0.0])
    scale = transforms.similarity_scale(normalised_from_part)
    assert np.allclose(normalised_from_part[:3, :3] @ [1, 0, 0] / scale, toward)


def test_scene_is_read_once_per_digest() -> None:
    store = MemoryStore()
    ref = store.put(scene_bytes(), glb.GLB_MEDIA)
    first = load_truth(store, TruthScene(scene=ref))
    again = load_truth(store, TruthPart(scene=ref, node="lid", azimuth_deg=3.0))
    assert first is not None
    assert first is again
    assert load_truth(store, None) is None


def test_missing_blob_and_wrong_bytes_are_told_apart() -> None:
    store = MemoryStore()
    absent = BlobRef(sha256="0" * 64, size=3, media=glb.GLB_MEDIA)
    with pytest.raises(BlobMissingError):
        load_truth(store, TruthScene(scene=absent))
    text = store.put(b"no scene at all", glb.GLB_MEDIA)
    with pytest.raises(InputError, match="known scene"):
        load_truth(store, TruthScene(scene=text))


def test_unknown_node_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'hat'.*'lid', 'body', 'nose'"):
        read_truth(scene_bytes(), "scene").part("hat")


def test_real_objects_fit_and_keep_their_names(shared_data: Path) -> None:
    data = (shared_data / "objects" / "kenney-truck-red.glb").read_bytes()
    truth = read_truth(data, "truck")
    assert truth.names[0] == "underside"
    assert len(truth.names) == 6
    body = truth.part("body").vertices
    assert np.ptp(body[:, 0]) > np.ptp(body[:, 1])  # longer along its front, +X
    for side, sign in (("left", 1), ("right", -1)):
        assert sign * truth.part(f"wheel-front-{side}").vertices[:, 1].mean() > 0
        assert truth.part(f"wheel-front-{side}").vertices[:, 0].mean() > 0
