"""Rules of every test: shapes are checked, sockets are loopback only, markers are declared here."""

import importlib
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook(["mmpart_core", "evaluation"], "beartype.beartype")

import pytest

collect_ignore = ["packages"]

PACKAGES = Path(__file__).resolve().parent / "packages"
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


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real S3 server on loopback: gives the address of a bucket.

    Endpoint and credentials are in the environment, where botocore finds them.
    """
    folder = tmp_path_factory.mktemp("s3")
    (folder / "bucket").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(folder)]
    options = ["--addr", f"127.0.0.1:{port}", "--auth-key", "tester,s3-test-key", "--config", ""]
    server = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "tester")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "s3-test-key")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        _wait_for_port(port)
        yield "s3://bucket"
    server.terminate()
    server.wait(timeout=10)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


@pytest.fixture
def s3_url(s3_server: str) -> str:
    """An unused prefix on the S3 server."""
    return f"{s3_server}/{uuid.uuid4().hex}"


@pytest.fixture
def journal() -> Iterator[Any]:
    """Installs the package of counting back-ends (kind ``counting`` of every stage).

    Gives its journal, empty: the calls that were made, and what is out of order.
    """
    if str(PACKAGES) not in sys.path:
        sys.path.append(str(PACKAGES))
        importlib.invalidate_caches()
    module: Any = importlib.import_module("mmpart_counting.journal")
    module.reset()
    yield module
    module.reset()
