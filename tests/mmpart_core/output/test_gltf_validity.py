"""Every GLB of a bundle passes the Khronos validator."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mmpart_core.config import PipelineConfig
from mmpart_core.output import bundle
from mmpart_core.records import ObjectResult
from mmpart_core.storage.memory_store import MemoryStore

VIEWER = Path(__file__).resolve().parents[3] / "viewer"
SCRIPT = """
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const validator = createRequire(process.argv[1] + "/package.json")("gltf-validator");
const found = {};
for (const file of process.argv.slice(2)) {
  found[file] = (await validator.validateBytes(new Uint8Array(readFileSync(file)))).issues;
}
process.stdout.write(JSON.stringify(found));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(
    not (VIEWER / "node_modules" / "gltf-validator").is_dir(),
    reason="gltf-validator is not installed; run npm ci in viewer/",
)
def test_no_validator_errors(
    build_result: Callable[[list[str]], tuple[ObjectResult, MemoryStore]],
    config: PipelineConfig,
    tmp_path: Path,
):
    result, store = build_result(["foot", "車輪 </script>", "globe"])
    written = bundle.write_bundle(result, store, str(tmp_path), config=config)
    scenes = [path for name, path in written.items() if name.endswith(".glb")]
    answer = subprocess.run(
        ["node", "--input-type=module", "-e", SCRIPT, "--", str(VIEWER), *scenes],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    issues = json.loads(answer.stdout)
    assert set(issues) == set(scenes)
    assert len(scenes) == 5
    for path, found in issues.items():
        serious = [message for message in found["messages"] if message["severity"] <= 1]
        assert not serious, f"{path}: {serious}"
