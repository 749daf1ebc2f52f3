"""What a view generator must do."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.truth_scene import TruthGeometry
from mmpart_core.records import Camera


@dataclass(frozen=True)
class PartImage:
    """One isolated part (or the whole object) in the source's frame.

    Attributes:
        rgba: sRGB with straight alpha, clear around the part.
        visible: where it is seen in the source; the rest of alpha is imagined.
        camera: the input camera, object frame (input azimuth 0).
        truth: the known scene, where there is one.
        node: the scene's node; None for the whole scene.
        azimuth_deg: azimuth of the input camera in the scene's frame.
    """

    rgba: UInt8[np.ndarray, "H W 4"]
    visible: Bool[np.ndarray, "H W"]
    camera: Camera
    truth: TruthGeometry | None = None
    node: str | None = None
    azimuth_deg: float = 0.0


@dataclass(frozen=True)
class GeneratedViews:
    """Posed views in the part's frame (input azimuth 0; centred, fitting the unit sphere).

    Attributes:
        views: images and cameras.
        method: how they were made and why so, in words.
        framed_by_truth: the frame is the known scene's own, not one that the views imply.
    """

    views: PosedViews
    method: str
    framed_by_truth: bool = False


@runtime_checkable
class ViewGenerator(Protocol):
    """Makes consistent views at fixed poses from one image."""

    VERSION: ClassVar[str]

    def open(self) -> None:
        """Load what generating needs."""
        ...

    def generate(self, part: PartImage, seed: int) -> GeneratedViews:
        """Make the views.

        Raises:
            BackendError: it cannot be done for this image.
        """
        ...
