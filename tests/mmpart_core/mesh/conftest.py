"""Known shapes as fields, with views rendered from their true surface."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from skimage.measure import marching_cubes

from mmpart_core.geometry import cameras
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh.flexicubes import FlexiCubes

Distance = Callable[[np.ndarray], np.ndarray]
Paint = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Known:
    """A shape as the mesh stage gets it, and its truth."""

    field: FieldGrid
    views: PosedViews
    truth: RenderScene


def sphere(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points, axis=-1) - 0.8


def torus(points: np.ndarray) -> np.ndarray:
    ring = np.linalg.norm(points[..., :2], axis=-1) - 0.6
    return np.hypot(ring, points[..., 2]) - 0.2


def two_balls(points: np.ndarray) -> np.ndarray:
    big = np.linalg.norm(points - [0.5, 0.0, 0.0], axis=-1) - 0.35
    small = np.linalg.norm(points - [-0.5, 0.0, 0.0], axis=-1) - 0.3
    return np.minimum(big, small)


def plate(points: np.ndarray) -> np.ndarray:
    return np.max(np.abs(points) - [0.7, 0.7, 0.03], axis=-1)


def slab(points: np.ndarray) -> np.ndarray:
    """A thick board that faces the front."""
    return np.max(np.abs(points) - [0.2, 0.7, 0.6], axis=-1)


def rainbow(points: np.ndarray) -> np.ndarray:
    """Colours that differ everywhere, in [0, 1]."""
    return np.stack(
        [
            0.5 + 0.5 * np.sin(4 * points[..., 0]),
            0.5 + 0.4 * np.cos(3 * points[..., 1] + 1),
            0.5 + 0.4 * np.sin(5 * points[..., 2]),
        ],
        axis=-1,
    )


def letter_f(points: np.ndarray) -> np.ndarray:
    """A dark F on the board's front, as read by someone in front of it; the rest is light.

    Seen from +X with +Z up, +Y is to the right.
    """
    right, up = points[..., 1], points[..., 2]
    stem = (right > -0.4) & (right < -0.2) & (np.abs(up) < 0.45)
    top = (right > -0.4) & (right < 0.4) & (up > 0.25) & (up < 0.45)
    middle = (right > -0.4) & (right < 0.15) & (np.abs(up) < 0.1)
    ink = (stem | top | middle) & (points[..., 0] > 0)
    return np.where(ink[..., None], [0.1, 0.1, 0.5], [0.9, 0.8, 0.4])


def known_shape(distance: Distance, paint: Paint, size: int = 56, fine: int = 120) -> Known:
    """Field at ``size`` corners a side; truth by marching cubes at ``fine``."""
    field = sampled_field(distance, paint, size)
    dense = sampled_field(distance, paint, fine)
    vertices, faces, _, _ = marching_cubes(dense.sdf, 0.0)
    vertices = vertices.astype(np.float64) * dense.spacing + dense.origin
    colors = np.full((len(vertices), 4), 255, dtype=np.uint8)
    colors[:, :3] = np.rint(paint(vertices) * 255)
    truth = RenderScene([TriangleMesh(vertices, faces.astype(np.int64), colors=colors)])
    poses = cameras.zero123plus_cameras("v1.2", 200)
    pictures = np.stack([truth.render(camera, supersample=2).rgba for camera in poses])
    return Known(field, PosedViews(pictures, poses), truth)


def sampled_field(distance: Distance, paint: Paint, size: int) -> FieldGrid:
    ticks = np.linspace(-1.0, 1.0, size)
    points = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1)
    return FieldGrid(
        distance(points).astype(np.float32),
        paint(points).astype(np.float32),
        np.full(3, -1.0),
        2.0 / (size - 1),
    )


@pytest.fixture(scope="session")
def known_torus() -> Known:
    return known_shape(torus, rainbow)


@pytest.fixture(scope="session")
def known_board() -> Known:
    return known_shape(slab, letter_f)


class KaolinsFlexiCubes:
    """``kaolin.ops.conversions.FlexiCubes`` as kaolin 0.18's documentation lists its arguments.

    Source of the names, their order and their defaults:
    https://kaolin.readthedocs.io/en/latest/modules/kaolin.ops.conversions.html
    A call goes to our implementation by the documented names; the devices are kept.
    """

    devices: ClassVar[list[str]] = []

    def __init__(self, device="cuda"):
        self.devices.append(device)
        self._ours = FlexiCubes(device)

    def __call__(
        self,
        voxelgrid_vertices,
        scalar_field,
        cube_idx,
        resolution,
        qef_reg_scale=1e-3,
        weight_scale=0.99,
        beta=None,
        alpha=None,
        gamma_f=None,
        training=False,
        output_tetmesh=False,
        grad_func=None,
        voxelgrid_features=None,
    ):
        given = {name: value for name, value in locals().items() if name != "self"}
        return self._ours(**given)
