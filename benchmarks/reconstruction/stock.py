"""nerfstudio's own models on a part's views, through nerfstudio's own Trainer, on a CPU.

What their defaults do not allow without a GPU and a network is changed, no more: sizes and samples
that a CPU can train; PyTorch instead of tiny-cuda-nn; no LPIPS, whose weights would be downloaded;
no viewer; pixels from memory. Poses are given, so cameras are not optimised, the scene is not
contracted, and rays begin and end around the unit sphere. Density has no surface: marching cubes
at several levels, of which the best by the truth counts.

Importing this module imports nerfstudio, which takes seconds.
"""

import contextlib
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.configs.base_config import LocalWriterConfig, LoggingConfig, MachineConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.models.base_model import ModelConfig
from nerfstudio.models.nerfacto import NerfactoModelConfig
from nerfstudio.models.tensorf import TensoRFModelConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig
from nerfstudio.utils.rich_utils import CONSOLE
from skimage.measure import marching_cubes
from torch import Tensor
from torchmetrics.image import lpip

from benchmarks.reconstruction.making import Made, Stopwatch
from benchmarks.reconstruction.methods import StockOptions
from benchmarks.reconstruction.stock_data import REACH, PixelsConfig
from mmpart_core.errors import BackendError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.normals import smooth_normals
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.surface import TriangleMesh

CORNERS = 96
# Per object unit; over a cell of the grid they absorb a tenth, three tenths, two thirds.
LEVELS = (5.0, 15.0, 45.0)
_CHUNK = 1 << 16
_NEVER = 1_000_000_000


class NoPerceptualMetric(torch.nn.Module):
    """Stands where the models construct LPIPS, which they use for evaluation only."""

    def __init__(self, normalize: bool) -> None:
        del normalize
        super().__init__()


def make_by_stock_model(options: StockOptions, views: PosedViews, seed: int) -> Made:
    """Train, extract at all levels, colour by the field.

    Args:
        options: which model, and for how long.
        views: posed views, part frame.
        seed: every random choice follows from it.

    Raises:
        BackendError: at no level is there a surface.
    """
    watch = Stopwatch()
    field = train_stock(options, views, seed)
    watch.trained()
    density = grid_density(field)
    meshes = [
        extract(field, density, level)
        for level in LEVELS
        if float(density.min()) < level < float(density.max())
    ]
    if not meshes:
        raise BackendError(
            f"{options.model}: density is at most {float(density.max()):.3g} after training, which "
            f"is no surface at any of the levels {LEVELS}"
        )
    return Made(tuple(meshes), watch.cost())


def train_stock(options: StockOptions, views: PosedViews, seed: int) -> Any:
    """The trained field of the model."""
    torch.manual_seed(seed)
    stop_at = None if options.seconds is None else time.process_time() + options.seconds
    data = PixelsConfig(views=views, rays_per_batch=options.rays, seed=seed, stop_at=stop_at)
    with tempfile.TemporaryDirectory() as folder, _quiet(), _without_lpips():
        trainer: Trainer = TrainerConfig(
            method_name=options.model,
            experiment_name="part",
            timestamp="run",
            output_dir=Path(folder),
            vis="none",  # pyright: ignore[reportArgumentType]
            machine=MachineConfig(device_type="cpu", seed=seed),
            logging=LoggingConfig(local_writer=LocalWriterConfig(enable=False), profiler="none"),
            max_num_iterations=options.steps,
            steps_per_save=_NEVER,
            mixed_precision=False,
            pipeline=VanillaPipelineConfig(datamanager=data, model=model_config(options, views)),
            optimizers=optimizers(options),
        ).setup()
        trainer.setup()
        trainer.train()
    field: Any = trainer.pipeline.model.field
    return field.eval()


def model_config(options: StockOptions, views: PosedViews) -> ModelConfig:
    """The model at a size that a CPU can train; the rest as in nerfstudio's method of its name."""
    fixed = CameraOptimizerConfig(mode="off")
    if options.model == "tensorf":
        return TensoRFModelConfig(
            init_resolution=96,
            final_resolution=96,
            upsampling_iters=(),
            num_uniform_samples=96,
            num_samples=32,
            regularization="tv",
            background_color="random",
            camera_optimizer=fixed,
        )
    pose = transforms.to_array(views.cameras[0].world_from_camera)
    distance = float(np.linalg.norm(pose[:3, 3]))
    return NerfactoModelConfig(
        num_levels=8,
        log2_hashmap_size=16,
        num_proposal_iterations=1,
        num_proposal_samples_per_ray=(64,),
        num_nerf_samples_per_ray=24,
        proposal_initial_sampler="uniform",
        near_plane=distance - REACH,
        far_plane=distance + REACH,
        disable_scene_contraction=True,
        average_init_density=0.01,
        background_color="random",
        implementation="torch",
        camera_optimizer=fixed,
    )


def optimizers(options: StockOptions) -> dict[str, Any]:
    """Rates and schedules of nerfstudio's methods of these names."""
    if options.model == "tensorf":
        return {
            "fields": _adam(1e-3, 1e-4, 30_000),
            "encodings": _adam(2e-2, 2e-3, 30_000),
        }
    return {name: _adam(1e-2, 1e-4, 200_000) for name in ("proposal_networks", "fields")}


@torch.no_grad()
def grid_density(field: Any) -> Float[np.ndarray, "X Y Z"]:
    """Density on a grid over the cube that holds the part."""
    axis = torch.linspace(-REACH, REACH, CORNERS)
    values: list[Tensor] = []
    for points in torch.cartesian_prod(axis, axis, axis).split(_CHUNK):
        found = field.get_density(_samples(points, torch.ones_like(points)))
        values.append((found[0] if isinstance(found, tuple) else found).reshape(-1))
    return torch.cat(values).view(CORNERS, CORNERS, CORNERS).numpy()


@torch.no_grad()
def extract(field: Any, density: Float[np.ndarray, "X Y Z"], level: float) -> TriangleMesh:
    """The surface at a level, closed at the border, in the colours seen from straight above it."""
    spacing = 2.0 * REACH / (CORNERS - 1)
    steps, faces, _, _ = marching_cubes(np.pad(density, 1), level, gradient_direction="ascent")
    vertices = (steps.astype(np.float64) - 1.0) * spacing - REACH
    triangles = faces.astype(np.int64)
    inward = torch.from_numpy(-smooth_normals(vertices, triangles)).float()
    points = torch.from_numpy(vertices).float()
    colors = [
        field.forward(_samples(*some))[FieldHeadNames.RGB].reshape(-1, 3)
        for some in zip(points.split(_CHUNK), inward.split(_CHUNK), strict=True)
    ]
    rgb = np.rint(torch.cat(colors).numpy().clip(0.0, 1.0) * 255.0).astype(np.uint8)
    rgba = np.concatenate([rgb, np.full((len(rgb), 1), 255, dtype=np.uint8)], axis=1)
    return TriangleMesh(vertices, triangles, colors=rgba)


def _samples(points: Float[Tensor, "P 3"], directions: Float[Tensor, "P 3"]) -> RaySamples:
    """Points as rays of one sample each; what the fields take."""
    nothing = torch.zeros_like(points[:, None, :1])
    return RaySamples(
        frustums=Frustums(
            origins=points[:, None],
            directions=directions[:, None],
            starts=nothing,
            ends=nothing,
            pixel_area=torch.ones_like(nothing),
        ),
        camera_indices=nothing.long(),
    )


def _adam(rate: float, last: float, steps: int) -> dict[str, object]:
    return {
        "optimizer": AdamOptimizerConfig(lr=rate, eps=1e-15),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=last, max_steps=steps),
    }


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Within: nerfstudio's console says nothing."""
    quiet, CONSOLE.quiet = CONSOLE.quiet, True
    try:
        yield
    finally:
        CONSOLE.quiet = quiet


@contextlib.contextmanager
def _without_lpips() -> Generator[None]:
    """Within: models construct ``NoPerceptualMetric`` in place of LPIPS, by name."""
    name = "LearnedPerceptualImagePatchSimilarity"
    original = getattr(lpip, name)
    setattr(lpip, name, NoPerceptualMetric)
    try:
        yield
    finally:
        setattr(lpip, name, original)
