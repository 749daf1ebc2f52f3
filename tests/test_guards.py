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

from mmpart_core.backends import STAGES
from mmpart_core.geometry import surface, transforms

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("mmpart_core", "evaluation", "tasks", "flows", "deployments")
ONE_WAY = "Imports go one way"
KNOWS_ORCHESTRATOR = "The core and the metrics know no orchestrator"
STAGES_APART = "Stages meet in records only"


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


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty packages of our names under our import contracts, which they keep."""
    folder = tmp_path_factory.mktemp("skeleton")
    for name in (*PACKAGES, *(f"mmpart_core/{stage}" for stage in STAGES)):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text('"""Package."""\n')
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    assert _broken_contracts(folder) == []
    return folder


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("mmpart_core/bad.py", "import prefect", KNOWS_ORCHESTRATOR),
        ("mmpart_core/mesh/bad.py", "import distributed", KNOWS_ORCHESTRATOR),
        ("evaluation/bad.py", "from dask import delayed", KNOWS_ORCHESTRATOR),
        ("mmpart_core/bad.py", "import evaluation", ONE_WAY),
        ("mmpart_core/plan/bad.py", "from tasks import __doc__", ONE_WAY),
        ("evaluation/bad.py", "import tasks", ONE_WAY),
        ("tasks/bad.py", "import flows", ONE_WAY),
        ("flows/bad.py", "import deployments", ONE_WAY),
        ("mmpart_core/mesh/bad.py", "import mmpart_core.reconstruct", STAGES_APART),
        ("mmpart_core/assemble/bad.py", "from mmpart_core import plan", STAGES_APART),
    ],
)
def test_forbidden_import_breaks_its_contract(
    skeleton: Path, module: str, statement: str, contract: str
) -> None:
    """Inside a function, too, where it would not show before the function runs."""
    (skeleton / module).write_text(f"def load():\n    {statement}\n")
    try:
        assert _broken_contracts(skeleton) == [contract]
    finally:
        (skeleton / module).unlink()


def test_allowed_imports_break_nothing(skeleton: Path) -> None:
    allowed = {
        "tasks/good.py": "import prefect\nimport evaluation\nimport mmpart_core.mesh\n",
        "flows/good.py": "import tasks\nimport dask\n",
        "mmpart_core/good.py": "from mmpart_core import mesh, plan\n",
    }
    for module, text in allowed.items():
        (skeleton / module).write_text(text)
    try:
        assert _broken_contracts(skeleton) == []
    finally:
        for module in allowed:
            (skeleton / module).unlink()


def _broken_contracts(folder: Path) -> list[str]:
    """Names of the contracts that the layer check of ``make check`` reports as broken."""
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    broken = [line.removesuffix(" BROKEN") for line in run.stdout.splitlines()
              if line.endswith(" BROKEN")]  # fmt: skip
    assert (run.returncode == 0) == (broken == []), run.stdout
    return broken
