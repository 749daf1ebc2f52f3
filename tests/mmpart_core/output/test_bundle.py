"""Files of a bundle: where they go, and what is left when parts fail."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest

from mmpart_core.config import PipelineConfig
from mmpart_core.errors import BlobMissingError, StorageError
from mmpart_core.output import bundle
from mmpart_core.records import ObjectResult, PartFailure, StageRun
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.gltf import container
from mmpart_core.storage.memory_store import MemoryStore

Lamp = tuple[ObjectResult, MemoryStore]
ALL_FILES = {
    "object.glb", "exploded.glb", "parts/foot.glb", "parts/stem.glb", "parts/globe.glb",
    "manifest.json", "preview.png", "sheet.png", "index.html",
}  # fmt: skip


def on_disk(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def without(result: ObjectResult, *names: str) -> ObjectResult:
    """The result as it is when some parts failed and the rest was assembled without them."""
    assembled = result.assembled
    assert assembled is not None
    kept = tuple(item for item in assembled.placements if item.component not in names)
    failures = tuple(
        PartFailure(
            component=name,
            stage="mesh",
            error="StageError",
            message=f"part '{name}': no surface; see /home/ada/cache/x.bin",
        )
        for name in names
    )
    return result.model_copy(
        update={
            "parts": tuple(part for part in result.parts if part.component not in names),
            "assembled": assembled.model_copy(update={"placements": kept}) if kept else None,
            "failures": failures,
        }
    )


def test_all_files_are_written_and_named(lamp: Lamp, config: PipelineConfig, tmp_path: Path):
    written = bundle.write_bundle(*lamp, str(tmp_path / "lamp"), config=config)
    assert set(written) == on_disk(tmp_path / "lamp") == ALL_FILES
    assert all(Path(path).is_file() for path in written.values())


def test_equal_results_give_equal_bytes(lamp: Lamp, config: PipelineConfig):
    first, second = (
        {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        for files in (bundle.build_files(*lamp, config) for _ in range(2))
    )
    assert first == second


def test_bundle_goes_to_any_fsspec_address(lamp: Lamp, config: PipelineConfig):
    written = bundle.write_bundle(*lamp, "memory://bundles/lamp", config=config)
    fs = fsspec.filesystem("memory")
    assert written["parts/stem.glb"] == "memory://bundles/lamp/parts/stem.glb"
    listed = json.loads(fs.cat_file("/bundles/lamp/manifest.json"))["files"]
    for entry in listed:
        data = fs.cat_file(f"/bundles/lamp/{entry['path']}")
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["size"], entry["sha256"])
    assert {entry["path"] for entry in listed} == ALL_FILES - {"manifest.json"}
    fs.rm("/bundles", recursive=True)


def test_bundle_goes_to_an_s3_server_and_is_replaced_there(
    lamp: Lamp, config: PipelineConfig, s3_url: str
):
    result, store = lamp
    address = f"{s3_url}/lamp"

    def there() -> set[str]:
        """Names of what lies on the server, whole as its manifest says."""
        fs, root = fsspec.url_to_fs(address)
        fs.invalidate_cache()
        for entry in json.loads(fs.cat_file(f"{root}/manifest.json"))["files"]:
            data = fs.cat_file(f"{root}/{entry['path']}")
            assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        return {path.removeprefix(f"{root}/") for path in fs.find(root)}

    written = bundle.write_bundle(result, store, address, config=config)
    assert written == {name: f"{address}/{name}" for name in ALL_FILES}
    assert there() == ALL_FILES
    foreign = {"notes.txt", "parts/mine.glb"}
    for name in foreign:
        FsspecStore(address).write_file(name, b"mine")
    bundle.write_bundle(without(result, "stem"), store, address, config=config)
    assert there() == ALL_FILES - {"parts/stem.glb"} | foreign


def test_rewriting_removes_own_stale_files_only(lamp: Lamp, config: PipelineConfig, tmp_path: Path):
    result, store = lamp
    folder = tmp_path / "lamp"
    outside = tmp_path / "outside.glb"
    outside.write_bytes(b"mine")
    bundle.write_bundle(result, store, str(folder), config=config)
    (folder / "parts" / "notes.txt").write_text("mine")
    (folder / "parts" / "mine.glb").write_bytes(b"mine")
    old = json.loads((folder / "manifest.json").read_text())
    old["files"] += [{"path": "../outside.glb"}, {"path": "parts/notes.txt"}, {"path": 3}]
    (folder / "manifest.json").write_text(json.dumps(old))
    bundle.write_bundle(without(result, "stem"), store, str(folder), config=config)
    assert outside.exists()
    kept = ALL_FILES - {"parts/stem.glb"} | {"parts/notes.txt", "parts/mine.glb"}
    assert on_disk(folder) == kept


def test_writing_that_broke_off_leaves_a_folder_known_as_ours(
    lamp: Lamp, config: PipelineConfig, tmp_path: Path
):
    folder = tmp_path / "lamp"
    (folder / "sheet.png").mkdir(parents=True)
    with pytest.raises(StorageError):
        bundle.write_bundle(*lamp, str(folder), config=config)
    known = bundle.own_files((folder / "manifest.json").read_bytes())
    assert known == ALL_FILES - {"manifest.json"}
    (folder / "sheet.png").rmdir()
    bundle.write_bundle(*lamp, str(folder), config=config)
    assert on_disk(folder) == ALL_FILES


def test_an_old_manifest_that_is_none_is_replaced(
    lamp: Lamp, config: PipelineConfig, tmp_path: Path
):
    (tmp_path / "manifest.json").write_text("not JSON")
    bundle.write_bundle(*lamp, str(tmp_path), config=config)
    assert on_disk(tmp_path) == ALL_FILES


def test_a_missing_blob_raises_and_writes_nothing(
    lamp: Lamp, config: PipelineConfig, tmp_path: Path
):
    result, store = lamp
    poor = MemoryStore()
    assert result.assembled is not None
    poor.blobs = {k: v for k, v in store.blobs.items() if k != result.assembled.glb.sha256}
    with pytest.raises(BlobMissingError):
        bundle.write_bundle(result, poor, str(tmp_path / "lamp"), config=config)
    assert not (tmp_path / "lamp").exists()


def test_one_failed_part_leaves_the_others(lamp: Lamp, config: PipelineConfig):
    result, store = lamp
    files = bundle.build_files(without(result, "stem"), store, config)
    manifest = json.loads(files["manifest.json"])
    assert set(files) == ALL_FILES - {"parts/stem.glb"}
    assert manifest["complete"] is False
    stem = manifest["parts"][1]
    assert (stem["state"], stem["file"], stem["mesh"]) == ("failed", None, None)
    assert stem["failure"]["message"] == "part 'stem': no surface; see …/x.bin"
    assert manifest["totals"]["parts_made"] == 2


def test_what_failed_stages_took_is_told(lamp: Lamp, config: PipelineConfig):
    result, store = lamp

    def failed(run: StageRun) -> bool:
        return (run.stage, run.component) in (("mesh", "stem"), ("assemble", None))

    runs = tuple(
        run.model_copy(update={"failed": True, "cost_usd": 0.5}) if failed(run) else run
        for run in result.runs
    )
    broken = without(result, "foot", "stem", "globe").model_copy(update={"runs": runs})
    broken = broken.model_copy(update={"parts": (result.parts[0], result.parts[2])})
    files = bundle.build_files(broken, store, config)
    manifest = json.loads(files["manifest.json"])
    stem = manifest["parts"][1]
    assert [(run["stage"], run["failed"]) for run in stem["stages"]] == [
        ("isolate", False), ("multiview", False), ("reconstruct", False), ("mesh", True),
    ]  # fmt: skip
    (mesh,) = (run for run in stem["stages"] if run["failed"])
    assert (mesh["seconds"], mesh["cost_usd"], mesh["seed"]) == (2.5, 0.5, 7)
    assert mesh["key"] == f"mesh-{'1' * 64}"
    assert [run["failed"] for run in manifest["stages"]] == [False, True]
    totals = manifest["totals"]
    assert (totals["stages"], totals["stages_failed"]) == (len(result.runs), 2)
    assert totals["cost_usd"] == pytest.approx(sum(run.cost_usd for run in result.runs) + 1.0)
    document, _ = container.unpack(files["parts/globe.glb"])
    assert "assemble" not in document["nodes"][0]["extras"]["backends"]


def test_when_all_failed_page_and_manifest_still_come(lamp: Lamp, config: PipelineConfig):
    result, store = lamp
    files = bundle.build_files(without(result, "foot", "stem", "globe"), store, config)
    assert set(files) == {"manifest.json", "sheet.png", "index.html"}
    manifest = json.loads(files["manifest.json"])
    assert manifest["assembly"] is None
    assert len(manifest["failures"]) == 3


def test_when_planning_failed_nothing_was_made(lamp: Lamp, config: PipelineConfig):
    result, store = lamp
    failure = PartFailure(
        component=None, stage="plan", error="BackendError", message="no answer came"
    )
    failed = ObjectResult(request=result.request, failures=(failure,))
    files = bundle.build_files(failed, store, config)
    manifest = json.loads(files["manifest.json"])
    assert manifest["plan"] is None
    assert [part["state"] for part in manifest["parts"]] == ["not_made"] * 3
    assert codecs.decode_png(files["sheet.png"], "RGB").shape[2] == 3


def test_parts_are_kept_when_assembly_failed(lamp: Lamp, config: PipelineConfig):
    result, store = lamp
    failure = PartFailure(
        component=None, stage="assemble", error="StageError", message="not a similarity"
    )
    broken = result.model_copy(update={"assembled": None, "failures": (failure,)})
    files = bundle.build_files(broken, store, config)
    assert set(files) == ALL_FILES - {"object.glb", "exploded.glb", "preview.png"}
    (alone,) = glb.decode_glb(files["parts/stem.glb"])
    assert np.linalg.norm(alone.world_mesh().vertices, axis=1).max() == pytest.approx(1.0, abs=1e-6)
    assert json.loads(files["manifest.json"])["parts"][1]["placement"] is None


@pytest.mark.parametrize(
    "names",
    [
        ["車輪", "Räder – vorn", "كرسي"],
        ["seat", "Seat!", "SEAT"],
        ["../../escape", "a/b\\c", "</script><b>"],
    ],
)
def test_names_of_any_kind(
    names: list[str],
    build_result: Callable[[list[str]], Lamp],
    config: PipelineConfig,
    tmp_path: Path,
):
    folder = tmp_path / "deep" / "lamp"
    written = bundle.write_bundle(*build_result(names), str(folder), config=config)
    assert len([name for name in written if name.startswith("parts/")]) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}
    assert on_disk(tmp_path) == {f"deep/lamp/{name}" for name in written}
    nodes = glb.decode_glb((folder / "object.glb").read_bytes())
    assert [node.name for node in nodes] == names
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert [part["component"] for part in manifest["parts"]] == names
