"""One small known scene, brought through the stages in memory, for every back-end's contract."""

from dataclasses import dataclass

import numpy as np
import pytest
import trimesh

from mmpart_core.geometry import cameras, transforms, truth_scene
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import (
    Camera,
    ComponentRequest,
    ImageRef,
    InputView,
    ObjectRequest,
    PartPrompt,
    Region,
    TruthPart,
    TruthScene,
)
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.memory_store import MemoryStore

SIZE_PX = 192
AZIMUTH_DEG = 30.0


def colored(mesh: trimesh.Trimesh, rgb: tuple[int, int, int]) -> TriangleMesh:
    """A trimesh as one of ours, in one colour."""
    colors = np.tile(np.array([*rgb, 255], dtype=np.uint8), (len(mesh.vertices), 1))
    return TriangleMesh(
        np.asarray(mesh.vertices), np.asarray(mesh.faces, dtype=np.int64), colors=colors
    )


@dataclass(frozen=True)
class KnownScene:
    """A green ball on a red block, its request and its prompts."""

    store: MemoryStore
    request: ObjectRequest
    source: np.ndarray
    foreground: np.ndarray
    prompts: tuple[PartPrompt, ...]
    truth: truth_scene.TruthGeometry
    ids: np.ndarray


@pytest.fixture(scope="session")
def known_scene() -> KnownScene:
    """The scene as the stages would see it."""
    store = MemoryStore()
    block = trimesh.creation.box((1.0, 1.2, 0.8))
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.45)
    ball.apply_translation((0.0, 0.0, 0.75))
    nodes = [
        glb.GlbNode("block", colored(block, (200, 60, 50)), np.eye(4), {}),
        glb.GlbNode("ball", colored(ball, (60, 170, 80)), np.eye(4), {}),
    ]
    scene_ref = store.put(glb.encode_glb(nodes), "model/gltf-binary")
    truth = truth_scene.load_truth(store, TruthScene(scene=scene_ref))
    assert truth is not None
    meshes = [
        truth.part(name).transformed(transforms.rotation_z(-AZIMUTH_DEG)) for name in truth.names
    ]
    camera = cameras.orbit_camera(0.0, 20.0, 30.0, SIZE_PX)
    view = RenderScene(meshes).render(camera)
    foreground = view.rgba[..., 3] >= 128
    mask = codecs.put_mask(store, foreground)
    request = ObjectRequest(
        name="ball-on-block",
        image=codecs.put_image(store, view.rgba),
        components=tuple(
            ComponentRequest(name=name, region=_box(view.node_index == index))
            for index, name in enumerate(truth.names)
        ),
        view=InputView(azimuth_deg=AZIMUTH_DEG),
        truth=TruthScene(scene=scene_ref),
    )
    return KnownScene(
        store, request, view.rgba, foreground, _prompts(request, mask, camera), truth,
        view.node_index,
    )  # fmt: skip


def _box(mask: np.ndarray) -> Region:
    rows, columns = np.nonzero(mask)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    left, top, right, bottom = (float(value) / SIZE_PX for value in box)
    return Region(kind="box", box=(left, top, right, bottom))


def _prompts(request: ObjectRequest, mask: ImageRef, camera: Camera) -> tuple[PartPrompt, ...]:
    assert request.truth is not None
    return tuple(
        PartPrompt(
            component=component.name,
            prompt=f"only the {component.name}",
            index=index,
            regions=tuple(c.region for c in request.components),
            counts=tuple(c.count for c in request.components),
            foreground=mask,
            camera=camera,
            truth=TruthPart(
                scene=request.truth.scene, node=component.name, azimuth_deg=AZIMUTH_DEG
            ),
        )
        for index, component in enumerate(request.components)
    )


@pytest.fixture(scope="session")
def ball_views() -> PosedViews:
    """Six true views of a green ball, 96 px."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.9)
    scene = RenderScene([colored(ball, (60, 170, 80))])
    six = cameras.zero123plus_cameras("v1.2", 96)
    return PosedViews(np.stack([scene.render(camera).rgba for camera in six]), six)


@pytest.fixture(scope="session")
def ball_field() -> FieldGrid:
    """The exact field of the same ball."""
    axis = np.linspace(-1.0, 1.0, 41)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    sdf = (np.linalg.norm(points, axis=-1) - 0.9).astype(np.float32)
    rgb = np.broadcast_to(np.array([60, 170, 80], np.float32) / 255, (*sdf.shape, 3)).copy()
    return FieldGrid(sdf, rgb, np.full(3, -1.0), float(axis[1] - axis[0]))
