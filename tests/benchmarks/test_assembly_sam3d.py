"""The recipe of SAM 3D Objects: it mends what it can, gives up where it says, and turns nothing."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from mmpart_core.geometry import bounds, transforms
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import TruthGeometry

Load = Callable[[str], ModuleType]
VIEW_DEG = (30.0, 12.0)


@pytest.fixture(scope="module")
def assembly() -> Iterator[Load]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))
        yield lambda name: importlib.import_module(f"benchmarks.assembly.{name}")


def ball(radius: float, place: tuple[float, float, float]) -> TriangleMesh:
    made = trimesh.creation.icosphere(3, radius)
    made.apply_translation(place)
    colors = np.full((len(made.vertices), 4), 160, dtype=np.uint8)
    return TriangleMesh(np.asarray(made.vertices), np.asarray(made.faces), colors=colors)


def scene_of(assembly: Load, parts: dict[str, TriangleMesh]):
    """Parts in a frame where they fit the unit sphere with room around."""
    points = np.concatenate([mesh.vertices for mesh in parts.values()])
    frame = bounds.points_from_unit(points) @ np.diag([1.3, 1.3, 1.3, 1.0])
    inverse = np.linalg.inv(frame)
    truth = TruthGeometry({n: m.transformed(inverse) for n, m in parts.items()}, frame)
    plain = assembly("condition").CONDITIONS["plain"]
    return assembly("scenes").scene_of(truth, "balls", VIEW_DEG, plain, 0)


@pytest.fixture(scope="module")
def apart(assembly: Load):
    """A small ball before a large one, to the right and left of each other."""
    return scene_of(
        assembly, {"large": ball(0.5, (-0.7, -0.8, 0.0)), "small": ball(0.3, (0.5, 0.8, 0.1))}
    )


def centroids(assembly: Load, scene, method) -> list[float]:
    rows = assembly("scoring").score_scene(scene, method(scene, 0))
    return [row["centroid"] for row in rows]


@pytest.mark.long
def test_depth_of_what_is_seen_brings_parts_nearer(assembly: Load, apart):
    by_box = centroids(assembly, apart, assembly("methods").by_box)
    recipe = assembly("sam3d").Recipe()
    placed = recipe(apart, 0).placed
    assert [each.method for each in placed] == ["sam3d", "sam3d"]
    assert np.mean(centroids(assembly, apart, recipe)) < 0.5 * np.mean(by_box)


@pytest.mark.long
def test_what_a_neighbour_hides_is_given_up_and_can_be_fitted_on_request(assembly: Load):
    scene = scene_of(
        assembly, {"far": ball(0.5, (-0.7, 0.0, 0.0)), "near": ball(0.3, (0.9, 0.6, 0.2))}
    )
    shares = dict(zip((part.component for part in scene.task.parts), scene.shares, strict=True))
    assert 0.3 < shares["far"] < 0.97
    recipe = assembly("sam3d").Recipe
    placed = dict(zip(shares, recipe()(scene, 0).placed, strict=True))
    assert placed["far"].method == "sam3d: first pose"
    assert placed["far"].warnings == ("hidden by a neighbour",)
    assert placed["near"].method == "sam3d"
    fitted = dict(zip(shares, recipe(gives_up=False)(scene, 0).placed, strict=True))
    assert fitted["far"].method == "sam3d"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [("border", "at the border"), ("pieces", "in pieces"), ("hole", "has holes"), ("none", "")],
)
def test_masks_are_refused_as_the_recipe_says(assembly: Load, spoil: str, reason: str):
    mask = np.zeros((120, 160), dtype=bool)
    mask[30:90, 40:100] = True
    if spoil == "border":
        mask[30:90, 100:158] = True
    elif spoil == "pieces":
        mask[30:90, 60:80] = False
    elif spoil == "hole":
        mask[50:60, 60:71] = False
    depth = np.where(mask, 3.5, np.inf)
    assert assembly("sam3d")._refusal(mask, depth) == reason


def test_icp_finds_a_small_motion(assembly: Load):
    random = np.random.default_rng(3)
    points = random.normal(size=(800, 3)) * [0.6, 0.4, 0.2]
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("xyz", (0.8, -0.5, 0.6), degrees=True).as_matrix()
    motion[:3, 3] = 0.006, -0.004, 0.005
    found = assembly("sam3d").icp(points, points @ motion[:3, :3].T + motion[:3, 3])
    np.testing.assert_allclose(found, motion, atol=1e-4)


def test_the_outline_gains_by_optimising(assembly: Load, apart):
    part = apart.task.parts[1]
    outline = assembly("sam3d").Outline(part.mesh, part.visible, apart.camera)
    _, true = apart.truth.part_frame(part.component, apart.azimuth_deg)
    beside = true.copy()
    beside[:3, 3] += transforms.to_array(apart.camera.world_from_camera)[:3, 0] * 0.04
    made = outline.optimized(beside)
    assert outline.iou(beside) < 0.9
    assert outline.iou(made) > 0.96
