"""What is in the files of a bundle: scenes, their nodes and history, the manifest."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.output import bundle
from mmpart_core.records import ObjectResult
from mmpart_core.storage import glb
from mmpart_core.storage.gltf import container
from mmpart_core.storage.memory_store import MemoryStore

Lamp = tuple[ObjectResult, MemoryStore]


@pytest.fixture(scope="module")
def files(lamp: Lamp, config: PipelineConfig) -> dict[str, bytes]:
    return bundle.build_files(*lamp, config)


@pytest.fixture(scope="module")
def manifest(files: dict[str, bytes]) -> dict:
    return json.loads(files["manifest.json"])


def test_object_has_named_nodes_with_their_history(files: dict[str, bytes], lamp: Lamp):
    result = lamp[0]
    assert result.assembled is not None
    document, _ = container.unpack(files["object.glb"])
    assert [node["name"] for node in document["nodes"]] == ["foot", "stem", "globe"]
    assert [document["meshes"][n["mesh"]]["name"] for n in document["nodes"]] == [
        "foot", "stem", "globe",
    ]  # fmt: skip
    extras = document["nodes"][1]["extras"]
    assert extras["component"] == "stem"
    assert extras["prompt"] == "Show only the stem, complete, on a plain ground."
    assert extras["hidden"] == "goes on behind"
    assert extras["seeds"] == dict.fromkeys(backends.STAGES, 7)
    assert extras["backends"] == {
        "plan": "template/1", "isolate": "isolate-kind/1", "multiview": "multiview-kind/1",
        "reconstruct": "reconstruct-kind/1", "mesh": "mesh-kind/1", "assemble": "layout/1",
    }  # fmt: skip
    stem, placement = result.parts[1], result.assembled.placements[1]
    assert extras["digests"] == {
        "isolated": stem.isolated.rgba.sha256,
        "visible": stem.isolated.visible.sha256,
        "imagined": stem.isolated.imagined.sha256,
        "views": [view.image.sha256 for view in stem.views.views],
        "field": stem.field.checkpoint.sha256,
        "mesh": stem.mesh.mesh.sha256,
    }
    assert extras["placement"] == {
        "world_from_part": [list(row) for row in placement.world_from_part],
        "scale": placement.scale,
        "silhouette_iou": placement.silhouette_iou,
        "method": placement.method,
        "depth_uncertainty": placement.depth_uncertainty,
        "color_error": placement.color_error,
        "imagined": placement.imagined,
        "stretch": placement.stretch,
        "color_gain": placement.color_gain,
    }


@pytest.mark.parametrize("name", ["exploded.glb", "parts/stem.glb"])
def test_every_scene_carries_the_same_history(files: dict[str, bytes], name: str):
    whole, _ = container.unpack(files["object.glb"])
    other, _ = container.unpack(files[name])
    expected = {node["name"]: node["extras"] for node in whole["nodes"]}
    for node in other["nodes"]:
        assert node["extras"] == expected[node["name"]]


def test_a_plan_given_back_still_says_who_wrote_it(lamp: Lamp, config: PipelineConfig):
    result, store = lamp
    approved = result.model_copy(
        update={"runs": tuple(run for run in result.runs if run.stage != "plan")}
    )
    document, _ = container.unpack(bundle.build_files(approved, store, config)["object.glb"])
    assert document["nodes"][0]["extras"]["backends"]["plan"] == "template/1"
    assert "plan" not in document["nodes"][0]["extras"]["seeds"]


def documented(heading: str) -> set[str]:
    """First-column names of the table that follows a line of docs/manifest.md."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "manifest.md").read_text("utf-8")
    table = text.split(heading, 1)[1].split("\n\n")[1]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_manifest_has_the_fields_its_page_explains(manifest: dict):
    assert documented("Absolute paths and secrets") == set(manifest)
    for part in manifest["parts"]:
        assert documented("An entry of `parts`") == set(part)
    text = (Path(__file__).resolve().parents[3] / "docs" / "manifest.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+)`", text))
    inner = [
        manifest["plan"], manifest["assembly"], manifest["request"], manifest["totals"],
        *manifest["files"], *manifest["licences"], *manifest["backends"].values(),
        *(part[key] for part in manifest["parts"] for key in ("views", "field", "mesh",
          "placement", "digests")),
        *manifest["stages"], *(run for part in manifest["parts"] for run in part["stages"]),
    ]  # fmt: skip
    for entry in inner:
        assert set(entry) <= named, set(entry) - named


def test_the_manifest_repeats_request_plan_and_prompts(manifest: dict, lamp: Lamp):
    result = lamp[0]
    assert manifest["request"]["image"]["sha256"] == result.request.image.sha256
    assert [item["name"] for item in manifest["request"]["components"]] == ["foot", "stem", "globe"]
    assert manifest["request"]["components"][1]["region"]["box"] == [0.2, 0.2, 0.8, 0.8]
    prompts = [part["prompt"] for part in manifest["parts"]]
    assert prompts == [item["prompt"] for item in manifest["plan"]["prompts"]]
    assert [part["seeds"]["mesh"] for part in manifest["parts"]] == [7, 7, 7]
    assert [entry["stage"] for entry in manifest["stages"]] == ["plan", "assemble"]
    keys = [run["key"] for part in manifest["parts"] for run in part["stages"]]
    assert len(keys) == 12
    assert all(re.fullmatch(r"\w+-[0-9a-f]{64}", key) for key in keys)
    assert manifest["assembly"]["silhouette_iou"] == pytest.approx(0.95)
    assert [entry["stage"] for entry in manifest["licences"]] == list(backends.STAGES)


def test_object_keeps_the_assembled_geometry(lamp: Lamp, files: dict[str, bytes]):
    result, store = lamp
    assert result.assembled is not None
    before = glb.get_scene(store, result.assembled.glb)
    after = glb.decode_glb(files["object.glb"])
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.world_mesh().vertices, two.world_mesh().vertices)


def test_a_part_alone_stands_where_it_stands_in_the_object(files: dict[str, bytes]):
    whole = {node.name: node.world_mesh() for node in glb.decode_glb(files["object.glb"])}
    for name, mesh in whole.items():
        (alone,) = glb.decode_glb(files[f"parts/{name}.glb"])
        assert alone.name == name
        np.testing.assert_array_equal(alone.world_mesh().vertices, mesh.vertices)
        np.testing.assert_array_equal(alone.world_mesh().faces, mesh.faces)
        if mesh.texture is not None:
            np.testing.assert_array_equal(alone.mesh.texture, mesh.texture)
    document, _ = container.unpack(files["parts/stem.glb"])
    assert "images" not in document
    assert document["nodes"][0]["extras"]["component"] == "stem"


def test_exploded_parts_do_not_overlap(files: dict[str, bytes]):
    whole = glb.decode_glb(files["object.glb"])
    moved = glb.decode_glb(files["exploded.glb"])
    boxes = []
    for one, two in zip(whole, moved, strict=True):
        shift = two.world_mesh().vertices - one.world_mesh().vertices
        np.testing.assert_allclose(shift, np.tile(shift[0], (len(shift), 1)), atol=1e-6)
        boxes.append((two.world_mesh().vertices.min(0), two.world_mesh().vertices.max(0)))
    for index, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[index + 1 :]:
            assert ((other_low > high) | (other_high < low)).any()


def test_manifest_says_what_was_made(manifest: dict, lamp: Lamp):
    assert (manifest["schema"], manifest["schema_version"]) == ("mmpart.manifest", 1)
    assert manifest["complete"] is True
    assert [part["component"] for part in manifest["parts"]] == ["foot", "stem", "globe"]
    stem = manifest["parts"][1]
    assert [entry["stage"] for entry in stem["stages"]] == [
        "isolate", "multiview", "reconstruct", "mesh",
    ]  # fmt: skip
    assert set(stem["stages"][0]) == {
        "stage", "key", "cached", "failed", "seconds", "cost_usd", "usage", "backend", "seed",
    }  # fmt: skip
    assert [run["cached"] for run in manifest["parts"][0]["stages"]] == [True] * 4
    assert stem["mesh"]["watertight"] is True
    assert stem["mesh"]["faces"] == lamp[0].parts[1].mesh.mesh.faces
    assert stem["silhouette_iou"] == pytest.approx(0.88)
    assert stem["warnings"] == [{"stage": "isolate", "message": "A third of it was imagined."}]
    assert manifest["totals"] == {
        "components": 3, "parts_made": 3, "parts_placed": 3, "stages": 14, "stages_cached": 4,
        "stages_failed": 0,
        "seconds": pytest.approx(21.0), "cost_usd": pytest.approx(0.121),
        "usage": [],
    }  # fmt: skip
