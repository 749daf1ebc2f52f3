"""Requests made of known scenes."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from mmpart_core.errors import InputError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.intake.truth import request_from_truth
from mmpart_core.records import InputView
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.memory_store import MemoryStore

RED, BLUE = (220, 30, 30, 255), (30, 30, 220, 255)


def colored_box(at: tuple[float, ...], color: tuple[int, ...]) -> TriangleMesh:
    mesh = trimesh.creation.box((0.6, 0.6, 0.6))
    mesh.apply_translation(at)
    colors = np.tile(np.array(color, dtype=np.uint8), (len(mesh.vertices), 1))
    return TriangleMesh(
        np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int64), colors=colors
    )


@pytest.fixture
def two_boxes(tmp_path: Path) -> Path:
    """Red box on the left (+Y is right of a camera at azimuth 0), blue one on the right."""
    path = tmp_path / "two boxes.glb"
    nodes = [
        glb.GlbNode("red", colored_box((0, -0.5, 0), RED)),
        glb.GlbNode("blue", colored_box((0, 0.5, 0), BLUE)),
    ]
    path.write_bytes(glb.encode_glb(nodes))
    return path


def test_request_holds_image_components_and_scene(two_boxes: Path) -> None:
    store = MemoryStore()
    view = InputView(elevation_deg=0.0)
    request = request_from_truth(two_boxes, view=view, store=store, size_px=96)
    assert request.name == "two-boxes"
    assert [component.name for component in request.components] == ["red", "blue"]
    assert request.truth is not None
    assert store.get(request.truth.scene) == two_boxes.read_bytes()
    image = codecs.get_image(store, request.image)
    assert image.shape == (96, 96, 4)
    assert image[0, 0, 3] == 0
    assert image[48, 30].tolist() == list(RED)
    assert image[48, 66].tolist() == list(BLUE)


def test_azimuth_turns_the_camera_counter_clockwise(two_boxes: Path) -> None:
    store = MemoryStore()
    view = InputView(azimuth_deg=90.0, elevation_deg=10.0)
    request = request_from_truth(two_boxes, view=view, store=store, size_px=96)
    image = codecs.get_image(store, request.image)
    assert image[48, 48].tolist() == list(BLUE)  # the camera stands on +Y, blue is in front


def test_image_is_what_the_orbit_camera_sees(two_boxes: Path) -> None:
    store = MemoryStore()
    view = InputView(azimuth_deg=30.0, elevation_deg=25.0, fov_deg=45.0)
    request = request_from_truth(two_boxes, view=view, store=store, size_px=128)
    mask = codecs.get_image(store, request.image)[..., 3] > 127
    camera = cameras.orbit_camera(30.0, 25.0, 45.0, 128)
    box = np.concatenate([colored_box((0, y, 0), RED).vertices for y in (-0.5, 0.5)])
    at, _ = cameras.project(camera, box / np.linalg.norm(box, axis=1).max())
    at = np.clip(at, 0.0, 128.0)  # a wide scene slightly overflows the frame, by design
    rows, columns = np.nonzero(mask)
    assert np.abs([columns.min() - at[:, 0].min(), columns.max() + 1 - at[:, 0].max()]).max() < 1.5
    assert np.abs([rows.min() - at[:, 1].min(), rows.max() + 1 - at[:, 1].max()]).max() < 1.5


def test_a_subset_of_nodes_may_be_asked_for(two_boxes: Path) -> None:
    store = MemoryStore()
    request = request_from_truth(
        two_boxes, view=InputView(), store=store, size_px=64, components=["blue"], name="b"
    )
    assert [component.name for component in request.components] == ["blue"]
    assert request.name == "b"
    image = codecs.get_image(store, request.image)
    assert (image[..., 0] > 200).any()  # the red box is in the picture all the same


@pytest.mark.parametrize(
    ("components", "message"),
    [(["hat"], "no node named 'hat'"), (["red", "red"], "named once"), ([], "0 components")],
)
def test_wrong_components_are_named(two_boxes: Path, components: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        request_from_truth(two_boxes, view=InputView(), store=MemoryStore(), components=components)


def test_unusable_files_are_named(tmp_path: Path) -> None:
    view, store = InputView(), MemoryStore()
    with pytest.raises(InputError, match=r"nowhere\.glb"):
        request_from_truth(tmp_path / "nowhere.glb", view=view, store=store)
    text = tmp_path / "text.glb"
    text.write_bytes(b"hello")
    with pytest.raises(InputError, match=r"text\.glb"):
        request_from_truth(text, view=view, store=store)


def test_too_small_an_image_is_refused(two_boxes: Path) -> None:
    with pytest.raises(InputError, match="4 px"):
        request_from_truth(two_boxes, view=InputView(), store=MemoryStore(), size_px=4)


def scene_of(folder: Path, *names: str) -> Path:
    path = folder / "scene.glb"
    nodes = [
        glb.GlbNode(name, colored_box((0, 0.8 * number, 0), RED))
        for number, name in enumerate(names)
    ]
    path.write_bytes(glb.encode_glb(nodes))
    return path


def chosen(path: Path, *names: str) -> list[str]:
    request = request_from_truth(
        path, view=InputView(), store=MemoryStore(), size_px=16, components=names
    )
    return [component.name for component in request.components]


@pytest.mark.parametrize(
    "written", ["Räder  Vorn", "ra\u0308der vorn", " RÄDER\u00a0VORN ", "Ｒäder vorn", "Räder vorn"]
)
def test_names_are_compared_as_readers_do(tmp_path: Path, written: str) -> None:
    path = scene_of(tmp_path, "Ra\u0308der vorn", "hat")
    assert chosen(path, written) == ["Ra\u0308der vorn"]


def test_the_same_spelling_comes_first_and_others_must_be_clear(tmp_path: Path) -> None:
    path = scene_of(tmp_path, "Wheel", "wheel", "seat")
    assert chosen(path, "wheel", "Wheel") == ["wheel", "Wheel"]
    with pytest.raises(InputError, match="'WHEEL' may be any of 'Wheel', 'wheel'"):
        chosen(path, "WHEEL")
    with pytest.raises(InputError, match="'seat' came more than once"):
        chosen(path, "Seat", "seat")


def test_near_misses_are_named(tmp_path: Path) -> None:
    path = scene_of(tmp_path, "front wheel", "rear wheel", "seat")
    with pytest.raises(InputError, match="did you mean 'front wheel'") as caught:
        chosen(path, "fornt wheel")
    assert "it has 'front wheel', 'rear wheel', 'seat'" in str(caught.value)
    with pytest.raises(InputError, match="no node named 'hat'; it has"):
        chosen(path, "hat")


def test_bad_scenes_are_named_by_their_file_and_not_stored(tmp_path: Path) -> None:
    path, store = tmp_path / "text.glb", MemoryStore()
    path.write_bytes(b"glTF" + b"x" * 30)
    with pytest.raises(InputError, match=r"^known scene 'text\.glb': GLB: expected glTF version 2"):
        request_from_truth(path, view=InputView(), store=store)
    assert not store.blobs
