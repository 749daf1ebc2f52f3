"""nerfstudio's own models on a part's views, through nerfstudio's own Trainer and pipeline.

What they assume of a scene that a part is not is changed, no more: poses are given, so cameras are
not optimised; the part lies in a ball, so the scene is not contracted and rays begin and end there,
sampled evenly at first; alpha is known, so the ground is random; all views are of one moment, so
nerfacto does not give each its own colours, whose mean no view has (with it the foreground of a
small model came to 12.9 dB after 200 steps, without to 17.6); nothing is held out; no viewer;
pixels from memory; no LPIPS, whose weights would be downloaded and which only evaluation uses.
Without tiny-cuda-nn the networks are PyTorch's, slower and as good.

The models draw from PyTorch's global random numbers, and LPIPS can only be left out by name: so one
model trains at a time, with random numbers that are put back afterwards. On a CPU the result
follows from views, settings and seed.

Importing this module imports nerfstudio, which takes seconds.
"""

# ruff: noqa: E402 - what nerfstudio's imports would warn of is told before.

import contextlib
import threading
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

# Declares torchvision's operators, which nerfstudio's imports below ask for.
from mmpart_core.reconstruct.quiet_trainer import QuietTrainer, quiet_settings, train_quietly  # isort: split

# At import; nerfstudio 1.1.5 uses a name that torch has renamed since.
warnings.filterwarnings("ignore", r"`torch\.cuda\.amp\.custom_", FutureWarning)

import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.base_model import Model, ModelConfig
from nerfstudio.models.nerfacto import NerfactoModelConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig
from nerfstudio.utils.external import TCNN_EXISTS
from torchmetrics.image import lpip

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.nerfacto_data import PixelsConfig

_LPIPS = "LearnedPerceptualImagePatchSimilarity"
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class StockTraining:
    """How a model of nerfstudio's is trained.

    Attributes:
        model: the model.
        optimizers: by group of parameters, as in nerfstudio's method of its name.
        steps: batches, at most.
        rays: pixels per batch.
        device: ``cpu`` or ``cuda``.
        ends: asked after each batch with the number of batches and the model, which is as training
            left it; true ends training. None for all steps.
    """

    model: ModelConfig
    optimizers: dict[str, Any]
    steps: int
    rays: int
    device: str
    ends: Callable[[int, Model], bool] | None = None


class NoPerceptualMetric(torch.nn.Module):
    """Stands where the models construct LPIPS, which they use for evaluation only."""

    def __init__(self, normalize: bool) -> None:
        del normalize
        super().__init__()


class StockTrainer(QuietTrainer):
    """``QuietTrainer`` whose models do without LPIPS."""

    def setup(self, test_mode: Any = "val") -> None:
        """Build everything; models construct ``NoPerceptualMetric`` meanwhile."""
        with _without_lpips():
            super().setup(test_mode)


def train_stock(views: PosedViews, training: StockTraining, seed: int) -> Model:
    """Train to the end; a second caller waits.

    Args:
        views: posed views, part frame; alpha is the foreground.
        training: what, and how.
        seed: every random choice follows from it.

    Returns:
        The trained model on its device, ready for evaluation; its ``field`` can be sampled.
    """
    data = PixelsConfig(views=views, rays_per_batch=training.rays, seed=seed, ends=training.ends)
    config = TrainerConfig(
        method_name="stock",
        mixed_precision=training.device == "cuda",
        pipeline=VanillaPipelineConfig(datamanager=data, model=training.model),
        optimizers=training.optimizers,
        **quiet_settings(steps=training.steps, seed=seed, device=training.device),
    )
    cuda = [torch.cuda.current_device()] if training.device == "cuda" else []
    with _one_at_a_time, torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        return train_quietly(StockTrainer, config).pipeline.model.eval()


def nerfacto_model(device: str, **sizes: Any) -> NerfactoModelConfig:
    """Nerfacto for a part.

    Args:
        device: ``cpu`` or ``cuda``.
        sizes: fields of nerfstudio's configuration that are not to be as nerfstudio has them.
    """
    return NerfactoModelConfig(
        proposal_initial_sampler="uniform",
        disable_scene_contraction=True,
        average_init_density=0.01,  # nerfstudio's method of this name
        background_color="random",
        implementation="tcnn" if TCNN_EXISTS and device == "cuda" else "torch",
        use_appearance_embedding=False,
        camera_optimizer=fixed_cameras(),
        **sizes,
    )


def nerfacto_optimizers() -> dict[str, Any]:
    """Rates and schedules of nerfstudio's method ``nerfacto`` (``configs/method_configs.py``)."""
    return {name: adam(1e-2, 1e-4, 200_000) for name in ("proposal_networks", "fields")}


def fixed_cameras() -> CameraOptimizerConfig:
    """Poses as they are given."""
    return CameraOptimizerConfig(mode="off")


def adam(rate: float, last: float, steps: int) -> dict[str, object]:
    """One group's optimizer, whose rate decays exponentially.

    Args:
        rate: of the first step.
        last: of the last.
        steps: between the two.
    """
    return {
        "optimizer": AdamOptimizerConfig(lr=rate, eps=1e-15),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=last, max_steps=steps),
    }


@contextlib.contextmanager
def _without_lpips() -> Generator[None]:
    """Within: models construct ``NoPerceptualMetric`` in place of LPIPS, by name."""
    original = getattr(lpip, _LPIPS)
    setattr(lpip, _LPIPS, NoPerceptualMetric)
    try:
        yield
    finally:
        setattr(lpip, _LPIPS, original)
