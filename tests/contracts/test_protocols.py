"""What every back-end of a stage must do, whoever wrote it; found by file name, run on defaults."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mmpart_core import backends
from mmpart_core.assemble.checks import check_assembly
from mmpart_core.assemble.protocol import AssemblyTask, PartEvidence
from mmpart_core.errors import ConfigError
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.isolate.checks import check_isolation
from mmpart_core.isolate.protocol import Isolation, IsolationTask
from mmpart_core.mesh.checks import check_surface
from mmpart_core.multiview.checks import check_views
from mmpart_core.multiview.protocol import PartImage
from mmpart_core.reconstruct.checks import check_field
from mmpart_core.records import StageName

AZIMUTH_DEG = 30.0  # of the known scene's input camera, see conftest.py
OPENED_BY_DEFAULT: dict[StageName, set[str]] = {
    "plan": {"template"},
    "isolate": {"regions", "groundtruth"},
    "multiview": {"lift", "groundtruth"},
    "reconstruct": {"nerfstudio"},
    "mesh": {"flexicubes", "marching_cubes"},
    "assemble": {"layout", "groundtruth"},
}


def kinds(stage: StageName) -> Callable[[Any], Any]:
    return pytest.mark.parametrize("kind", backends.available_kinds(stage))


def opened(stage: StageName, kind: str) -> Any:
    try:
        return backends.open_backend(stage, kind, {})
    except ConfigError as error:  # a package, a key or weights are not here
        if kind in OPENED_BY_DEFAULT[stage]:
            raise
        pytest.skip(str(error))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("stage", backends.STAGES)
def test_the_offline_back_ends_are_there(stage: StageName) -> None:
    assert set(backends.available_kinds(stage)) >= OPENED_BY_DEFAULT[stage]


@kinds("plan")
def test_planner(kind: str, known_scene: Any) -> None:
    planner = opened("plan", kind)
    draft = planner.plan(known_scene.source, known_scene.request, 0)
    assert len(draft.prompts) == len(known_scene.request.components)
    for prompt, component in zip(draft.prompts, known_scene.request.components, strict=True):
        assert component.name in prompt
    assert planner.plan(known_scene.source, known_scene.request, 0) == draft


def isolate(kind: str, scene: Any, index: int) -> Isolation:
    task = IsolationTask(scene.source, scene.foreground, scene.prompts[index], truth=scene.truth)
    return opened("isolate", kind).isolate(task, 0)


@kinds("isolate")
@pytest.mark.parametrize("index", [0, 1])
def test_isolator(kind: str, index: int, known_scene: Any) -> None:
    isolation = isolate(kind, known_scene, index)
    check_isolation(isolation, known_scene.prompts[index].component)
    assert isolation.rgba.shape == known_scene.source.shape
    shown = isolation.rgba[..., 3] >= 128
    assert iou(isolation.visible, known_scene.ids == index) > 0.85
    assert not (isolation.visible & isolation.imagined).any()
    assert iou(shown, isolation.visible | isolation.imagined) > 0.95
    assert np.array_equal(isolation.rgba, isolate(kind, known_scene, index).rgba)


@kinds("multiview")
def test_view_generator(kind: str, known_scene: Any) -> None:
    isolation = isolate("groundtruth", known_scene, 1)
    prompt = known_scene.prompts[1]
    image = PartImage(
        isolation.rgba, isolation.visible, prompt.camera, known_scene.truth, "ball", AZIMUTH_DEG
    )
    generator = opened("multiview", kind)
    generated = generator.generate(image, 0)
    check_views(generated.views, "ball")
    assert len(generated.method) > 10
    views = generated.views.rgba
    solid = views[..., 3] >= 250
    assert (solid.mean(axis=(1, 2)) > 0.2).all()
    mean_rgb = views[..., :3][solid].mean(axis=0)
    assert mean_rgb[1] > mean_rgb[0] + 40  # green, whoever drew it
    assert np.array_equal(generator.generate(image, 0).views.rgba, views)


@kinds("reconstruct")
def test_field_trainer(kind: str, ball_views: PosedViews) -> None:
    trained = opened("reconstruct", kind).train(ball_views, 0)
    low, high = check_field(trained, "ball")
    assert np.allclose(low, -0.9, atol=0.06)
    assert np.allclose(high, 0.9, atol=0.06)
    assert trained.train_psnr_db > 20
    assert trained.grid.rgb.shape == (*trained.grid.sdf.shape, 3)


@kinds("mesh")
def test_surface_extractor(kind: str, ball_field: FieldGrid, ball_views: PosedViews) -> None:
    extractor = opened("mesh", kind)
    surface = extractor.extract(ball_field, ball_views, 0)
    facts = check_surface(surface.mesh, "ball")
    assert facts.watertight
    assert facts.bodies == 1
    assert np.abs(np.linalg.norm(surface.mesh.vertices, axis=1) - 0.9).max() < 0.03
    assert facts.volume == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.03)
    seen = RenderScene([surface.mesh]).render(ball_views.cameras[0])
    difference = np.abs(seen.rgba[..., :3].astype(int) - ball_views.rgba[0][..., :3])
    both = (seen.rgba[..., 3] > 250) & (ball_views.rgba[0][..., 3] > 250)
    assert difference[both].mean() < 6


@kinds("assemble")
def test_assembler(kind: str, known_scene: Any) -> None:
    parts = []
    truths = []
    for index, name in enumerate(known_scene.truth.names):
        isolation = isolate("groundtruth", known_scene, index)
        mesh, normalised_from_part = known_scene.truth.part_frame(name, AZIMUTH_DEG)
        truths.append(known_scene.truth.scene_from_normalised @ normalised_from_part)
        parts.append(
            PartEvidence(name, isolation.rgba, isolation.visible, isolation.imagined, mesh, name)
        )
    task = AssemblyTask(
        known_scene.source,
        known_scene.foreground,
        known_scene.prompts[0].camera,
        known_scene.request.view,
        tuple(parts),
        truth=known_scene.truth,
    )
    assembly = opened("assemble", kind).assemble(task, 0)
    check_assembly(assembly, task)
    sizes = [np.cbrt(np.linalg.det(p.world_from_part[:3, :3])) for p in assembly.placed]
    expected = [np.cbrt(np.linalg.det(truth[:3, :3])) for truth in truths]
    assert sizes[0] / sizes[1] == pytest.approx(expected[0] / expected[1], rel=0.15)
    heights = [p.world_from_part[2, 3] for p in assembly.placed]
    assert heights[1] > heights[0]  # the ball is above the block


def test_a_kind_that_nothing_provides_is_named() -> None:
    with pytest.raises(backends.UnknownBackendError, match=r"no back-end 'nothing'.*template"):
        backends.open_backend("plan", "nothing", {})
