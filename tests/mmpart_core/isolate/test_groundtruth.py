"""True parts drawn alone, in place."""

import numpy as np
import pytest
import trimesh

from mmpart_core.errors import BackendError, InputError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import load_truth
from mmpart_core.isolate.backends import groundtruth
from mmpart_core.isolate.protocol import Isolation, IsolationTask
from mmpart_core.records import PartPrompt, TruthPart
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.memory_store import MemoryStore

SIZE = 96
AZIMUTH = 90.0


def ball(radius: float, at: tuple[float, ...], color: tuple[int, ...]) -> TriangleMesh:
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    mesh.apply_translation(at)
    colors = np.tile(np.array((*color, 255), dtype=np.uint8), (len(mesh.vertices), 1))
    return TriangleMesh(
        np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int64), colors=colors
    )


# Seen from +Y: the big ball in front, the side ball half behind it, the small one hidden.
PARTS = {
    "big": ball(0.4, (0, 0.4, 0), (200, 30, 30)),
    "side": ball(0.3, (0.4, -0.4, 0), (30, 200, 30)),
    "hidden": ball(0.1, (0, -0.6, 0), (30, 30, 200)),
}


def isolate(node: str | None, settings: groundtruth.Settings | None = None) -> Isolation:
    store = MemoryStore()
    nodes = [glb.GlbNode(name, mesh) for name, mesh in PARTS.items()]
    scene = store.put(glb.encode_glb(nodes), glb.GLB_MEDIA)
    reference = TruthPart(scene=scene, node=node, azimuth_deg=AZIMUTH)
    truth = load_truth(store, reference)
    assert truth is not None
    camera = cameras.orbit_camera(AZIMUTH, 0.0, 30.0, SIZE)
    source = truth.render_scene.render(camera).rgba
    foreground = source[..., 3] > 127
    prompt = PartPrompt(
        component=str(node),
        prompt="draw it",
        index=0,
        regions=(None,),
        counts=(1,),
        foreground=codecs.put_mask(store, foreground),
        camera=cameras.orbit_camera(0.0, 0.0, 30.0, SIZE),
        truth=reference,
    )
    task = IsolationTask(source=source, foreground=foreground, prompt=prompt, truth=truth)
    return groundtruth.BACKEND(settings or groundtruth.Settings()).isolate(task, 0)


def test_front_part_is_all_visible_and_in_place() -> None:
    result = isolate("big")
    assert result.visible.any()
    assert not result.imagined.any()
    assert result.warnings == ()
    # Seen from +Y, the scene's middle (+X of the ball's) is left of the ball.
    assert np.nonzero(result.visible)[1].mean() > SIZE / 2
    assert (result.rgba[result.visible][:, :3] == (200, 30, 30)).all()


def test_covered_part_is_completed_behind_its_occluder() -> None:
    result, front = isolate("side"), isolate("big")
    assert result.visible.any()
    assert result.imagined.any()
    assert not (result.visible & result.imagined).any()
    assert not (result.visible & front.visible).any()
    assert (front.visible | ~result.imagined).all()  # imagined only where the big ball is
    solid = result.rgba[..., 3] > 127
    assert ((result.visible | result.imagined) == solid).mean() > 0.98
    # Seen from +Y, +X is on the left.
    assert np.nonzero(result.visible)[1].mean() < SIZE / 2


def test_hidden_part_is_drawn_and_reported() -> None:
    result = isolate("hidden")
    assert not result.visible.any()
    assert result.imagined.sum() > 20
    assert "entirely hidden" in result.warnings[0]


def test_silhouette_equals_a_rendering_of_the_part_alone() -> None:
    result = isolate("side", groundtruth.Settings(supersample=1))
    points = np.concatenate([mesh.vertices for mesh in PARTS.values()])
    low, high = points.min(0), points.max(0)
    radius = np.linalg.norm(points - (low + high) / 2, axis=1).max()
    mesh = PARTS["side"]
    moved = TriangleMesh((mesh.vertices - (low + high) / 2) / radius, mesh.faces)
    mask = RenderScene([moved]).silhouette(cameras.orbit_camera(AZIMUTH, 0.0, 30.0, SIZE))
    assert ((result.visible | result.imagined) == mask).mean() > 0.999


def test_without_a_node_it_cannot_be_done() -> None:
    with pytest.raises(BackendError, match="needs a known scene"):
        isolate(None)
    with pytest.raises(InputError, match="'hat'"):
        isolate("hat")


def test_shading_darkens_what_faces_away() -> None:
    lit = isolate("big", groundtruth.Settings(shading=1.0))
    tones = lit.rgba[lit.visible][:, 0]
    assert np.ptp(tones.astype(int)) > 40
