"""A known scene through all stages: what comes out may change only together with a version.

Where this fails, either the change of output was not meant, or the back-end's VERSION or the
stage's version must rise (cached work would stay old otherwise) and the facts be pinned anew.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

import deployments
from mmpart_core import pipeline, stages
from mmpart_core.assemble import stage as assembly
from mmpart_core.assemble.backends import layout
from mmpart_core.backends import STAGES, backend_version
from mmpart_core.config import PipelineConfig, read_profile
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.intake.truth import request_from_truth
from mmpart_core.records import InputView, ObjectResult, StageName
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.memory_store import MemoryStore

OVERRIDES = {
    "isolate.supersample": 1,
    "multiview.size_px": 96,
    "reconstruct.preset": "cpu",
    "reconstruct.steps": 40,
    "reconstruct.density_steps": 40,
    "reconstruct.rays": 512,
    "reconstruct.resolution": 40,
    "mesh.texture_size_px": 64,
    "mesh.max_faces": 2000,
}
# Stage, its version and the back-end's -> facts; numbers agree to 2 % on any machine.
PINNED: dict[str, dict[str, Any]] = {
    "plan 4 template/1-d18c5bd0": {"prompts": "963c61771140", "foreground": 0.40735},
    "isolate 2 groundtruth/1": {"rgba": (6.5771, 18.6353, 8.7695, 27.9529)},
    "multiview 2 groundtruth/2": {"rgba": (35.3581, 100.1812, 47.1441, 148.1613)},
    "reconstruct 1 nerfstudio/14": {
        "sdf": 0.18228,
        "rgb": (0.24988, 0.65002, 0.33012),
        "psnr_db": 26.924,
    },
    "mesh 3 flexicubes/3": {"area": 8.6995, "volume": 1.9733, "texture": (60.48, 169.46, 80.55)},
    "assemble 3 groundtruth/1": {"scale": 0.46098, "where": (0.0, 0.0, 0.75), "iou": 0.98010},
    "assemble 3 layout/11": {
        "scale": 0.42721,
        "where": (0.01325, 0.00478, 0.37069),
        "iou": 0.99058,
    },
}


@pytest.fixture(scope="module")
def config() -> PipelineConfig:
    profiles = Path(deployments.__file__).parent / "profiles"
    return read_profile(profiles / "groundtruth.yaml", OVERRIDES)


@pytest.fixture(scope="module")
def made(
    config: PipelineConfig, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ObjectResult, MemoryStore]:
    """A red block with a green post on it, seen from the side."""
    post = trimesh.creation.cylinder(radius=0.3, height=0.7, sections=48)
    post.apply_translation((0.0, 0.0, 0.75))
    block = trimesh.creation.box((1.0, 1.2, 0.8))
    nodes = [
        glb.GlbNode(name, TriangleMesh(np.array(mesh.vertices), np.array(mesh.faces, np.int64),
                                       colors=np.tile(np.uint8(rgba), (len(mesh.vertices), 1))))
        for name, mesh, rgba in (("block", block, (200, 60, 50, 255)),
                                 ("post", post, (60, 170, 80, 255)))
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("scene") / "post-on-block.glb"
    path.write_bytes(glb.encode_glb(nodes))
    store = MemoryStore()
    request = request_from_truth(path, view=InputView(azimuth_deg=30.0), store=store, size_px=128)
    result = pipeline.generate_object(request, config, store, seed=0)
    assert result.complete, result.failures
    return result, store


def facts_of(stage: StageName, result: ObjectResult, store: MemoryStore) -> dict[str, Any]:
    """What a stage gave, in a few words and numbers."""
    assert result.plan is not None
    assert result.assembled is not None
    post = result.parts[1]
    if stage == "plan":
        text = "\n".join(prompt.prompt for prompt in result.plan.prompts)
        foreground = codecs.get_mask(store, result.plan.foreground)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return {"prompts": digest, "foreground": foreground.mean()}
    if stage == "isolate":
        rgba = codecs.get_image(store, post.isolated.rgba)
        return {"rgba": rgba.mean(axis=(0, 1))}
    if stage == "multiview":
        return {"rgba": codecs.get_views(store, post.views).rgba.mean(axis=(0, 1, 2))}
    if stage == "reconstruct":
        grid = codecs.get_field(store, post.field.checkpoint)
        return {"sdf": np.abs(grid.sdf).mean(), "rgb": grid.rgb.mean(axis=(0, 1, 2)),
                "psnr_db": post.field.train_psnr_db}  # fmt: skip
    if stage == "mesh":
        texture = glb.get_mesh(store, post.mesh.mesh).texture
        assert texture is not None
        return {"area": post.mesh.area, "volume": post.mesh.volume,
                "texture": texture.mean(axis=(0, 1))}  # fmt: skip
    placed = result.assembled.placements[1]
    where = [row[3] for row in placed.world_from_part[:3]]
    return {"scale": placed.scale, "where": where, "iou": result.assembled.silhouette_iou}


@pytest.mark.parametrize("stage", STAGES)
def test_output_changes_only_with_a_version(
    stage: StageName, made: tuple[ObjectResult, MemoryStore], config: PipelineConfig
) -> None:
    version = stages.IDENTITIES[stage].version
    name = f"{stage} {version} {backend_version(stage, config.choice(stage).kind)}"
    facts = facts_of(stage, *made)
    assert name in PINNED, f"a new version: pin {facts}"
    for what, expected in PINNED[name].items():
        if isinstance(expected, str):
            assert facts[what] == expected, what
        else:
            np.testing.assert_allclose(facts[what], expected, rtol=2e-2, atol=1e-2, err_msg=what)
    assert facts.keys() == PINNED[name].keys()


def test_layout_changes_only_with_a_version(made: tuple[ObjectResult, MemoryStore]) -> None:
    """From one image; ``assemble/test_pinned_layout.py`` has views of the whole."""
    result, store = made
    assert result.plan is not None
    backend = layout.LayoutAssembler(layout.Settings(depth_steps=41))
    record = assembly.assemble_object(
        result.request, result.plan, tuple(part.isolated for part in result.parts),
        tuple(part.mesh for part in result.parts), None, backend=backend, store=store, seed=0,
    )  # fmt: skip
    placed = record.placements[1]
    facts = {"scale": placed.scale, "where": [row[3] for row in placed.world_from_part[:3]],
             "iou": record.silhouette_iou}  # fmt: skip
    version = stages.IDENTITIES["assemble"].version
    name = f"assemble {version} layout/{layout.LayoutAssembler.VERSION}"
    assert name in PINNED, f"a new version: pin {facts}"
    for what, expected in PINNED[name].items():
        np.testing.assert_allclose(facts[what], expected, rtol=2e-2, atol=1e-2, err_msg=what)
