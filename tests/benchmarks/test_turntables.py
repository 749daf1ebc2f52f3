"""Strips of meshes: what is drawn where, and how large the files are."""

import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh
from PIL import Image

from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb
from tests.benchmarks.conftest import Load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def turntables() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield importlib.import_module("benchmarks.turntables")


def pole(rgb: tuple[int, int, int]) -> TriangleMesh:
    """A thin post at the front (+X), in the part frame, of one colour."""
    box = trimesh.creation.box((0.2, 0.2, 1.2)).apply_translation((0.7, 0.0, 0.0))
    colors = np.full((len(box.vertices), 4), 255, dtype=np.uint8)
    colors[:, :3] = rgb
    return TriangleMesh(
        np.asarray(box.vertices), np.asarray(box.faces, dtype=np.int64), colors=colors
    )


def middle_px(tile: np.ndarray) -> float:
    """Mean column of what is red, from the tile's centre."""
    columns = np.nonzero((tile[..., 0] > 150) & (tile[..., 2] < 100))[1]
    return float(columns.mean() + 0.5 - tile.shape[1] / 2)


def test_tiles_go_round_the_mesh_in_the_order_of_azimuths(turntables: ModuleType) -> None:
    strip = turntables.turntable(pole((255, 0, 0)), 0.0)
    side = turntables.TILE_PX
    assert strip.shape == (side, 6 * side, 3)
    tiles = np.split(strip, 6, axis=1)
    # From azimuth 60 what is in front (+X) is seen to the left, from azimuth 300 to the right.
    middles = [middle_px(tile) for tile in tiles]
    assert abs(middles[0]) < 1.0
    assert abs(middles[3]) < 1.0
    assert max(middles[1], middles[2]) < -15.0
    assert min(middles[4], middles[5]) > 15.0
    assert middles[1] == pytest.approx(-middles[5], abs=1.0)
    corner = strip[:4, :4].reshape(-1, 3)
    assert (corner == turntables.PAPER).all()


def test_a_block_holds_a_title_and_a_named_row_for_each_mesh(turntables: ModuleType) -> None:
    strip = turntables.turntable(pole((255, 0, 0)), 0.0)
    block = turntables.draw_block("table/leg", {"truth": strip, "theirs": None})
    title, side, left = turntables.TITLE_PX, turntables.TILE_PX, turntables.LABEL_PX
    assert block.shape == (title + 2 * side, left + 6 * side, 3)
    np.testing.assert_array_equal(block[title : title + side, left:], strip)
    for inked in (block[:title], block[title:, :left][:side], block[title:, :left][side:]):
        assert (inked < 100).any()
    missing = block[title + side :, left:]
    assert (missing < 100).any()
    assert (missing[:, 3 * side :] == turntables.PAPER).all()


def test_a_picture_too_large_for_any_palette_is_refused(turntables: ModuleType) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    small = turntables.as_png(noise, 35_000)  # 40 000 pixels: with 256 colours, a byte each
    assert len(small) <= 35_000
    with Image.open(io.BytesIO(small)) as opened:
        assert (opened.mode, opened.size) == ("P", (200, 200))
    with pytest.raises(InputError, match="expected at most 5000 bytes"):
        turntables.as_png(noise, 5000)


def test_pictures_of_a_run(
    turntables: ModuleType, load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects, run, out = tmp_path / "objects", tmp_path / "run", tmp_path / "out"
    objects.mkdir()
    nodes = [glb.GlbNode(f"leg {n}", pole((255, 0, 0))) for n in range(6)]
    (objects / "table.glb").write_bytes(glb.encode_glb(nodes))
    part = load("parts").KnownPart("table", "leg 0")
    rows = load("rows").Rows(run, load("condition").Condition(shading=0.0))
    hull = load("methods").NAMED["hull"]
    rows.append(load("rows").row_of(part, hull, 0, {"failed": "no body"}))
    kept = run / "meshes" / "hull" / "table-leg 0-0.glb"
    kept.parent.mkdir(parents=True)
    # What is kept is in the part frame: the truth, centred and of the unit sphere's size.
    truth = load("parts").load_part(objects, part)
    kept.write_bytes(glb.encode_glb([glb.GlbNode("leg 0", truth)]))

    turntables.main([str(run), str(objects), str(out), "--methods", "hull", "nerfacto"])
    [line] = capsys.readouterr().out.splitlines()
    assert line == f"{out / 'reconstruction-1.png'}: table/leg 0"
    drawn = turntables.part_rows(run, objects, part, ["hull", "nerfacto"], bare=False)
    assert list(drawn) == ["truth", "hull", "nerfacto"]
    assert drawn["nerfacto"] is None
    np.testing.assert_array_equal(drawn["hull"], drawn["truth"])
    bare = turntables.part_rows(run, objects, part, [], bare=True)["truth"]
    assert np.ptp(bare, axis=2).max() == 0  # no colour

    names = [f"table/leg {n}" for n in range(6)]
    turntables.main([str(run), str(objects), str(out), "--bare", "--parts", *names])
    files = {path.name for path in out.iterdir()}
    assert files == {
        "reconstruction-1.png",
        "reconstruction-bare-1.png",
        "reconstruction-bare-2.png",
    }
    with pytest.raises(SystemExit, match="no such object or part"):
        turntables.main([str(run), str(objects), str(out), "--parts", "table/top"])
