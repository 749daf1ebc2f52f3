"""Rules of every test: shapes are checked, sockets are loopback only, markers are declared here."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook(["mmpart_core", "evaluation"], "beartype.beartype")

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", "gpu: needs a CUDA device")
    config.addinivalue_line("markers", "network: needs more network than loopback")
    config.addinivalue_line("markers", "slow: takes more than half a minute on two cores")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real objects, images and grids beside the checkout, where there is one."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return SHARED
