"""Simple bodies with known shapes, seen by the six cameras of Zero123++ v1.2."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from mmpart_core.backends import open_backend
from mmpart_core.geometry import transforms
from mmpart_core.geometry.cameras import zero123plus_cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.reconstruct.view_fitting import move_views
from mmpart_core.reconstruct.views_folder import write_views_folder

SIZE = 48
GIVEN_FROM_TORUS = transforms.scale_then_translate(7.5, np.array([12.0, -30.0, 4.0]))


def colored(mesh: trimesh.Trimesh) -> TriangleMesh:
    """A body whose colour follows position, so that views can be told apart and compared."""
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    waves = 0.5 + 0.35 * np.sin(vertices * 9.0 + np.array([0.0, 1.0, 2.0]))
    colors = np.concatenate([waves, np.ones((len(waves), 1))], axis=1)
    return TriangleMesh(
        vertices,
        np.asarray(mesh.faces, dtype=np.int64),
        colors=(colors * 255.0).astype(np.uint8),
    )


def seen(mesh: TriangleMesh, size_px: int) -> PosedViews:
    """The six views of a body."""
    cameras = zero123plus_cameras("v1.2", size_px)
    scene = RenderScene([mesh])
    rgba = np.stack([scene.render(camera, supersample=2).rgba for camera in cameras])
    return PosedViews(rgba, cameras)


def plain(mesh: trimesh.Trimesh, size_px: int) -> PosedViews:
    """The six views of a body of one colour, in studio light."""
    cameras = zero123plus_cameras("v1.2", size_px)
    body = TriangleMesh(
        np.array(mesh.vertices),
        np.array(mesh.faces, np.int64),
        colors=np.tile(np.array([180, 150, 120, 255], np.uint8), (len(mesh.vertices), 1)),
    )
    scene = RenderScene([body])
    rgba = np.stack([scene.render(camera, supersample=2, shading=1.0).rgba for camera in cameras])
    return PosedViews(rgba, cameras)


def torus() -> trimesh.Trimesh:
    """Standing, its hole along X; major radius 0.6, minor radius 0.22."""
    ring = trimesh.creation.torus(0.6, 0.22, major_sections=96, minor_sections=48)
    ring.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (0, 1, 0)))
    return ring


@pytest.fixture(scope="session")
def views_of() -> Callable[[trimesh.Trimesh, int], PosedViews]:
    """Renders a body: ``views_of(mesh, size_px)``."""
    return lambda mesh, size_px: seen(colored(mesh), size_px)


@pytest.fixture(scope="session")
def plain_views_of() -> Callable[[trimesh.Trimesh, int], PosedViews]:
    """Renders a body of one colour, in studio light: ``plain_views_of(mesh, size_px)``."""
    return plain


@pytest.fixture(scope="session")
def torus_mesh() -> trimesh.Trimesh:
    """The torus."""
    return torus()


@pytest.fixture(scope="session")
def torus_views() -> PosedViews:
    """The torus at 96 pixels."""
    return seen(colored(torus()), 96)


@pytest.fixture(scope="session")
def torus_points() -> np.ndarray:
    """Points on the torus' surface."""
    angles = np.random.default_rng(0).uniform(0.0, 2.0 * np.pi, (4000, 2))
    radius = 0.6 + 0.22 * np.cos(angles[:, 1])
    return np.stack(
        [
            0.22 * np.sin(angles[:, 1]),
            radius * np.cos(angles[:, 0]),
            radius * np.sin(angles[:, 0]),
        ],
        axis=1,
    )


@pytest.fixture(scope="session")
def nerfstudio_opened() -> None:
    """Loads nerfstudio as the back-end does."""
    open_backend("reconstruct", "nerfstudio", {"device": "cpu"})


@pytest.fixture(scope="session")
def folder(
    views_of: Callable[[trimesh.Trimesh, int], PosedViews],
    torus_mesh: trimesh.Trimesh,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The torus' views in a frame of its own, two of them held out."""
    views = move_views(views_of(torus_mesh, SIZE), GIVEN_FROM_TORUS)
    path = tmp_path_factory.mktemp("given") / "views"
    rest = PosedViews(views.rgba[:2], views.cameras[:2])
    write_views_folder(path, views, rest)
    return path
