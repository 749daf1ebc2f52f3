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
        touches: parts that it is in contact with, as a planner that looked at the image says; None
            where none did.
        box: where the user or the planner says that it is: left, top, right, bottom as fractions
            of width and height; None where neither says.
    """

    component: str
    rgba: UInt8[np.ndarray, "H W 4"]
    visible: Bool[np.ndarray, "H W"]
    imagined: Bool[np.ndarray, "H W"]
    mesh: TriangleMesh
    truth_node: str | None = None
    touches: tuple[str, ...] | None = None
    box: tuple[float, float, float, float] | None = None


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

    @property
    def touching(self) -> frozenset[tuple[int, int]] | None:
        """Parts i < j in contact, as the planner says of either; None where it says of none."""
        if all(part.touches is None for part in self.parts):
            return None
        names = {part.component: at for at, part in enumerate(self.parts)}
        pairs = (
            (at, names[other])
            for at, part in enumerate(self.parts)
            for other in part.touches or ()
            if other in names
        )
        return frozenset((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])


@dataclass(frozen=True)
class PlacedPart:
    """Where one part goes.

    Attributes:
        world_from_part: similarity transform.
        method: how it was found, in words.
        warnings: what is uncertain.
        depth_uncertainty: how far apart depths lie that fit about as well, object units; None
            where it was not measured.
        color_gain: factors on red, green and blue of the part's sRGB colours; None leaves them.
        cut: surface that takes the place of the part's in the object, part frame: without what
            smaller parts fill. None leaves it.
        stretch: factors along the part frame's axes that its surface in the object is stretched
            by; None leaves it. ``cut`` is stretched already.
    """

    world_from_part: Float[np.ndarray, "4 4"]
    method: str
    warnings: tuple[str, ...] = ()
    depth_uncertainty: float | None = None
    color_gain: tuple[float, float, float] | None = None
    cut: TriangleMesh | None = None
    stretch: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Assembly:
    """All placements and the frame they are in.

    Attributes:
        placed: one per part, in the task's order.
        world_from_object: similarity from the object frame of ``AssemblyTask.camera`` to the
            world the parts are placed in.
        warnings: what the user should know.
        elevation_uncertainty_deg: how far apart elevations of the input camera lie that fit about
            as well; None where it was not estimated.
        overlap_pct: shared volume in % of the smaller part, mean over pairs of closed parts, before
            and after parts were cut; None where they were not.
        camera: the input camera in the object frame, where its field of view was estimated; None
            where it is the task's.
        fov_uncertainty_deg: how far apart fields of view lie that fit about as well; None where it
            was not estimated.
    """

    placed: tuple[PlacedPart, ...]
    world_from_object: Float[np.ndarray, "4 4"]
    warnings: tuple[str, ...] = ()
    elevation_uncertainty_deg: float | None = None
    overlap_pct: tuple[float, float] | None = None
    camera: Camera | None = None
    fov_uncertainty_deg: float | None = None


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
