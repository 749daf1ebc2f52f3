"""The adapter of rembg on the real package, with networks of a few bytes."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpart_core.backends import open_backend
from mmpart_core.config import BackendChoice
from mmpart_core.errors import ConfigError, MissingDependencyError
from mmpart_core.isolate.background_removal import remove_background
from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.matting_session import LICENCES, open_matting
from mmpart_core.stages import work_key

ROOT = Path(__file__).resolve().parents[3]
SIDES = {"u2net_custom": 320, "dis_custom": 1024}


def settings(name: str, path: Path | str = "") -> EditorSettings:
    return EditorSettings(matting_model=name, matting_path=str(path))  # type: ignore[arg-type]


@pytest.fixture
def onnx() -> Any:
    """The package that writes networks, beside the one that runs them."""
    for name in ("onnxruntime", "rembg"):
        pytest.importorskip(name)
    return pytest.importorskip("onnx")


def network(onnx: Any, path: Path, side_px: int, scale: float) -> Path:
    """A network of u2net's signature: how red a pixel is, times a scale."""
    helper = onnx.helper
    floats = onnx.TensorProto.FLOAT
    weights = helper.make_tensor("w", floats, [1, 3, 1, 1], [scale, -0.5 * scale, -0.5 * scale])
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input.1", "w"], ["1959"])],
        "red",
        [helper.make_tensor_value_info("input.1", floats, [1, 3, side_px, side_px])],
        [helper.make_tensor_value_info("1959", floats, [1, 1, side_px, side_px])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


def picture() -> np.ndarray:
    """A red disc on light grey, opaque."""
    rows, columns = np.mgrid[:96, :128]
    disc = (rows - 40) ** 2 + (columns - 70) ** 2 < 25**2
    rgba = np.full((96, 128, 4), 205, dtype=np.uint8)
    rgba[..., 3] = 255
    rgba[disc, :3] = [220, 30, 30]
    return rgba


@pytest.mark.parametrize("name", SIDES)
def test_a_network_from_a_file_anywhere_cuts_the_subject_out(
    onnx: Any, tmp_path: Path, name: str
) -> None:
    """Also the package's own folder is not asked for: the file lies where the user has it."""
    path = network(onnx, tmp_path / "red.onnx", SIDES[name], 1.0)
    matting = open_matting(settings(name, path))
    assert matting is not None
    removed = remove_background(picture(), "auto", matting)
    assert removed.by == "model"
    found, true = removed.rgba[..., 3] >= 128, picture()[..., 0] > 210
    assert (found & true).sum() / (found | true).sum() > 0.97


def test_a_picture_in_which_the_network_sees_nothing_is_all_clear(
    onnx: Any, tmp_path: Path
) -> None:
    path = network(onnx, tmp_path / "none.onnx", 320, 0.0)
    matting = open_matting(settings("u2net_custom", path))
    assert matting is not None
    assert not matting.alpha(picture()[..., :3]).any()


def test_a_file_that_is_no_network_is_refused(onnx: Any, tmp_path: Path) -> None:
    (tmp_path / "red.onnx").write_bytes(b"not a network")
    with pytest.raises(ConfigError, match="an ONNX model expected, it cannot be loaded"):
        open_matting(settings("u2net_custom", tmp_path / "red.onnx"))


def test_every_model_that_can_be_named_is_one_of_the_package(onnx: Any) -> None:
    from rembg.sessions import sessions_names  # pyright: ignore[reportMissingImports]

    assert set(LICENCES) <= set(sessions_names)


def key_of(path: Path) -> str:
    choice = BackendChoice(
        kind="openai", settings={"matting_model": "u2net_custom", "matting_path": str(path)}
    )
    return work_key("isolate", {}, choice, 0)


def test_a_network_counts_by_its_content_wherever_it_lies(tmp_path: Path) -> None:
    """What was cut out by another network is made again, though its file has the same name."""
    one, two = tmp_path / "one.onnx", tmp_path / "two.onnx"
    one.write_bytes(b"first")
    two.write_bytes(b"first")
    before = key_of(one)
    assert key_of(two) == before
    one.write_bytes(b"other")  # as long as before
    assert key_of(one) != before
    assert key_of(tmp_path / "absent.onnx") != before


def test_a_process_that_goes_on_opens_the_network_that_is_there(
    onnx: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMPART_TEST_KEY", "none")
    path = network(onnx, tmp_path / "red.onnx", 320, 1.0)
    given = {"matting_model": "u2net_custom", "matting_path": str(path),
             "api_key_variable": "MMPART_TEST_KEY"}  # fmt: skip  # pragma: allowlist secret
    first = open_backend("isolate", "openai", given)
    assert open_backend("isolate", "openai", given) is first
    network(onnx, path, 320, 0.5)
    assert open_backend("isolate", "openai", given) is not first


@pytest.mark.parametrize("path", ["", "absent.onnx"])
def test_a_custom_model_needs_its_file(path: str) -> None:
    with pytest.raises(ConfigError, match="must name its ONNX file"):
        open_matting(settings("dis_custom", path))


def test_without_the_runtime_the_process_goes_on() -> None:
    """The package prints and exits when its runtime is missing; here it is a message."""
    if importlib.util.find_spec("rembg") is None:
        with pytest.raises(MissingDependencyError, match=r"mmpart\[matting\]"):
            open_matting(settings("u2net"))
        return
    program = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from mmpart_core.errors import MissingDependencyError\n"
        "from mmpart_core.isolate.editor_settings import EditorSettings\n"
        "from mmpart_core.isolate.matting_session import open_matting\n"
        "try:\n    open_matting(EditorSettings(matting_model='u2net'))\n"
        "except MissingDependencyError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "mmpart[matting]" in done.stdout
