"""nerfstudio's own models on a part's views, at sizes that a CPU can train.

Data, trainer and what is changed of the models' defaults are those of the product's ``nerfacto``
(``mmpart_core.reconstruct.nerfacto``); sizes and samples are smaller. Density has no surface:
marching cubes at several levels, of which the best by the truth counts.

Importing this module imports nerfstudio, which takes seconds.
"""

import time
from typing import Any

# Declares torchvision's operators, which nerfstudio's imports below ask for.
from mmpart_core.reconstruct.nerfacto import (  # isort: split
    StockTraining,
    adam,
    fixed_cameras,
    nerfacto_model,
    nerfacto_optimizers,
    train_stock,
)

import numpy as np
import torch
from jaxtyping import Float
from nerfstudio.models.base_model import ModelConfig
from nerfstudio.models.tensorf import TensoRFModelConfig
from skimage.measure import marching_cubes

from benchmarks.reconstruction.making import Made, Stopwatch
from benchmarks.reconstruction.methods import StockOptions
from mmpart_core.errors import BackendError
from mmpart_core.geometry.normals import smooth_normals
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.reconstruct.hull import DOMAIN_RADIUS
from mmpart_core.reconstruct.nerfacto_field import sample_colors, sample_density

CORNERS = 96
# Per object unit; over a cell of the grid they absorb a tenth, three tenths, two thirds.
LEVELS = (5.0, 15.0, 45.0)


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
    stop_at = None if options.seconds is None else time.process_time() + options.seconds
    training = StockTraining(
        model_config(options), optimizers(options), options.steps, options.rays, "cpu", stop_at
    )
    field: Any = train_stock(views, training, seed).field
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


def model_config(options: StockOptions) -> ModelConfig:
    """The model at a size that a CPU can train; the rest as in nerfstudio's method of its name."""
    if options.model == "tensorf":
        return TensoRFModelConfig(
            init_resolution=96,
            final_resolution=96,
            upsampling_iters=(),
            num_uniform_samples=96,
            num_samples=32,
            regularization="tv",
            background_color="random",
            camera_optimizer=fixed_cameras(),
        )
    return nerfacto_model(
        "cpu",
        num_levels=8,
        log2_hashmap_size=16,
        num_proposal_iterations=1,
        num_proposal_samples_per_ray=(64,),
        num_nerf_samples_per_ray=24,
    )


def optimizers(options: StockOptions) -> dict[str, Any]:
    """Rates and schedules of nerfstudio's methods of these names."""
    if options.model == "tensorf":
        return {
            "fields": adam(1e-3, 1e-4, 30_000),
            "encodings": adam(2e-2, 2e-3, 30_000),
        }
    return nerfacto_optimizers()


def grid_density(field: Any) -> Float[np.ndarray, "X Y Z"]:
    """Density on a grid over the cube that holds the part."""
    axis = torch.linspace(-DOMAIN_RADIUS, DOMAIN_RADIUS, CORNERS)
    found = sample_density(field, torch.cartesian_prod(axis, axis, axis))
    return found.view(CORNERS, CORNERS, CORNERS).numpy()


def extract(field: Any, density: Float[np.ndarray, "X Y Z"], level: float) -> TriangleMesh:
    """The surface at a level, closed at the border, in the colours seen from straight above it."""
    spacing = 2.0 * DOMAIN_RADIUS / (CORNERS - 1)
    steps, faces, _, _ = marching_cubes(np.pad(density, 1), level, gradient_direction="ascent")
    vertices = (steps.astype(np.float64) - 1.0) * spacing - DOMAIN_RADIUS
    triangles = faces.astype(np.int64)
    inward = torch.from_numpy(-smooth_normals(vertices, triangles)).float()
    colors = sample_colors(field, torch.from_numpy(vertices).float(), inward)
    rgb = np.rint(colors.numpy() * 255.0).astype(np.uint8)
    rgba = np.concatenate([rgb, np.full((len(rgb), 1), 255, dtype=np.uint8)], axis=1)
    return TriangleMesh(vertices, triangles, colors=rgba)
