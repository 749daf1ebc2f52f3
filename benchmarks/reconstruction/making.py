"""From views to meshes by one method, with what it took."""

import resource
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.reconstruction.methods import Method
from mmpart_core.backends import open_backend
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh import checks as mesh_checks
from mmpart_core.mesh.protocol import SurfaceExtractor
from mmpart_core.reconstruct import checks as field_checks
from mmpart_core.reconstruct.protocol import FieldTrainer

HULL_CORNERS = 96
_HULL_MARGIN = 0.02


@dataclass(frozen=True)
class Cost:
    """What making took; seconds of all threads of the process, and of the clock.

    Attributes:
        train_cpu_s: until the field was there.
        total_cpu_s: until the coloured mesh was there.
        train_wall_s: as ``train_cpu_s``, of the clock.
        total_wall_s: as ``total_cpu_s``, of the clock.
        peak_mb: largest resident memory of the process until then, its libraries included.
        gpu_mb: largest memory of tensors on the GPU; None without one.
    """

    train_cpu_s: float
    total_cpu_s: float
    train_wall_s: float
    total_wall_s: float
    peak_mb: float
    gpu_mb: float | None = None


@dataclass(frozen=True)
class Made:
    """What a method made.

    Attributes:
        meshes: part frame; several where the method leaves open at which level its surface is.
        cost: what it took.
        confidence: what the method says of its result; None where it says nothing.
    """

    meshes: tuple[TriangleMesh, ...]
    cost: Cost
    confidence: float | None = None


class Stopwatch:
    """Processor and clock time since it was made, and at one moment between."""

    def __init__(self) -> None:
        self._start = time.process_time(), time.perf_counter()
        self._trained = self._start

    def trained(self) -> None:
        """The field is there."""
        self._trained = time.process_time(), time.perf_counter()

    def cpu_s(self) -> float:
        """Processor seconds until now."""
        return time.process_time() - self._start[0]

    def go_on(self) -> None:
        """Training goes on: what was done since ``trained`` does not count."""
        away = time.process_time() - self._trained[0], time.perf_counter() - self._trained[1]
        self._start = self._start[0] + away[0], self._start[1] + away[1]

    def cost(self) -> Cost:
        """What it took until now."""
        now = time.process_time(), time.perf_counter()
        return Cost(
            train_cpu_s=self._trained[0] - self._start[0],
            total_cpu_s=now[0] - self._start[0],
            train_wall_s=self._trained[1] - self._start[1],
            total_wall_s=now[1] - self._start[1],
            peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
            gpu_mb=_gpu_mb(),
        )


def make(method: Method, views: PosedViews, seed: int) -> Made:
    """Make one part.

    Args:
        method: how.
        views: what it is made from, part frame.
        seed: every random choice follows from it.

    Raises:
        MMPartError: the method found no usable surface.
    """
    if method.family == "stages":
        return make_by_stages(method, views, seed)
    if method.family == "hull":
        return make_hull(views)
    from benchmarks.reconstruction.stock import make_by_stock_model

    return make_by_stock_model(method.stock_options(), views, seed)


def make_by_stages(method: Method, views: PosedViews, seed: int) -> Made:
    """The project's own back-ends and checks; opening them is not counted.

    Raises:
        MMPartError: as the stages raise it.
    """
    given = method.settings
    trainer: FieldTrainer = open_backend(
        "reconstruct", method.kinds["reconstruct"], given.get("reconstruct", {})
    )
    extractor: SurfaceExtractor = open_backend("mesh", method.kinds["mesh"], given.get("mesh", {}))
    watch = Stopwatch()
    trained = trainer.train(views, seed)
    watch.trained()
    field_checks.check_field(trained, "part")
    mesh = extractor.extract(trained.grid, trained.trained_on(views), seed).mesh
    mesh_checks.check_surface(mesh, "part")
    return Made((mesh,), watch.cost(), trained.confidence)


def make_hull(views: PosedViews) -> Made:
    """The plain visual hull of the masks, by marching cubes, coloured by projection.

    Raises:
        BackendError: the masks have no common body.
    """
    from skimage.measure import marching_cubes

    from mmpart_core.mesh.bake import color_vertices
    from mmpart_core.reconstruct.hull import VisualHull, fit_grid

    watch = Stopwatch()
    spec, sdf = fit_grid(VisualHull(views, slack_px=0.0), HULL_CORNERS, _HULL_MARGIN)
    distances = sdf.numpy()
    steps, faces, _, _ = marching_cubes(distances, level=0.0, gradient_direction="descent")
    field = FieldGrid(
        distances, np.full((*distances.shape, 3), 0.5, dtype=np.float32),
        np.array(spec.origin), spec.spacing,
    )  # fmt: skip
    vertices = steps.astype(np.float64) * spec.spacing + field.origin
    mesh, _ = color_vertices(vertices, faces.astype(np.int64), field, views)
    return Made((mesh,), watch.cost())


def _gpu_mb() -> float | None:
    import torch

    if not torch.cuda.is_initialized():
        return None
    return torch.cuda.max_memory_allocated() / 2**20
