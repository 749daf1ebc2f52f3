"""nerfstudio's own models on a part's views, at sizes that a CPU can train.

Data, trainer and what is changed of the models' defaults are those of the product's ``nerfacto``
(``mmpart_core.reconstruct.nerfacto``); sizes and samples are smaller. Density has no surface:
marching cubes at several levels, of which the best by the truth counts.

Importing this module imports nerfstudio, which takes seconds.
"""

from collections.abc import Callable, Sequence
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
from nerfstudio.models.base_model import Model, ModelConfig
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
    limit = options.seconds

    def ends(batches: int, model: Model) -> bool:
        del batches, model
        return limit is not None and watch.cpu_s() >= limit

    field: Any = train_stock(views, _training(options, ends), seed).field
    watch.trained()
    meshes = surfaces_of(field)
    if not meshes:
        raise BackendError(
            f"{options.model}: no surface after training at any of the densities {LEVELS}"
        )
    return Made(meshes, watch.cost())


def follow_stock_model(
    options: StockOptions, views: PosedViews, seed: int, batches: Sequence[int]
) -> dict[int, Made]:
    """What one training gives after some of its batches.

    The schedules of nerfstudio's methods do not look at the number of batches to come, so that
    each is what a training of so many batches gives.

    Args:
        options: which model; of its limits only the rays of a batch count.
        views: posed views, part frame.
        seed: every random choice follows from it.
        batches: after how many.

    Returns:
        What is made after so many batches, its seconds without those of what was made before; no
        meshes where at no level is there a surface.
    """
    watch = Stopwatch()
    found: dict[int, Made] = {}

    def ends(count: int, model: Model) -> bool:
        if count in batches:
            watch.trained()
            meshes = surfaces_of(model.eval().field)
            found[count] = Made(meshes, watch.cost())
            watch.go_on()
        return False

    train_stock(views, _training(options.model_copy(update={"steps": max(batches)}), ends), seed)
    return found


def surfaces_of(field: Any) -> tuple[TriangleMesh, ...]:
    """The surfaces of a trained field of nerfstudio's, at all levels that it has."""
    density = grid_density(field)
    low, high = float(density.min()), float(density.max())
    return tuple(extract(field, density, level) for level in LEVELS if low < level < high)


def _training(options: StockOptions, ends: Callable[[int, Model], bool]) -> StockTraining:
    model, groups = model_config(options), optimizers(options)
    return StockTraining(model, groups, options.steps, options.rays, "cpu", ends)


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
