"""Every GLB of a bundle passes the Khronos validator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmpart_core.config import PipelineConfig
from mmpart_core.output import bundle
from mmpart_core.records import ObjectResult
from mmpart_core.storage.gltf import container
from mmpart_core.storage.memory_store import MemoryStore


def test_no_validator_errors(
    build_result: Callable[[list[str]], tuple[ObjectResult, MemoryStore]],
    config: PipelineConfig,
    tmp_path: Path,
    gltf_faults: Callable[..., dict[str, list[Any]]],
) -> None:
    result, store = build_result(["foot", "車輪 </script>", "globe"])
    written = bundle.write_bundle(result, store, str(tmp_path), config=config)
    scenes = [path for name, path in written.items() if name.endswith(".glb")]
    assert len(scenes) == 5
    assert gltf_faults(*map(Path, scenes)) == {path: [] for path in scenes}


def test_the_validator_finds_faults(
    build_result: Callable[[list[str]], tuple[ObjectResult, MemoryStore]],
    config: PipelineConfig,
    tmp_path: Path,
    gltf_faults: Callable[..., dict[str, list[Any]]],
) -> None:
    files = bundle.build_files(*build_result(["foot", "stem", "globe"]), config)
    document, binary = container.unpack(files["object.glb"])
    document["accessors"][0]["count"] += 1000
    (tmp_path / "broken.glb").write_bytes(container.pack(document, binary))
    (faults,) = gltf_faults(tmp_path / "broken.glb").values()
    assert "ACCESSOR_TOO_LONG" in {fault["code"] for fault in faults}
