"""The measuring commands: exit status, messages, and what they print."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from evaluation.objects import GroundTruthObject
from evaluation.reporting.tables import read_rows
from flows.truth_requests import request_of_object
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import InputView
from mmpart_core.storage import codecs
from mmpart_core.storage.glb import GlbNode, encode_glb
from mmpart_core.storage.memory_store import MemoryStore

pytestmark = [pytest.mark.xdist_group("prefect")]


def block(offset: float, colour: tuple[int, int, int], size: float = 1.0) -> TriangleMesh:
    """A coloured cube moved along +Y."""
    mesh = trimesh.creation.box(extents=(size, size, size))
    vertices = np.array(mesh.vertices) + np.array([0.0, offset, 0.0])
    colours = np.tile(np.array([*colour, 255], dtype=np.uint8), (len(vertices), 1))
    return TriangleMesh(vertices, np.array(mesh.faces, dtype=np.int64), colors=colours)


PAIR = {"red": block(-0.7, (255, 0, 0)), "blue": block(0.7, (0, 0, 255))}


def write(path: Path, parts: dict[str, TriangleMesh]) -> None:
    """Meshes as a GLB with a node per name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_glb([GlbNode(name, mesh) for name, mesh in parts.items()]))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a data set of two objects, and perfect predictions of them."""
    for name in ("one", "two"):
        write(tmp_path / "data" / f"{name}.glb", PAIR)
        write(tmp_path / "made" / f"{name}.glb", PAIR)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nosuch", "-p", "made"], "there is no such folder"),
        (["evaluate", "data"], "either --predictions FOLDER or --generate"),
        (["evaluate", "data", "-p", "made", "--generate"], "either --predictions FOLDER or"),
        (["evaluate", "data", "-p", "nosuch"], "--predictions 'nosuch'"),
        (["evaluate", "data", "-p", "made", "--protocol", "best"], "expected one of mmpart"),
        (["evaluate", "data", "-p", "made", "--loader", "best"], "expected one of part-obj"),
        (["evaluate", "data", "-p", "made", "--lpips", "nosuch.pth"], "a file expected, there is"),
        (["evaluate", "data", "-p", "made", "--clip", "made"], "config.json expected in it"),
        (["evaluate", "data", "-p", "made", "--clip", "x", "--no-appearance"], "--no-appearance"),
        (
            ["evaluate", "data", "-p", "made", "--lpips", "x", "--protocol", "midi"],
            "--lpips: protocol midi compares no renders",
        ),
        (["evaluate", "data", "-p", "made", "--only", "three"], "no such object among 2"),
        (["evaluate", "data", "-p", "made", "--report", "made/one.glb"], "this is a file"),
        (["evaluate", "data", "-p", "made", "--report", "data/report"], "in the data set 'data'"),
        (["evaluate", "data", "-p", "made", "--report", "made/../data"], "in the data set 'data'"),
        (["evaluate", "data", "--generate", "-o", "data/out"], "--output 'data/out': is or lies"),
        (["evaluate", "data", "--generate", "-o", "link/out"], "--output 'link/out': is or lies"),
        (["attribute", "data", "-o", "data"], "--output 'data': is or lies in the data set"),
        (["attribute", "data", "-r", "data/a"], "--report 'data/a': is or lies in the data set"),
        (["evaluate", "data", "-p", "made", "--pool", "dask"], "--scheduler"),
        (["evaluate", "data", "-p", "made", "--store", "nosuch://x"], "nosuch://x"),
        (["evaluate", "data", "--generate", "--profile", "nosuch"], "profile 'nosuch'"),
        (["evaluate", "data", "--generate", "--camera", "tilt=3"], "azimuth=30"),
        (["evaluate", "data", "--generate", "--set", "mesh.device=abacus"], "mesh.device 'abacus'"),
        (["evaluate", "empty", "-p", "made"], "no known layout; name it with --loader"),
        (["attribute", "data", "--stage", "mesh"], "no other stage has a back-end"),
        (
            ["attribute", "data", "--profile", "groundtruth", "--stage", "isolate",
             "--set", "multiview.kind=lift"],
            "from the truth already",
        ),
        (["compare", "nosuch", "data"], "no rows.parquet at 'nosuch'"),
    ],
)  # fmt: skip
def test_unusable_input_is_one_message_and_status_2(
    arguments: list[str], message: str, here: Path, refused: Callable[..., str]
) -> None:
    (here / "empty").mkdir()
    (here / "link").symlink_to("data")
    assert message in refused(*arguments)


@pytest.mark.usefixtures("prefect")
def test_evaluate_then_compare(here: Path, mmpart: Any) -> None:
    common = ["--no-appearance", "--protocol", "sam3dpart", "--store", "store"]
    good = mmpart("evaluate", "data", "-p", "made", "--report", "a", *common)
    assert good.exit_code == 0, good.output
    assert "[2/2] " in good.stderr
    assert "Protocol sam3dpart" in good.stdout
    assert str(Path("a") / "index.html") in good.stdout
    moved = {**PAIR, "blue": block(0.9, (0, 0, 255))}
    for name in ("one", "two"):
        write(here / "worse" / f"{name}.glb", moved)
    worse = mmpart("evaluate", "data", "-p", "worse", "--report", "b", *common, "--quiet")
    assert (worse.exit_code, worse.stdout, worse.stderr) == (0, "", "")
    found = mmpart("compare", "a", "b", "--report", "c")
    assert found.exit_code == 0, found.output
    assert "too few objects" in found.stdout
    assert "at least 6 objects in both runs are needed, there are 2" in found.stdout
    assert (here / "c" / "comparison.csv").is_file()
    assert mmpart("compare", "a", "b", "--report", "a").exit_code == 2
    (here / "made" / "two.glb").unlink()
    lost = mmpart("evaluate", "data", "-p", "made", "--report", "a", *common, "--quiet")
    assert lost.exit_code == 3
    assert lost.stderr.strip() == "two: failed: there is no prediction of this object"
    assert {row.protocol.name for row in read_rows(here / "a")} == {"sam3dpart"}


def test_a_true_object_as_a_users_request() -> None:
    store = MemoryStore()
    truth = GroundTruthObject("pair/1", PAIR)
    view = InputView(azimuth_deg=0.0, elevation_deg=0.1)
    request = request_of_object(truth, view, "truth", store, size_px=128, keep_truth=False)
    assert request.truth is None
    pixels = codecs.get_image(store, request.image)
    for component, channel in zip(request.components, (0, 2), strict=True):
        assert component.region is not None
        assert component.region.box is not None
        left, top, right, bottom = (round(128 * value) for value in component.region.box)
        of_part = (pixels[..., channel] > 200) & (pixels[..., 3] > 200)
        rows, columns = np.nonzero(of_part)
        drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert np.abs(np.subtract(drawn, (left, top, right, bottom))).max() <= 1
    bare = request_of_object(truth, view, "none", store, size_px=128, keep_truth=True)
    assert bare.truth is not None
    assert [component.region for component in bare.components] == [None, None]
    hidden = GroundTruthObject(
        "nest", {"shell": block(0, (9, 9, 9)), "core": block(0, (9, 9, 9), 0.3)}
    )
    inside = request_of_object(hidden, view, "truth", store, size_px=64, keep_truth=False)
    assert [part.region is None for part in inside.components] == [False, True]
    with pytest.raises(InputError, match="no part of the truth is usable"):
        request_of_object(
            GroundTruthObject("x", {}), view, "none", store, size_px=64, keep_truth=False
        )
