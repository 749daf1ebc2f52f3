"""The pieces of a bundle on their own: names, scrubbing, licences, explosion, pictures."""

import types

import numpy as np
import pytest
import trimesh
from PIL import Image, ImageDraw

from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.output import (
    explode,
    fonts,
    licences,
    naming,
    page,
    pictures,
    scrubbing,
    tiles,
    wording,
)


def box(center: tuple[float, float, float], extents: tuple[float, float, float]) -> TriangleMesh:
    mesh = trimesh.creation.box(extents=extents)
    vertices = np.asarray(mesh.vertices, dtype=np.float64) + np.array(center)
    return TriangleMesh(vertices, np.asarray(mesh.faces, dtype=np.int64))


def overlapping(meshes: list[TriangleMesh], offsets: np.ndarray) -> int:
    boxes = [(m.vertices.min(0) + o, m.vertices.max(0) + o) for m, o in zip(meshes, offsets)]  # noqa: B905
    return sum(
        bool(((a[0] < b[1]) & (b[0] < a[1])).all())
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
    )


def test_exploding_parts_one_inside_another():
    meshes = [box((0, 0, 0), (2, 2, 2)), box((0, 0, 0), (1, 1, 1)), box((0, 0, 0), (0.2, 0.2, 3))]
    offsets = explode.explode_offsets(meshes)
    assert overlapping(meshes, np.zeros((3, 3))) == 3
    assert overlapping(meshes, offsets) == 0


def test_exploding_is_bounded_and_keeps_directions():
    rng = np.random.default_rng(3)
    meshes = [box(tuple(rng.uniform(-1, 1, 3)), tuple(rng.uniform(0.5, 1.5, 3))) for _ in range(12)]
    offsets = explode.explode_offsets(meshes)
    points = np.concatenate([mesh.vertices for mesh in meshes])
    radius = np.linalg.norm(points.max(0) - points.min(0)) / 2
    assert (np.linalg.norm(offsets, axis=1) <= 1.6 * radius + 1e-9).all()
    assert overlapping(meshes, offsets) < overlapping(meshes, np.zeros((12, 3)))


def test_a_single_part_stays():
    assert (explode.explode_offsets([box((1, 2, 3), (1, 1, 1))]) == 0).all()


def test_slugs_are_unique_for_any_list():
    names = ["seat", "seat-2", "Seat", "SEAT", "?", "車", "!", "../x", "x" * 200, "con"]
    slugs = list(naming.part_slugs(names).values())
    assert len({slug.casefold() for slug in slugs}) == len(names)
    assert not any(set("/\\.:") & set(slug) or not slug for slug in slugs)
    assert max(len(slug.encode()) for slug in slugs) <= 110


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("read /mnt/data/a b/net.safetensors failed", "read …/net.safetensors failed"),
        ("at C:\\Users\\ada\\net.pt now", "at …/net.pt now"),
        ("key sk-abcdefghijklmnop1234 refused", "key [removed] refused"),
        ("s3://user:word@host/bucket", "s3://host/bucket"),  # pragma: allowlist secret
        ("IoU 0.5/0.6 and/or 3/4 of views", "IoU 0.5/0.6 and/or 3/4 of views"),
        ("sudo-ai/zero123plus-v1.2", "sudo-ai/zero123plus-v1.2"),
    ],
)
def test_texts_lose_paths_and_secrets_only(text: str, clean: str):
    assert scrubbing.scrub_text(text) == clean


def test_licences_name_each_checkpoint_in_use(
    config: PipelineConfig, monkeypatch: pytest.MonkeyPatch
):
    plain = licences.checkpoint_licences(config)
    assert [entry["stage"] for entry in plain] == list(backends.STAGES)
    offline = next(entry for entry in plain if entry["stage"] == "assemble")
    assert offline["checkpoints"] == []
    assert offline["note"] == licences.NO_CHECKPOINT

    def find(stage: str, kind: str) -> types.SimpleNamespace:
        module = types.SimpleNamespace(BACKEND=types.SimpleNamespace(VERSION="1"))
        if stage == "isolate":
            module.LICENSES = {"maker/always-loaded": "MIT"}
        return module

    monkeypatch.setattr(backends, "find_module", find)
    entries = {entry["stage"]: entry for entry in licences.checkpoint_licences(config)}
    assert entries["isolate"]["checkpoints"] == [{"name": "maker/always-loaded", "licence": "MIT"}]


def test_used_checkpoints_come_from_the_settings():
    table = {"maker/net-a": "MIT", "maker/net-b": "CC-BY-NC-4.0"}
    used = licences._used_checkpoints({"base": "maker/net-b", "steps": 20}, table)
    assert used == ["maker/net-b"]
    assert licences._used_checkpoints({"vision_model": "some/other"}, table) == ["some/other"]


@pytest.mark.parametrize("text", ["seat", "車輪", "كرسي", "เก้าอี้", "\U0001fa91"])
def test_labels_in_any_language_are_drawn(text: str):
    """As they are, or as code points where no font has them; never as boxes, never as nothing."""
    drawn, font = fonts.drawable(text, 16)
    assert all(fonts._has_glyph(font, char) for char in drawn)
    assert drawn in (text, " ".join(f"U+{ord(char):04X}" for char in text))
    ink = Image.new("L", (400, 40))
    ImageDraw.Draw(ink).text((4, 4), drawn, fill=255, font=font)
    boxes = Image.new("L", (400, 40))
    ImageDraw.Draw(boxes).text((4, 4), len(drawn) * fonts._NO_GLYPH, fill=255, font=font)
    assert ink.getbbox() is not None
    assert ink.tobytes() != boxes.tobytes()


@pytest.mark.parametrize("text", ["\x00\u200f", ""])
def test_labels_of_nothing_to_see_are_drawn_as_nothing(text: str):
    drawn, font = fonts.drawable(text, 16)
    assert drawn == text
    ImageDraw.Draw(Image.new("L", (40, 40))).text((4, 4), drawn, fill=255, font=font)


def test_labels_without_a_font_become_ascii(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fonts, "_system_fonts", tuple)
    fonts._system_font_with.cache_clear()
    drawn, font = fonts.drawable("車輪 no. 2", 16)
    assert drawn == "U+8ECA U+8F2A no. 2"
    assert all(fonts._has_glyph(font, char) for char in drawn)
    assert fonts.drawable("ﾊ①hat", 16)[0].endswith("hat")
    for text in ("колесо", "Räder", "τροχός"):
        assert fonts.drawable(text, 16)[0] == text
    fonts._system_font_with.cache_clear()


def test_right_to_left_names_need_a_layout_engine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fonts.features, "check", lambda name: name != "raqm")
    assert fonts.drawable("hat كرسي", 16)[0] == "hat U+0643 U+0631 U+0633 U+064A"
    monkeypatch.setattr(fonts.features, "check", lambda _: True)
    assert fonts.drawable("كرسي", 16)[0] == "كرسي"


@pytest.mark.parametrize(
    ("message", "component", "short"),
    [
        ("part 'hat': nothing in front", "hat", "nothing in front"),
        ('part "man\'s hat": too small', "man's hat", "too small"),
        ("part 'hat': it hides the brim", "brim", "part 'hat': it hides the brim"),
        ("it runs out of the frame", "hat", "it runs out of the frame"),
    ],
)
def test_messages_name_their_part_once(message: str, component: str, short: str):
    assert wording.told(message, component) == short


def test_a_script_we_have_glyphs_for_takes_the_bundled_font():
    font = fonts.font_for("Räder, колёса, τροχοί", 16)
    assert getattr(font, "path", "").endswith("DejaVuSans.ttf") or not hasattr(font, "path")


def test_imagined_area_is_tinted_and_nothing_else():
    rgba = np.full((20, 20, 4), 200, dtype=np.uint8)
    rgba[..., 3] = 255
    imagined = np.zeros((20, 20), dtype=bool)
    imagined[5:15, 5:15] = True
    painted = tiles.with_imagined(rgba, imagined, 1)
    assert (painted[~imagined] == rgba[~imagined]).all()
    assert (painted[5, 5:15, :3] == tiles.IMAGINED_RGB).all()
    assert 0 < abs(int(painted[10, 10, 2]) - 200) < abs(tiles.IMAGINED_RGB[2] - 200)


def test_view_captions_follow_the_cameras():
    found = [tiles.view_caption(camera) for camera in cameras.zero123plus_cameras("v1.2", 64)]
    assert found[:2] == ["30° / +20°", "90° / -10°"]


def test_cropped_rendering_equals_the_whole_frame():
    scene = RenderScene([box((0.3, 0.1, -0.2), (0.4, 0.5, 0.6))])
    camera = cameras.orbit_camera(20.0, 15.0, 30.0, 96)
    whole = scene.render(camera, supersample=2, shading=pictures.SHADING).rgba
    cropped = pictures.render_on_clear(scene, camera)
    assert np.abs(whole.astype(int) - cropped.astype(int)).max() <= 1


def test_an_object_outside_the_frame_gives_an_empty_picture():
    scene = RenderScene([box((0.0, 9.0, 0.0), (0.5, 0.5, 0.5))])
    camera = cameras.orbit_camera(0.0, 15.0, 30.0, 64)
    assert not pictures.render_on_clear(scene, camera).any()


@pytest.mark.parametrize("turn_deg", [0.0, 55.0, 180.0])
def test_a_camera_around_frames_the_object(turn_deg: float):
    mesh = box((2.0, -1.0, 0.5), (0.4, 1.5, 0.6))
    start = cameras.orbit_camera(0.0, 20.0, 30.0, 100)
    camera = pictures.camera_around(start, [mesh], turn_deg, (120, 90), margin=0.1)
    pixels, _ = cameras.project(camera, mesh.vertices)
    extent = pixels.max(0) - pixels.min(0)
    np.testing.assert_allclose((pixels.max(0) + pixels.min(0)) / 2, [60.0, 45.0], atol=1e-6)
    assert (extent / [120, 90]).max() == pytest.approx(0.8)


def test_the_shadow_lies_below_the_object():
    scene = RenderScene([box((0, 0, 0), (0.6, 0.6, 0.6))])
    above = cameras.orbit_camera(0.0, 30.0, 30.0, 80)
    below = cameras.orbit_camera(0.0, -20.0, 30.0, 80)
    shadow = pictures.ground_shadow(scene, above)
    assert 0.1 < shadow.max() <= 0.42
    assert shadow[:20].max() < 0.02
    assert not pictures.ground_shadow(scene, below).any()


def test_part_colors_differ():
    found = {page.part_color(index) for index in range(64)}
    assert len(found) >= 60
