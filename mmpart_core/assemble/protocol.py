"""What an assembler must do."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import TruthGeometry
from mmpart_core.records import Camera, InputView


@dataclass(frozen=True)
class PartEvidence:
    """What is known about where one part stands.

    Attributes:
        component: its name.
        rgba: the isolated part in the source's frame.
        visible: where it is seen in the source.
        imagined: where it was completed behind an occluder.
        mesh: its surface, part frame (input azimuth 0).
        truth_node: its node in the known scene, where there is one.
    """

    component: str
    rgba: UInt8[np.ndarray, "H W 4"]
    visible: Bool[np.ndarray, "H W"]
    imagined: Bool[np.ndarray, "H W"]
    mesh: TriangleMesh
    truth_node: str | None = None


@dataclass(frozen=True)
class AssemblyTask:
    """All that assembly may look at.

    Attributes:
        source: the input image.
        foreground: the whole object in it.
        camera: the input camera, object frame (input azimuth 0).
        view: the input view as the user gave it.
        parts: the parts, in the request's order.
        whole_views: views of the whole object in its own unit-sphere frame, or None.
        whole_frame_known: their frame is the object frame's own turn, place and scale.
        truth: the known scene, where there is one.
        chosen: the nodes of the known scene that were asked for, made or not; empty for all.
    """

    source: UInt8[np.ndarray, "H W 4"]
    foreground: Bool[np.ndarray, "H W"]
    camera: Camera
    view: InputView
    parts: tuple[PartEvidence, ...]
    whole_views: PosedViews | None = None
    whole_frame_known: bool = False
    truth: TruthGeometry | None = None
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlacedPart:
    """Where one part goes.

    Attributes:
        world_from_part: similarity transform.
        method: how it was found, in words.
        warnings: what is uncertain.
    """

    world_from_part: Float[np.ndarray, "4 4"]
    method: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assembly:
    """All placements and the frame they are in.

    Attributes:
        placed: one per part, in the task's order.
        world_from_object: similarity from the object frame of ``AssemblyTask.camera`` to the
            world the parts are placed in.
        warnings: what the user should know.
    """

    placed: tuple[PlacedPart, ...]
    world_from_object: Float[np.ndarray, "4 4"]
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Assembler(Protocol):
    """Places parts so that they match the input image."""

    VERSION: ClassVar[str]

    def open(self) -> None:
        """Load what placing needs."""
        ...

    def assemble(self, task: AssemblyTask, seed: int) -> Assembly:
        """Place all parts.

        Raises:
            BackendError: nothing can be placed.
        """
        ...
