"""Placement known beforehand: every part where the known scene has it."""

from typing import ClassVar

from mmpart_core.assemble.protocol import Assembly, AssemblyTask, PlacedPart
from mmpart_core.backends import BackendSettings
from mmpart_core.errors import BackendError
from mmpart_core.geometry import transforms


class Settings(BackendSettings):
    """Nothing to set."""


class GroundTruthAssembler:
    """Places parts in the coordinates of the known scene, so that both overlay exactly."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def assemble(self, task: AssemblyTask, seed: int) -> Assembly:
        """Look the placements up; ``seed`` is not used.

        Raises:
            BackendError: the request has no known scene, or a part has no node in it.
        """
        if task.truth is None:
            raise BackendError(
                "assemble 'groundtruth': a known scene was expected, the request has none; give "
                "--truth a GLB whose nodes are the components, or use assemble.kind=layout"
            )
        azimuth = task.view.azimuth_deg
        to_scene = task.truth.scene_from_normalised
        placed: list[PlacedPart] = []
        for part in task.parts:
            if part.truth_node is None:
                raise BackendError(
                    f"assemble 'groundtruth': part '{part.component}' has no node in the known "
                    "scene; isolate it with the groundtruth back-end too"
                )
            _, normalised_from_part = task.truth.part_frame(part.truth_node, azimuth)
            placed.append(
                PlacedPart(to_scene @ normalised_from_part, "true placement of the known scene")
            )
        return Assembly(tuple(placed), to_scene @ transforms.rotation_z(azimuth))


BACKEND = GroundTruthAssembler
