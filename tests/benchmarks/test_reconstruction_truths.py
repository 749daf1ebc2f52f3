"""Parts, views, truths and figures of the benchmark of reconstruct and mesh, and what it spoils."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from mmpart_core.errors import InputError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb
from tests.benchmarks.conftest import Load

POINTS = 20_000


@pytest.fixture
def few_points(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("truth", "scoring"):
        monkeypatch.setattr(load(name), "POINTS", POINTS)


def surface(*bodies: trimesh.Trimesh) -> TriangleMesh:
    """Bodies as one mesh in the unit sphere, each vertex in a colour of its place."""
    joined = trimesh.util.concatenate(list(bodies))
    vertices = np.asarray(joined.vertices) / np.linalg.norm(joined.vertices, axis=1).max()
    colors = np.full((len(vertices), 4), 255, dtype=np.uint8)
    colors[:, :3] = np.rint(127.5 + 100.0 * vertices)
    return TriangleMesh(vertices, np.asarray(joined.faces, dtype=np.int64), colors=colors)


def well() -> TriangleMesh:
    """Four high walls round a floor that only a look from above reaches."""
    walls = [((0.1, 1.0, 2.0), (s * 0.45, 0.0, 0.0)) for s in (-1, 1)]
    walls += [((1.0, 0.1, 2.0), (0.0, s * 0.45, 0.0)) for s in (-1, 1)]
    boxes = [trimesh.creation.box(size) for size, _ in walls]
    for box, (_, place) in zip(boxes, walls, strict=True):
        box.apply_translation(place)
    floor = trimesh.creation.box((0.8, 0.8, 0.1))
    floor.apply_translation((0.0, 0.0, -0.95))
    return surface(*boxes, floor)


def folder_of_boxes(folder: Path, objects: int, parts: int) -> Path:
    for number in range(objects):
        nodes: list[glb.GlbNode] = []
        for part in range(parts):
            box = trimesh.creation.box((1.0, 1.0, 1.0))
            box.apply_translation((3.0 * part, 0.0, 0.0))
            mesh = TriangleMesh(np.array(box.vertices), np.array(box.faces, dtype=np.int64))
            nodes.append(glb.GlbNode(f"box {part}", mesh))
        speck = TriangleMesh(0.001 * np.eye(3), np.array([[0, 1, 2]], dtype=np.int64))
        data = glb.encode_glb([*nodes, glb.GlbNode("speck", speck)])
        (folder / f"thing-{number}.glb").write_bytes(data)
    return folder


def test_samples_are_nested_and_spread_and_specks_are_named(load: Load, tmp_path: Path) -> None:
    parts = load("parts")
    found, left_out = parts.list_parts(folder_of_boxes(tmp_path, 4, 3))
    assert len(found) == 12
    assert len(left_out) == 4
    assert left_out[0].startswith("thing-0/speck: 0.0")
    samples = [parts.choose(found, parts.Choice(sample=count)) for count in (4, 6, 12)]
    assert samples[1][:4] == samples[0]
    assert samples[2][:6] == samples[1]
    assert len({part.object_id for part in samples[0]}) == 4
    assert sorted(samples[2]) == sorted(found)
    only = parts.Choice(only=("thing-1/box 2", "thing-3"))
    assert [str(part) for part in parts.choose(found, only)][:2] == [
        "thing-1/box 2",
        "thing-3/box 0",
    ]
    assert len(parts.choose(found, parts.Choice(every=5))) == 3
    with pytest.raises(InputError, match="--only chair: no such object"):
        parts.choose(found, parts.Choice(only=("chair",)))
    assert parts.neighbour(found[0], found).object_id == "thing-1"
    assert parts.neighbour(found[-1], found).object_id == "thing-0"


@pytest.mark.parametrize("poses", ["v1.1", "v1.2"])
def test_six_views_are_zero123pluss_and_none_is_held_out(load: Load, poses: str) -> None:
    condition = load("condition")
    version = "v1.1" if poses == "v1.1" else "v1.2"
    six = condition.Condition(poses=version).training_cameras()
    assert six == cameras.zero123plus_cameras(version, 320)
    held_out = [axis(camera) for camera in condition.held_out_cameras()]
    for views in range(2, 25):
        for camera in condition.Condition(poses=version, views=views).training_cameras():
            assert max(float(axis(camera) @ other) for other in held_out) < 0.999


def test_the_input_view_comes_last_and_is_no_other_truths(load: Load, tmp_path: Path) -> None:
    condition, truth = load("condition"), load("truth")
    six = condition.Condition(size_px=160)
    seven = condition.Condition(size_px=160, input_elevation_deg=20.0)
    assert seven.training_cameras() == (
        *six.training_cameras(),
        cameras.orbit_camera(0.0, 20.0, 30.0, 160),
    )
    assert seven != six
    folder = folder_of_boxes(tmp_path, 1, 1)
    part = load("parts").KnownPart("thing-0", "box 0")
    elsewhere = seven.model_copy(update={"input_elevation_deg": 40.0})
    paths = {truth.truth_path(folder, part, each, tmp_path) for each in (six, seven, elsewhere)}
    assert len(paths) == 3
    command = load("__main__")
    asked = ["run", str(folder), "--output", str(tmp_path), "--size", "160"]
    for options, expected in (([], six), (["--input-view", "20"], seven)):
        said = command.parser().parse_args([*asked, *options])
        assert command.condition_of(said) == expected


def axis(camera: object) -> np.ndarray:
    return transforms.to_array(camera.world_from_camera)[:3, 2]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.usefixtures("few_points")
def test_a_wells_floor_is_outer_surface_that_no_view_sees(load: Load) -> None:
    known = load("truth").known_truth(well(), load("condition").Condition(size_px=160))
    low, high = known.points[:, 2].min(), known.points[:, 2].max()
    height = float(high - low)
    on_floor = (np.abs(known.points[:, :2]) < 0.3 * height / 2.0).all(axis=1)
    on_floor &= (known.points[:, 2] > low + 0.03 * height) & (
        known.points[:, 2] < high - 0.5 * height
    )
    assert on_floor.sum() > 50
    assert not known.seen[on_floor].any()
    outside = np.abs(known.points[:, 0]) > 0.99 * np.abs(known.points[:, 0]).max()
    assert known.seen[outside].mean() > 0.99
    assert float(known.unit[0]) == pytest.approx(1.0 / height, rel=0.01)


@pytest.mark.usefixtures("few_points")
def test_the_truth_scores_full_and_a_moved_one_less(load: Load) -> None:
    mesh = surface(trimesh.creation.box((1.0, 1.0, 1.5)))
    known = load("truth").known_truth(mesh, load("condition").Condition(shading=0.0, size_px=160))
    best, figures = load("scoring").score(
        [TriangleMesh(mesh.vertices + 0.3, mesh.faces, colors=mesh.colors), mesh], known
    )
    assert best is mesh
    assert figures["f_02"] > 0.9
    assert figures["iou"] == 1.0
    assert figures["psnr_db"] > 50.0
    assert (figures["watertight"], figures["bodies"], figures["faces"]) == (1, 1, 12)
    assert figures["recall_seen_02"] > 0.9
    moved = TriangleMesh(mesh.vertices + np.array([0.06, 0.0, 0.0]), mesh.faces, colors=mesh.colors)
    shape = load("scoring").shape_scores(moved, known)
    assert shape["f_02"] < figures["f_02"] - 0.2
    assert load("scoring").picture_scores(moved, known)["iou"] < 0.97


def test_truths_are_drawn_once_and_kept_by_content(load: Load, tmp_path: Path) -> None:
    parts, truth = load("parts"), load("truth")
    folder = folder_of_boxes(tmp_path, 1, 1)
    part, condition = parts.KnownPart("thing-0", "box 0"), load("condition").Condition(size_px=160)
    path = truth.prepare_truth(folder, part, condition, tmp_path / "work")
    written = path.stat().st_mtime_ns
    assert truth.prepare_truth(folder, part, condition, tmp_path / "work") == path
    assert path.stat().st_mtime_ns == written
    spoilt = condition.model_copy(update={"warp_px": 2.0})
    assert truth.truth_path(folder, part, spoilt, tmp_path / "work") == path
    unlit = condition.model_copy(update={"shading": 0.0})
    assert truth.truth_path(folder, part, unlit, tmp_path / "work") != path
    assert truth.load_truth(path).rgba.shape == (6, 160, 160, 4)


def test_a_warp_moves_pixels_as_far_as_it_says(load: Load) -> None:
    degradation = load("degradation")
    ramp = np.zeros((200, 200, 4), dtype=np.uint8)
    ramp[..., 0], ramp[..., 1] = np.meshgrid(np.arange(200), np.arange(200))
    ramp[..., 3] = 255
    moved = degradation.warped(ramp, 4.0, np.random.default_rng(0))
    inner = (slice(20, -20), slice(20, -20), slice(0, 2))
    shift = np.linalg.norm(moved[inner].astype(float) - ramp[inner].astype(float), axis=-1)
    per_px = 200 / 320
    assert shift.max() <= (4.0 + 1.0) * per_px + 0.006 * 120 + 1.0
    assert shift.mean() > 1.0


def test_spoilt_views_are_seeded_and_only_as_asked(load: Load) -> None:
    degradation, condition = load("degradation"), load("condition").Condition
    rng = np.random.default_rng(1)
    rgba = rng.integers(0, 256, (6, 160, 160, 4)).astype(np.uint8)
    true = condition(size_px=160)
    assert not true.degraded
    assert np.array_equal(degradation.degrade(rgba, None, true, "a", 0), rgba)
    wrong = condition(size_px=160, wrong_view="other")
    other = np.zeros_like(rgba)
    spoilt = degradation.degrade(rgba, other, wrong, "a", 0)
    differs = [not np.array_equal(one, two) for one, two in zip(rgba, spoilt, strict=True)]
    assert sum(differs) == 1
    assert not spoilt[differs.index(True)].any()
    warp = condition(size_px=160, warp_px=2.0)
    first, again, next_seed = (degradation.degrade(rgba, None, warp, "a", s) for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, next_seed)


def test_the_input_view_is_never_spoilt(load: Load) -> None:
    rgba = np.random.default_rng(1).integers(0, 256, (7, 160, 160, 4)).astype(np.uint8)
    spoilt = load("condition").Condition(size_px=160, input_elevation_deg=20.0, warp_px=2.0)
    views = load("degradation").degrade(rgba, None, spoilt, "a", 0)
    assert np.array_equal(views[6], rgba[6])
    assert not any(np.array_equal(views[at], rgba[at]) for at in range(6))
    alone = spoilt.model_copy(update={"input_elevation_deg": None})
    assert np.array_equal(views[:6], load("degradation").degrade(rgba[:6], None, alone, "a", 0))


def test_a_matte_is_off_by_little_and_takes_enclosed_ground_for_the_part(load: Load) -> None:
    rows, columns = np.mgrid[0:160, 0:160] - 79.5
    radius = np.hypot(rows, columns)
    view = np.zeros((160, 160, 4), dtype=np.uint8)
    view[(radius < 60) & (radius > 20)] = (200, 10, 10, 255)
    cut = load("degradation").matted(view, np.random.default_rng(0))
    assert (cut[radius < 18, 3] == 255).all()
    assert np.abs(cut[radius < 18, :3].astype(int) - 127).max() <= 1
    opaque = cut[..., 3] >= 128
    assert opaque[radius < 57].all()
    assert not opaque[radius > 63].any()
    assert 30 < (opaque != (radius < 60)).sum() < 400


@pytest.mark.usefixtures("few_points")
def test_the_hull_of_true_views_is_near_a_convex_part(load: Load) -> None:
    mesh = surface(trimesh.creation.icosphere(subdivisions=3))
    condition = load("condition").Condition(size_px=160, views=12)
    known = load("truth").known_truth(mesh, condition)
    views = PosedViews(known.rgba, condition.training_cameras())
    made = load("making").make(load("methods").NAMED["hull"], views, 0)
    _, figures = load("scoring").score(made.meshes, known)
    assert figures["f_02"] > 0.55
    assert figures["iou"] > 0.9
    assert figures["color_psnr_db"] > 25.0
    assert made.cost.total_cpu_s >= made.cost.train_cpu_s == 0.0
    assert made.cost.peak_mb > 50.0
