"""The pictures that parts are placed by: source, views of the whole, isolated images."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmpart_core.assemble import eyes
from mmpart_core.assemble.eyes import Eye
from mmpart_core.assemble.facets import Facets
from mmpart_core.assemble.protocol import AssemblyTask
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import Camera


@dataclass(frozen=True)
class Witnesses:
    """Pictures of one size.

    Attributes:
        source: the input image, by the camera as the plan gave it.
        views: the whole object's.
        alone: isolated images, by the camera as the plan gave it.
        parts: as fine as the pictures ask for.
    """

    source: Eye
    views: list[Eye]
    alone: list[Eye | None]
    parts: list[Facets]

    def seen(self, camera: Camera) -> tuple[list[Eye], list[Eye | None]]:
        """Shared pictures, the source first, and isolated ones, by an input camera."""
        own = [eye.seen_by(camera) if eye else None for eye in self.alone]
        return [self.source.seen_by(camera), *self.views], own


def make_witnesses(
    task: AssemblyTask,
    views: PosedViews,
    size_px: int,
    weights: Sequence[float],
    parts: list[Facets],
) -> Witnesses | None:
    """Prepare all pictures; None where the source shows nothing.

    Args:
        task: pictures and masks.
        views: of the whole object.
        size_px: of a view and of the source's window; isolated images get three quarters.
        weights: of each isolated image.
        parts: to be drawn into them.
    """
    visible = [part.visible for part in task.parts]
    source = eyes.input_eye(task.source, task.foreground, visible, task.camera, size_px)
    if source is None:
        return None
    complete = eyes.completeness(task.foreground, visible)
    alone = [
        eyes.part_eye(part.rgba, task.camera, 3 * size_px // 4, weight) if weight else None
        for part, weight in zip(task.parts, weights, strict=True)
    ]
    return Witnesses(source, eyes.view_eyes(views, size_px, complete), alone, parts)
