"""The stage: records in, one GLB with a named node per part out."""

import numpy as np
import pytest

from mmpart_core.assemble import stage
from mmpart_core.assemble.backends import groundtruth, layout
from mmpart_core.assemble.protocol import AssemblyTask, PartEvidence
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import (
    ComponentRequest,
    IsolatedPart,
    ObjectRequest,
    PartMesh,
    PartPlan,
    PartPrompt,
    TruthPart,
    TruthScene,
    View,
    ViewSet,
)
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.memory_store import MemoryStore


@pytest.fixture
def stored(task_of, two_boxes):
    """A task as the records that earlier stages would have left, and their store."""
    store = MemoryStore()
    task = task_of(two_boxes, 30.0, 192)
    scene = [
        glb.GlbNode(name, mesh.transformed(two_boxes.scene_from_normalised))
        for name, mesh in two_boxes.parts.items()
    ]
    truth = store.put(glb.encode_glb(scene), glb.GLB_MEDIA)
    names = tuple(part.component for part in task.parts)
    request = ObjectRequest(
        name="boxes",
        image=codecs.put_image(store, task.source),
        components=tuple(ComponentRequest(name=name) for name in names),
        view=task.view,
        truth=TruthScene(scene=truth),
    )
    nodes = {name: TruthPart(scene=truth, node=name, azimuth_deg=30.0) for name in names}
    return store, (
        request,
        stored_plan(store, task, nodes),
        tuple(stored_isolation(store, task, part, nodes) for part in task.parts),
        tuple(stored_mesh(store, part) for part in task.parts),
        stored_views(store, task.whole_views),
    )


def stored_plan(store: MemoryStore, task: AssemblyTask, nodes: dict[str, TruthPart]) -> PartPlan:
    """A prompt per part."""
    foreground = codecs.put_mask(store, task.foreground)
    prompts = tuple(
        PartPrompt(
            component=name, prompt=name, index=index, regions=(None,) * len(nodes),
            counts=(1,) * len(nodes), foreground=foreground, camera=task.camera, truth=node,
        )
        for index, (name, node) in enumerate(nodes.items())
    )  # fmt: skip
    return PartPlan(prompts=prompts, foreground=foreground, camera=task.camera, planner="t/1")


def stored_isolation(
    store: MemoryStore, task: AssemblyTask, part: PartEvidence, nodes: dict[str, TruthPart]
) -> IsolatedPart:
    """What the source shows of a part."""
    return IsolatedPart(
        component=part.component,
        rgba=codecs.put_image(store, part.rgba),
        visible=codecs.put_mask(store, part.visible),
        imagined=codecs.put_mask(store, part.imagined),
        camera=task.camera,
        truth=nodes[part.component],
    )


def stored_mesh(store: MemoryStore, part: PartEvidence) -> PartMesh:
    """A part's own mesh."""
    return PartMesh(
        component=part.component, mesh=glb.put_mesh(store, part.component, part.mesh),
        watertight=True, bodies=1, area=1.0, volume=1.0, method="known",
    )  # fmt: skip


def stored_views(store: MemoryStore, whole: PosedViews) -> ViewSet:
    """The views of the whole object."""
    views = tuple(
        View(image=codecs.put_image(store, rgba), camera=camera)
        for rgba, camera in zip(whole.rgba, whole.cameras, strict=True)
    )
    return ViewSet(component=None, method="known", views=views)


@pytest.mark.parametrize("kind", [groundtruth.GroundTruthAssembler, layout.LayoutAssembler])
def test_glb_holds_every_part_where_its_placement_says(stored, two_boxes, kind):
    store, inputs = stored
    settings = groundtruth.Settings() if kind is groundtruth.GroundTruthAssembler else None
    backend = kind(
        settings
        or layout.Settings(coarse_px=64, fine_px=128, sweeps=1, fine_sweeps=2, depth_steps=41)
    )
    record = stage.assemble_object(*inputs, backend=backend, store=store, seed=3)
    nodes = glb.get_scene(store, record.glb)
    assert [node.name for node in nodes] == ["far", "near"]
    for node, placement in zip(nodes, record.placements, strict=True):
        expected = transforms.to_array(placement.world_from_part)
        np.testing.assert_allclose(node.world_from_node, expected, atol=1e-5)
        assert placement.silhouette_iou > 0.9
        # The input camera of the result sees the part where the source shows it.
        pixels, depth = cameras.project(record.camera, node.world_mesh().vertices)
        assert (depth > 0).all()
        assert (pixels > -1).all()
        assert (pixels < 193).all()
    assert record.silhouette_iou > 0.95
    assert codecs.get_image(store, record.preview).shape == (192, 192, 4)


def test_known_placement_overlays_on_the_scene(stored, two_boxes):
    store, inputs = stored
    backend = groundtruth.GroundTruthAssembler(groundtruth.Settings())
    record = stage.assemble_object(*inputs, backend=backend, store=store, seed=0)
    for node in glb.get_scene(store, record.glb):
        want = two_boxes.part(node.name).transformed(two_boxes.scene_from_normalised)
        got = node.world_mesh().vertices
        np.testing.assert_allclose(got.min(axis=0), want.vertices.min(axis=0), atol=1e-4)
        np.testing.assert_allclose(got.max(axis=0), want.vertices.max(axis=0), atol=1e-4)
