"""Image and list become one request."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmpart_core.config import InputConfig
from mmpart_core.errors import InputError
from mmpart_core.intake.components import parse_part, read_components
from mmpart_core.intake.names import slug
from mmpart_core.intake.request import build_request
from mmpart_core.records import InputView, ObjectRequest
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore


def image_file(folder: Path, width: int = 400, height: int = 200) -> Path:
    path = folder / "My häuschen (1).png"
    Image.new("RGB", (width, height), "red").save(path)
    return path


def request_with(folder: Path, region: object, store: MemoryStore) -> ObjectRequest:
    listed = folder / "parts.json"
    listed.write_text(json.dumps([{"name": "hat", "region": region}]), encoding="utf-8")
    return build_request(
        image_file(folder),
        read_components(listed),
        store=store,
        input_config=InputConfig(max_side_px=100),
    )


def test_request_holds_image_components_and_view(tmp_path: Path) -> None:
    store = MemoryStore()
    view = InputView(elevation_deg=5.0)
    parts = [parse_part("hat"), parse_part("man = bald")]
    request = build_request(image_file(tmp_path), parts, store=store, view=view)
    assert request.name == "My-häuschen-1"
    assert (request.image.width, request.image.height) == (400, 200)
    assert codecs.get_image(store, request.image)[0, 0].tolist() == [255, 0, 0, 255]
    assert [(c.name, c.hidden) for c in request.components] == [("hat", ""), ("man", "bald")]
    assert request.view == view


def test_image_may_be_bytes_and_the_name_given(tmp_path: Path) -> None:
    data = image_file(tmp_path).read_bytes()
    request = build_request(data, [parse_part("hat")], store=MemoryStore(), name="a/b: c")
    assert request.name == "a-b-c"


@pytest.mark.parametrize(
    "box",
    [
        {"box": [100, 50, 200, 150]},
        {"box": [0.25, 0.25, 0.5, 0.75]},
        {"box": [0.25, 0.25, 0.5, 0.75], "units": "fraction"},
    ],
)
def test_pixels_are_of_the_original_image(tmp_path: Path, box: dict) -> None:
    request = request_with(tmp_path, box, MemoryStore())
    assert request.image.width == 100
    assert request.components[0].region.box == (0.25, 0.25, 0.5, 0.75)


def test_units_win_over_the_look_of_the_numbers(tmp_path: Path) -> None:
    request = request_with(tmp_path, {"points": [[1, 1]], "units": "px"}, MemoryStore())
    assert request.components[0].region.points == ((1 / 400, 1 / 200),)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"box": [0, 0, 500, 100]}, r"point \(500\.0, 100\.0\) is outside the image of 400x200 px"),
        ({"points": [[-3, 10]]}, "outside the image"),
        ({"polygon": [[0, 0], [400, 0], [2, 201]]}, "outside the image"),
        ({"points": [[2, 0.5]], "units": "fraction"}, r"0 to 1 expected"),
        ({"mask": "none.png"}, r"parts\.json, entry 1: mask: .*no such file"),
    ],
)
def test_regions_outside_are_named(tmp_path: Path, region: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        request_with(tmp_path, region, MemoryStore())


def save_mask(folder: Path, array: np.ndarray) -> dict:
    Image.fromarray(array).save(folder / "mask.png")
    return {"mask": "mask.png"}


@pytest.mark.parametrize("times", [1, 12])
def test_mask_is_stored_at_the_working_size(tmp_path: Path, times: int) -> None:
    drawn = np.zeros((200 * times, 400 * times), np.uint8)
    drawn[40 * times : 120 * times, 200 * times : 300 * times] = 255
    store = MemoryStore()
    request = request_with(tmp_path, save_mask(tmp_path, drawn), store)
    mask = codecs.get_mask(store, request.components[0].region.mask)
    assert mask.shape == (50, 100)
    expected = np.zeros((50, 100), dtype=bool)
    expected[10:30, 50:75] = True
    assert np.array_equal(mask, expected)


def test_transparent_is_not_the_component(tmp_path: Path) -> None:
    drawn = np.full((200, 400, 4), 255, np.uint8)
    drawn[:, 200:, 3] = 0
    store = MemoryStore()
    request = request_with(tmp_path, save_mask(tmp_path, drawn), store)
    mask = codecs.get_mask(store, request.components[0].region.mask)
    assert mask[:, :50].all()
    assert not mask[:, 50:].any()


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (np.zeros((200, 400), np.uint8), "holds no white pixel"),
        (np.full((200, 200), 255, np.uint8), "does not have the proportions"),
        (np.full((900, 900), 255, np.uint8), r"'mask\.png' of 900x900 px does not have"),
    ],
)
def test_masks_that_cannot_be_used(tmp_path: Path, drawn: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        request_with(tmp_path, save_mask(tmp_path, drawn), MemoryStore())


def test_lists_joined_from_two_sources_are_checked_again(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is taken"):
        build_request(
            image_file(tmp_path), [parse_part("hat"), parse_part("HAT")], store=MemoryStore()
        )
    with pytest.raises(InputError, match="no components"):
        build_request(image_file(tmp_path), [], store=MemoryStore())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ritter: Helm/Hut", "Ritter-Helm-Hut"),
        ("../../etc/passwd", "etc-passwd"),
        ("帽子", "帽子"),
        ("हाथी", "हाथी"),
        ("...", "object"),
        ("🎩", "object"),
        ("CON", "CON_"),
    ],
)
def test_slugs_are_safe_and_readable(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_slugs_differ_and_are_short() -> None:
    taken: set[str] = set()
    for name in ("a b", "a/b", "A-B", "a b"):
        taken.add(slug(name, taken).casefold())
    assert taken == {"a-b", "a-b-2", "a-b-3", "a-b-4"}
    assert len(slug("帽" * 200).encode()) <= 100


def test_the_same_image_saved_by_a_camera_lying_down_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    buffer = io.BytesIO()
    Image.new("RGB", (400, 200), "red").save(buffer, format="JPEG", exif=exif)
    listed = tmp_path / "parts.json"
    listed.write_text(json.dumps([{"name": "hat", "region": {"box": [50, 100, 100, 300]}}]))
    request = build_request(buffer.getvalue(), read_components(listed), store=MemoryStore())
    assert (request.image.width, request.image.height) == (200, 400)
    assert request.components[0].region.box == (0.25, 0.25, 0.5, 0.75)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (
            (1, 1),
            r"^image '.*small\.png': too small to tell parts apart \(1x1 px\), at least 32 px on",
        ),
        ((400, 31), r"\(400x31 px\).*give a larger picture"),
        ((4000, 100), r"scaled down to 1024x26 \(input\.max_side_px=1024\)\).*crop it"),
    ],
)
def test_an_image_too_small_for_parts_is_refused(
    tmp_path: Path, size: tuple[int, int], message: str
) -> None:
    path = tmp_path / "small.png"
    Image.new("RGB", size, "red").save(path)
    with pytest.raises(InputError, match=message):
        build_request(path, [parse_part("hat")], store=MemoryStore())
    Image.new("RGB", (32, 32), "red").save(path)
    assert build_request(path, [parse_part("hat")], store=MemoryStore()).image.width == 32
