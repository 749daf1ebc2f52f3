"""Assembly tasks made from known geometry: scale and position forgotten, silhouettes true."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import trimesh

from mmpart_core.assemble.protocol import Assembly, AssemblyTask, PartEvidence
from mmpart_core.geometry import bounds, cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import TruthGeometry
from mmpart_core.records import InputView

ELEVATION_DEG, FOV_DEG = 20.0, 30.0


def make_task(
    truth: TruthGeometry,
    azimuth_deg: float = 0.0,
    size_px: int = 384,
    *,
    whole: bool = True,
    known: bool = True,
    shown_only: bool = False,
    names: Sequence[str] | None = None,
    fov_deg: float = FOV_DEG,
) -> AssemblyTask:
    """The task that perfect earlier stages would give for a known scene.

    Args:
        truth: the scene.
        azimuth_deg: of the input camera.
        size_px: side of the source image.
        whole: give the six views of the whole object.
        known: give the known scene along with it.
        shown_only: leave out parts that the source does not show.
        names: the parts; all of them when None.
        fov_deg: true field of view of the input camera; the task's own stays.
    """
    camera = cameras.orbit_camera(0.0, ELEVATION_DEG, FOV_DEG, size_px)
    scene_camera = cameras.orbit_camera(azimuth_deg, ELEVATION_DEG, fov_deg, size_px)
    source = truth.render_scene.render(scene_camera)
    parts = []
    for name in names or truth.names:
        index = truth.names.index(name)
        visible = source.node_index == index
        if shown_only and not visible.any():
            continue
        alone = RenderScene([truth.part(name)]).render(scene_camera).rgba
        mesh, _ = truth.part_frame(name, azimuth_deg)
        imagined = (alone[..., 3] >= 128) & ~visible
        parts.append(PartEvidence(name, alone, visible, imagined, mesh, name if known else None))
    return AssemblyTask(
        source=source.rgba,
        foreground=source.rgba[..., 3] >= 128,
        camera=camera,
        view=InputView(azimuth_deg=azimuth_deg, elevation_deg=ELEVATION_DEG, fov_deg=FOV_DEG),
        parts=tuple(parts),
        whole_views=whole_views(truth, azimuth_deg) if whole else None,
        whole_frame_known=whole and known,
        truth=truth if known else None,
    )


def whole_views(truth: TruthGeometry, azimuth_deg: float) -> PosedViews:
    """The whole object from six sides, posed relative to the input camera's azimuth."""
    turned = [
        cameras.orbit_camera(azimuth + azimuth_deg, elevation, 30.0, 320)
        for azimuth, elevation in zip(
            cameras.ZERO123PLUS_AZIMUTHS_DEG, (20.0, -10.0) * 3, strict=True
        )
    ]
    rgba = np.stack([truth.render_scene.render(each, supersample=1).rgba for each in turned])
    return PosedViews(rgba, cameras.zero123plus_cameras("v1.2", 320))


def box_ious(task: AssemblyTask, assembly: Assembly, truth: TruthGeometry) -> list[float]:
    """Overlap of each placed part's axis-aligned box with the true one, normalised scene frame."""
    ious = []
    for part, placed in zip(task.parts, assembly.placed, strict=True):
        got = part.mesh.transformed(placed.world_from_part).vertices[part.mesh.faces.ravel()]
        want = truth.part(part.component)
        low, high = bounds.bounding_box(want.vertices[want.faces.ravel()])
        low_got, high_got = got.min(axis=0), got.max(axis=0)
        thin = 1e-3
        shared = np.maximum(np.minimum(high, high_got) - np.maximum(low, low_got) + thin, 0.0)
        volumes = np.prod(high - low + thin) + np.prod(high_got - low_got + thin)
        ious.append(float(np.prod(shared) / (volumes - np.prod(shared))))
    return ious


def make_scene(parts: dict[str, TriangleMesh]) -> TruthGeometry:
    """A known scene from meshes in any common frame."""
    used = np.concatenate([mesh.vertices for mesh in parts.values()])
    scene_from_normalised = bounds.points_from_unit(used)
    inverse = np.linalg.inv(scene_from_normalised)
    return TruthGeometry(
        {name: mesh.transformed(inverse) for name, mesh in parts.items()}, scene_from_normalised
    )


@pytest.fixture(scope="session")
def task_of() -> Callable[..., AssemblyTask]:
    return make_task


@pytest.fixture(scope="session")
def ious_of() -> Callable[..., list[float]]:
    return box_ious


@pytest.fixture(scope="session")
def scene_of() -> Callable[..., TruthGeometry]:
    return make_scene


def colored(mesh: trimesh.Trimesh, rgb: tuple[int, int, int]) -> TriangleMesh:
    """A mesh of one colour."""
    colors = np.tile(np.array([*rgb, 255], dtype=np.uint8), (len(mesh.vertices), 1))
    return TriangleMesh(
        np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces), colors=colors
    )


def box(
    extents: tuple[float, float, float],
    center: tuple[float, float, float],
    rgb: tuple[int, int, int],
) -> TriangleMesh:
    """An axis-aligned box."""
    mesh = trimesh.creation.box(extents)
    mesh.apply_translation(center)
    return colored(mesh, rgb)


def sphere(
    radius: float, center: tuple[float, float, float], rgb: tuple[int, int, int]
) -> TriangleMesh:
    """A sphere."""
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    mesh.apply_translation(center)
    return colored(mesh, rgb)


@pytest.fixture(scope="session")
def two_boxes() -> TruthGeometry:
    """A small red box in front of a large blue one, off the origin and not of unit size."""
    return make_scene(
        {
            "far": box((1.0, 2.0, 2.0), (5.0, 1.0, 3.0), (50, 80, 200)),
            "near": box((0.5, 0.8, 0.8), (5.8, 1.3, 2.9), (200, 60, 50)),
        }
    )


@pytest.fixture(scope="session")
def snowman() -> TruthGeometry:
    """Three balls on one another, with a hat's brim in front of the head."""
    return make_scene(
        {
            "base": sphere(1.0, (0.0, 0.0, 0.0), (230, 230, 240)),
            "belly": sphere(0.7, (0.1, 0.0, 1.45), (210, 190, 120)),
            "head": sphere(0.45, (0.15, 0.05, 2.45), (230, 150, 120)),
            "brim": box((1.1, 1.1, 0.1), (0.15, 0.05, 2.80), (60, 60, 70)),
        }
    )
