"""What the command loads before it does anything: seconds of processor time, more beside a run."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from flows.dataset_job import DatasetJob, write_job
from mmpart_core.storage.opening import open_store

HEAVY = ("torch", "trimesh", "prefect", "dask", "fastapi", "openai")
LOOKS = """
import json, sys
from typer.testing import CliRunner
from studio.command import app
looks, heavy = map(json.loads, sys.argv[1:])
ends = [CliRunner().invoke(app, look).exit_code for look in looks]
print(json.dumps([ends, sorted(set(heavy) & set(sys.modules))]))
"""


def test_whoever_only_looks_loads_neither_models_nor_prefect(
    dataset_of: Callable[..., DatasetJob], tmp_path: Path
) -> None:
    job = dataset_of({"image": "good.png"})
    write_job(job)
    store = str(tmp_path / "store")
    open_store(store).put(b"content", "text/plain")
    looks = [["status", job.output], *(["store", name, "--store", store]
             for name in ("usage", "verify")), ["profiles", "local"], ["version"]]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", LOOKS, json.dumps(looks), json.dumps(HEAVY)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert json.loads(done.stdout) == [[0] * len(looks), []]
