"""What becomes of ``object.glb`` in Blender: names, places, materials, custom properties."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpart_core.config import PipelineConfig
from mmpart_core.geometry import transforms
from mmpart_core.output import bundle
from mmpart_core.output.glb_edit import GlbFile
from mmpart_core.records import ObjectResult
from mmpart_core.storage import glb
from mmpart_core.storage.memory_store import MemoryStore

BLENDER = shutil.which("blender")
SCRIPT = Path(__file__).with_name("blender_import.py")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(BLENDER is None, reason="blender is not installed"),
]


@pytest.fixture(scope="module")
def scene(
    lamp: tuple[ObjectResult, MemoryStore],
    config: PipelineConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[bytes, dict[str, Any]]:
    """The GLB of a lamp, and its objects in Blender by name."""
    assert BLENDER is not None
    data = bundle.build_files(*lamp, config)["object.glb"]
    path = tmp_path_factory.mktemp("blender") / "object.glb"
    path.write_bytes(data)
    done = subprocess.run(
        [BLENDER, "--background", "--factory-startup", "--python-exit-code", "3",
         "--python", str(SCRIPT), "--", str(path)],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    return data, {each["name"]: each for each in json.loads(line.removeprefix("FOUND "))}


def test_parts_are_objects_of_their_names_side_by_side(scene: Any) -> None:
    _, found = scene
    assert set(found) == {"foot", "stem", "globe"}
    assert {each["type"] for each in found.values()} == {"MESH"}
    assert {each["parent"] for each in found.values()} == {None}


def test_they_stand_where_they_stood_with_up_as_up(scene: Any) -> None:
    data, found = scene
    for node in glb.decode_glb(data):
        mesh = node.world_mesh()
        in_gltf = mesh.vertices @ transforms.GLTF_FROM_WORLD[:3, :3].T
        expected = in_gltf[:, [0, 2, 1]] * (1.0, -1.0, 1.0)  # Blender: +Z up, front -Y
        each = found[node.name]
        assert each["faces"] == len(mesh.faces)
        np.testing.assert_allclose(each["low"], expected.min(axis=0), atol=1e-5)
        np.testing.assert_allclose(each["high"], expected.max(axis=0), atol=1e-5)
    assert found["globe"]["low"][2] > found["foot"]["high"][2]


def test_materials_come_along_with_their_textures(scene: Any) -> None:
    _, found = scene
    assert all(len(each["materials"]) == 1 for each in found.values())
    (size,) = found["globe"]["images"]
    assert min(size) >= 16


def test_the_history_of_a_part_is_in_its_custom_properties(scene: Any) -> None:
    data, found = scene
    for node in GlbFile.read(data).document["nodes"]:
        extras = node["extras"]
        properties = found[node["name"]]["properties"]
        assert extras.keys() <= properties.keys()
        assert properties["component"] == extras["component"]
        assert properties["prompt"] == extras["prompt"]
        assert properties["digests"]["mesh"] == extras["digests"]["mesh"]
