"""The guards themselves: each must catch what it is there to catch."""

import importlib
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from pytest_socket import SocketConnectBlockedError

from mmpart_core.geometry import surface, transforms

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("mmpart_core", "evaluation", "tasks", "flows", "deployments")


@pytest.mark.parametrize("name", PACKAGES)
def test_package_is_ours(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().is_relative_to(ROOT)


def test_wrong_shape_is_caught() -> None:
    with pytest.raises(TypeCheckError):
        surface.TriangleMesh(np.zeros((4, 2)), np.zeros((1, 3), dtype=np.int64))
    with pytest.raises(TypeCheckError):
        transforms.scale_then_translate(1.0, np.zeros(4))


def test_foreign_socket_is_refused() -> None:
    with (
        pytest.warns(UserWarning, match="tried to use"),
        pytest.raises(SocketConnectBlockedError),
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection,
    ):
        connection.connect(("192.0.2.1", 80))


def test_forbidden_import_breaks_the_layer_check(tmp_path: Path) -> None:
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text('"""Package."""\n')
    for stage in ("plan", "isolate", "multiview", "reconstruct", "mesh", "assemble"):
        (tmp_path / "mmpart_core" / stage).mkdir()
        (tmp_path / "mmpart_core" / stage / "__init__.py").write_text('"""Stage."""\n')
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    assert _layer_check(tmp_path) == 0
    (tmp_path / "mmpart_core" / "bad.py").write_text("def load():\n    import prefect\n")
    assert _layer_check(tmp_path) == 1


def _layer_check(folder: Path) -> int:
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, check=False
    )
    return run.returncode
