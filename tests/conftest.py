"""Rules of every test: shapes are checked, sockets are loopback only, markers are declared here."""

import importlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Otherwise the hub's client tries again for two minutes, where no network is.
os.environ["HF_HUB_OFFLINE"] = "1"

from jaxtyping import install_import_hook

install_import_hook(["mmpart_core", "evaluation"], "beartype.beartype")

import pytest

from tests.prefect_server import prefect, prefect_home, prefect_server
from tests.real_s3 import real_s3

__all__ = ["prefect", "prefect_home", "prefect_server"]

collect_ignore = ["packages", "mmpart_core/output/blender_import.py"]

PACKAGES = Path(__file__).resolve().parent / "packages"
SHARED = Path(__file__).resolve().parents[2] / "shared"
VIEWER = Path(__file__).resolve().parents[1] / "viewer"
VALIDATION = """
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const validator = createRequire(process.argv[1] + "/package.json")("gltf-validator");
const found = {};
for (const file of process.argv.slice(2)) {
  found[file] = (await validator.validateBytes(new Uint8Array(readFileSync(file)))).issues.messages;
}
process.stdout.write(JSON.stringify(found));
"""


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", "gpu: needs a CUDA device")
    config.addinivalue_line("markers", "network: needs more network than loopback")
    config.addinivalue_line("markers", "long: takes minutes; run by make test-long")
    config.addinivalue_line("markers", "slow: takes more than half a minute on two cores")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a file run in one worker, unless they say with which others: they share fixtures."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


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
    with real_s3(tmp_path_factory.mktemp("s3")) as bucket:
        yield bucket


@pytest.fixture
def s3_url(s3_server: str) -> str:
    """An unused prefix on the S3 server."""
    return f"{s3_server}/{uuid.uuid4().hex}"


@pytest.fixture
def model_server() -> Iterator[Any]:
    """A strict OpenAI-compatible server on loopback; see ``strict_openai``.

    A test fails that leaves a breach of the contract in ``violations``; one that wants some takes
    them out.
    """
    module: Any = importlib.import_module("strict_openai")
    with module.ModelServer() as server:
        yield server
    assert server.violations == []


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Installs the package of counting back-ends (kind ``counting`` of every stage) for one test.

    Gives its journal, empty: the calls that were made, and what is out of order.
    """
    monkeypatch.syspath_prepend(PACKAGES)
    module: Any = importlib.import_module("mmpart_counting.journal")
    module.reset()
    yield module
    module.reset()


@pytest.fixture(scope="session")
def gltf_faults() -> Callable[..., dict[str, list[Any]]]:
    """Runs Khronos' validator on GLB files: path -> its errors and warnings.

    ``npm ci`` in ``viewer/`` installs it; without it the tests that ask for it are skipped.
    """
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not (VIEWER / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("gltf-validator is not installed; run npm ci in viewer/")

    def validate(*files: Path) -> dict[str, list[Any]]:
        command = ["node", "--input-type=module", "-e", VALIDATION, "--", str(VIEWER)]
        answer = subprocess.run(
            [*command, *map(str, files)], capture_output=True, text=True, check=True, timeout=120
        )
        found: dict[str, list[Any]] = json.loads(answer.stdout)
        return {path: [each for each in messages if each["severity"] <= 1]
                for path, messages in found.items()}  # fmt: skip

    return validate
