"""Placement by drawing: parts stand where all pictures together show them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble import (
    album,
    color_agreement,
    compose,
    eyes,
    facets,
    one_image,
    outline_fit,
    overlaps,
    placement_notes,
    sight,
    whole_frame,
)
from mmpart_core.assemble.depth_search import SearchSettings
from mmpart_core.assemble.image_alignment import Move, align_part
from mmpart_core.assemble.input_camera import InputPose, elevation_of, tilt
from mmpart_core.assemble.one_image import ImageSettings
from mmpart_core.assemble.outline_fit import OutlinePart
from mmpart_core.assemble.protocol import Assembly, AssemblyTask, PartEvidence, PlacedPart
from mmpart_core.assemble.reshape import Freedom, Reshaping
from mmpart_core.assemble.settings import Settings
from mmpart_core.assemble.witnessed import SearchPlan, WitnessedPlacement
from mmpart_core.errors import BackendError
from mmpart_core.geometry import transforms

_OUTLINE_PX = 96  # of the window that elevations are judged in
_ALPHA_THRESHOLD = 128  # half of 255
# Weight of an isolated image that had to be moved, as its place is known to a pixel or two only, or
# of a part that is seen well: then the source itself tells more, as nothing is redrawn in it. By
# hand, as the next two.
_LITTLE_TRUST = 0.3
_SEEN_WELL = 0.5  # visible share of the isolated image
_WIDE_ELEVATION_DEG = 10.0


@dataclass(frozen=True)
class _Found:
    """Poses in some frame, and the input camera in it."""

    poses: Float[np.ndarray, "K 4"]
    input_pose: InputPose
    method: str
    notes: tuple[tuple[str, ...], ...]
    spread: tuple[float, ...]
    shapes: tuple[Reshaping, ...]
    warnings: tuple[str, ...] = ()
    fov_spread_deg: float | None = None


@dataclass(frozen=True)
class _Elevation:
    """The input camera's elevation; how far apart others fit about as well, None where given."""

    deg: float
    spread_deg: float | None = None
    warnings: tuple[str, ...] = ()


class LayoutAssembler:
    """Finds the input camera, then all parts' scale and position together."""

    VERSION: ClassVar[str] = "11"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def assemble(self, task: AssemblyTask, seed: int) -> Assembly:
        """Place all parts; part frames and the object frame share their orientation.

        Raises:
            BackendError: an orthographic input camera, or an isolated image that is empty.
        """
        sight.require_perspective(task.camera)
        task, moves = _aligned(task)
        outlines = [_outline(task, part, seed + at) for at, part in enumerate(task.parts)]
        elevation = self._elevation(task, outlines)
        found = None
        if task.whole_views is not None and self.settings.use_whole_views:
            trust = [_trust(part, move) for part, move in zip(task.parts, moves, strict=True)]
            found = self._by_views(task, outlines, elevation, trust, seed)
        if found is None:
            found = self._by_image(task, outlines, elevation.deg, seed)
        turn = transforms.rotation_z(task.view.azimuth_deg)
        world_from_object = turn @ tilt(task.camera, found.input_pose.elevation_deg)
        placed = self._placed(task, outlines, moves, found, turn)
        camera = found.input_pose.lens(task.camera)
        shaped = replace(_stretched(task, placed), camera=camera)
        if self.settings.match_colors:
            limit = self.settings.color_limit
            placed = color_agreement.recolored(shaped, placed, world_from_object, limit)
        overlap = None
        if self.settings.resolve_overlaps:
            placed, overlap = overlaps.cut_apart(shaped, placed)
        return Assembly(
            placed,
            world_from_object,
            (*elevation.warnings, *found.warnings),
            elevation.spread_deg,
            overlap,
            camera,
            found.fov_spread_deg,
        )

    def _placed(
        self,
        task: AssemblyTask,
        outlines: Sequence[OutlinePart],
        moves: Sequence[Move | None],
        found: _Found,
        turn: Float[np.ndarray, "4 4"],
    ) -> tuple[PlacedPart, ...]:
        to_world = turn @ found.input_pose.object_from_frame(task.camera)
        camera = found.input_pose.object_camera(task.camera)
        depth = eyes.eye_distance(camera)
        placed: list[PlacedPart] = []
        for index, (part, move) in enumerate(zip(task.parts, moves, strict=True)):
            pose = found.poses[index]
            cost = outline_fit.fit_part(outlines[index], camera, depth).cost
            notes = (
                *placement_notes.part_notes(part, cost),
                *placement_notes.move_notes(part, move, task),
                *found.notes[index],
                *placement_notes.shape_notes(found.shapes[index]),
            )
            shape = found.shapes[index]
            matrix = (
                to_world
                @ transforms.scale_then_translate(float(pose[0]), pose[1:])
                @ shape.rotation
            )
            stretch = shape.stretch if shape.stretched else None
            placed.append(
                PlacedPart(matrix, found.method, notes, found.spread[index], stretch=stretch)
            )
        return tuple(placed)

    def _elevation(self, task: AssemblyTask, outlines: Sequence[OutlinePart]) -> _Elevation:
        """The input camera's elevation, and what is doubtful about it."""
        known = task.view.elevation_known or task.truth is not None
        if self.settings.elevation == "given" or (self.settings.elevation == "auto" and known):
            return _Elevation(elevation_of(task.camera))
        fit = outline_fit.fit_elevation(outlines, task.camera)
        if fit.spread_deg <= _WIDE_ELEVATION_DEG:
            return _Elevation(fit.best_deg, fit.spread_deg)
        warning = (
            f"the input camera's elevation is uncertain: {fit.best_deg:.0f} degrees fit best, but "
            f"elevations {fit.spread_deg:.0f} degrees apart fit nearly as well; say it in the "
            "request if you know it"
        )
        return _Elevation(fit.best_deg, fit.spread_deg, (warning,))

    def _by_views(
        self,
        task: AssemblyTask,
        outlines: Sequence[OutlinePart],
        elevation: _Elevation,
        trust: Sequence[float],
        seed: int,
    ) -> _Found | None:
        views = task.whole_views
        if views is None:
            return None
        start = InputPose(elevation.deg)
        free = {} if elevation.spread_deg is None else {"elevation_deg": 1.0}
        known = task.view.fov_known or task.truth is not None
        wanted = self.settings.field_of_view
        if wanted == "estimate" or (wanted == "auto" and not known):
            free |= {"log_distance": 0.2}
        if not task.whole_frame_known:
            start = whole_frame.framed_start(views, task.camera, task.foreground, elevation.deg)
            free |= {"log_scale": 0.02, "right": 0.02, "up": 0.02}
        plan = SearchPlan(
            self.settings.coarse_px, self.settings.fine_px, self.settings.sweeps,
            self.settings.fine_sweeps, self.settings.depth_reach, self.settings.depth_steps, free,
            album.thread_count(self.settings.threads), self.settings.keep_contact, seed,
            Freedom(self.settings.free_turn_deg, self.settings.free_stretch),
        )  # fmt: skip
        made = WitnessedPlacement(task, views, outlines, start, trust, plan).run()
        if made is None:
            return None
        notes = tuple(
            placement_notes.view_notes(spread, at in made.undone)
            for at, spread in enumerate(made.spread)
        )
        scale = float(np.exp(made.input_pose.log_scale))
        return _Found(
            made.poses,
            made.input_pose,
            placement_notes.method_in_words(len(views.cameras), scale),
            notes,
            made.spread,
            made.shapes,
            placement_notes.frame_warnings(scale, made.overlap),
            made.fov_spread_deg,
        )

    def _by_image(
        self,
        task: AssemblyTask,
        outlines: Sequence[OutlinePart],
        elevation_deg: float,
        seed: int,
    ) -> _Found:
        input_pose = InputPose(elevation_deg)
        options = self.settings
        search = SearchSettings(
            options.depth_reach, options.depth_steps, options.sweeps, options.keep_contact
        )
        made = one_image.place_by_image(
            task,
            input_pose.camera(task.camera),
            outlines,
            ImageSettings(options.window_px, options.fit_rounds, options.order_px, search),
            seed,
        )
        notes = tuple(
            placement_notes.image_notes(told, mirrored, len(task.parts))
            for told, mirrored in zip(made.told, made.mirrored, strict=True)
        )
        return _Found(
            made.poses,
            input_pose,
            "scale and position from the isolated silhouette, depth from occlusion order, "
            "contact and symmetry",
            notes,
            made.spread,
            (Reshaping(),) * len(task.parts),
            ("depth comes from one image: occlusion order, contact and symmetry",),
        )


def _aligned(task: AssemblyTask) -> tuple[AssemblyTask, list[Move | None]]:
    """The task with isolated images moved to where the source shows their parts."""
    parts, moves = list(task.parts), list[Move | None]()
    for index, part in enumerate(task.parts):
        others = [*task.parts[:index], *task.parts[index + 1 :]]
        parts[index], move = align_part(part, others, task.foreground)
        moves.append(move)
    return replace(task, parts=tuple(parts)), moves


def _stretched(task: AssemblyTask, placed: Sequence[PlacedPart]) -> AssemblyTask:
    parts = tuple(
        replace(part, mesh=compose.stretched_mesh(part.mesh, each.stretch))
        for part, each in zip(task.parts, placed, strict=True)
    )
    return replace(task, parts=parts)


def _trust(part: PartEvidence, move: Move | None) -> float:
    """Weight of a part's isolated image among all pictures."""
    alpha = part.rgba[..., 3] >= _ALPHA_THRESHOLD
    seen_well = int((part.visible & alpha).sum()) >= _SEEN_WELL * int(alpha.sum())
    return _LITTLE_TRUST if move is not None or seen_well else 1.0


def _outline(task: AssemblyTask, part: PartEvidence, seed: int) -> OutlinePart:
    box = sight.mask_box(part.rgba[..., 3] >= _ALPHA_THRESHOLD)
    eye = eyes.part_eye(part.rgba, task.camera, _OUTLINE_PX, 1.0)
    if box is None or eye is None:
        raise BackendError(
            f"layout: part '{part.component}': its isolated image was expected to show it, but is "
            "empty; refresh isolate or leave the component out"
        )
    made = facets.facets_of(part.mesh, seed)
    return OutlinePart(made, facets.coarser(made), eye, box)


BACKEND = LayoutAssembler
