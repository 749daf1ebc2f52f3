"""What a field trainer must do."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews


@dataclass(frozen=True)
class TrainedField:
    """A trained field.

    Attributes:
        grid: the field, sampled.
        train_psnr_db: agreement with the training views over the foreground.
        confidence: 0 to 1.
        warnings: what the user should know.
        left_out: indices of views that contradict the others and were not trained on.
        deformations: how each view was bent to agree with the others, see ``free_form``; none
            where they agree as they are.
    """

    grid: FieldGrid
    train_psnr_db: float
    confidence: float
    warnings: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()
    deformations: Float32[np.ndarray, "N 2 Y X"] | None = None

    def trained_on(self, views: PosedViews) -> PosedViews:
        """Of the views that were given, those that were trained on, as they were."""
        bent = views if self.deformations is None else views.bent(self.deformations)
        return bent.without(self.left_out)


@runtime_checkable
class FieldTrainer(Protocol):
    """Trains a radiance field with a surface on the posed views of one part."""

    VERSION: ClassVar[str]

    def open(self) -> None:
        """Load what training needs."""
        ...

    def train(self, views: PosedViews, seed: int) -> TrainedField:
        """Train.

        Args:
            views: posed views in the part's frame; alpha is the foreground.
            seed: every random choice follows from it.

        Raises:
            BackendError: the views hold nothing that could be reconstructed.
        """
        ...
