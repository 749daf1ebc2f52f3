"""Trains a voxel radiance field through nerfstudio's Trainer, from the visual hull of the views.

The field is a dense grid of signed distance and one of colour, rendered with NeuS opacities (Wang
et al., 2021) and trained coarse to fine on the views' pixels. It starts as the visual hull of the
masks, cut by the convex body that the outlines ask for, and never leaves the hull. On a CPU a part
takes some ten seconds. No weights, no network.

``model: nerfacto`` takes nerfstudio's own density field instead, for what a plain NeRF gives; see
``reconstruct.nerfacto_field``.
"""

import importlib
from typing import ClassVar

from mmpart_core.errors import MissingDependencyError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_core.reconstruct.settings import Settings, training_options

REQUIRES = ("torch", "nerfstudio", "numba")
HOW_TO_GET = "install the project again: make setup"


class VoxelFieldTrainer:
    """Trains through nerfstudio; see ``reconstruct.part_training``."""

    VERSION: ClassVar[str] = "14"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._device = "cpu"

    def open(self) -> None:
        """Import nerfstudio and choose the device.

        Raises:
            MissingDependencyError: torch or nerfstudio is not installed, or does not import.
            ConfigError: CUDA was asked for, or is needed, and there is none.
        """
        self._settings.check_machine("reconstruct")
        used = "nerfacto_field" if self._settings.model == "nerfacto" else "part_training"
        try:
            importlib.import_module(f"mmpart_core.reconstruct.{used}")
        except ImportError as error:
            raise MissingDependencyError(
                "reconstruct 'nerfstudio': expected the packages torch, numba and nerfstudio "
                f"1.1.5, but importing them failed ({error}); reinstall the project's dependencies"
            ) from error
        from mmpart_core.reconstruct.part_trainer import used_device

        self._device = used_device(self._settings.device)

    def train(self, views: PosedViews, seed: int) -> TrainedField:
        """Train on one part's views; see ``FieldTrainer.train``.

        Two threads may call this at once. On a CPU the result follows from views, settings and
        seed bit for bit.

        Raises:
            BackendError: masks that are empty, full, or have no common body; of nerfacto, no
                density after training.
        """
        from mmpart_core.reconstruct.torch_threads import torch_threads

        options = training_options(self._settings, self._device)
        with torch_threads(self._settings.threads):
            if self._settings.model == "nerfacto":
                from mmpart_core.reconstruct.nerfacto_field import train_nerfacto

                return train_nerfacto(views, options, seed)
            from mmpart_core.reconstruct.part_training import train_part

            return train_part(views, options, seed)


BACKEND = VoxelFieldTrainer
