"""Placement from the image: silhouettes give scale and position, order and views give depth."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float
from pydantic import Field

from mmpart_core.assemble import (
    depth_order,
    fit_image,
    part_samples,
    sight,
    whole_evidence,
    whole_frame,
)
from mmpart_core.assemble.depth_search import DepthSearch, FittedPart, SearchSettings
from mmpart_core.assemble.protocol import Assembly, AssemblyTask, PartEvidence, PlacedPart
from mmpart_core.assemble.whole_evidence import Witness
from mmpart_core.backends import BackendSettings
from mmpart_core.errors import BackendError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.render import RenderScene

# IoU of mesh and isolated silhouette below which a part is warned of; by hand.
_POOR_IOU = 0.6
_ALPHA_THRESHOLD = 128  # half of 255
# Views of the whole object frame it anew, so that another scale is usual; far from 1 they show
# something else. The examples leave 4 to 8 of 320 pixels between the boxes, views of another
# object 21.
_PLAUSIBLE_SCALES = (0.6, 1.6)
_POOR_MISMATCH_PX = 15.0


class Settings(BackendSettings):
    """How thoroughly to look; lengths are in object units (the object fits the unit sphere)."""

    window_px: int = Field(
        default=112, ge=32, le=512, description="Side of the window a silhouette is compared in."
    )
    fit_rounds: int = Field(
        default=10, ge=0, le=60, description="Rounds of silhouette fitting; 0 keeps the box fit."
    )
    use_whole_views: bool = Field(
        default=True, description="Use views of the whole object as evidence, where there are any."
    )
    samples: int = Field(
        default=1500, ge=100, le=20000, description="Points of a part compared with those views."
    )
    depth_reach: float = Field(
        default=1.0, gt=0.0, le=2.0, description="How far a part may be from the middle depth."
    )
    depth_steps: int = Field(
        default=81, ge=11, le=401, description="Depths tried per part and sweep."
    )
    sweeps: int = Field(
        default=3, ge=1, le=10, description="How often every part is revisited, others held."
    )
    order_weight: float = Field(
        default=0.02, ge=0.0, le=10.0,
        description="Weight of image order and contact beside the whole object's views.",
    )  # fmt: skip
    outside_weight: float = Field(
        default=0.05, ge=0.0, le=10.0,
        description="Cost of a pixel outside the whole object's silhouette.",
    )  # fmt: skip
    blocker_px: int = Field(
        default=80, ge=16, le=512, description="Size of the depth pictures of parts in the way."
    )
    order_px: int = Field(
        default=96, ge=16, le=512, description="Size of the window that shows who hides whom."
    )


class LayoutAssembler:
    """Fits every part to its isolated image, then finds the depths together."""

    VERSION: ClassVar[str] = "3"

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
        fits = [self._fit(task, part, seed + index) for index, part in enumerate(task.parts)]
        fitted_parts = [fitted for fitted, _ in fits]
        settings = self._search_settings()
        witnesses, scale, warnings = self._witnesses(task, fitted_parts, settings)
        pairs = self._pairs(task, fitted_parts, seed)
        search = DepthSearch(task.camera, fitted_parts, pairs, witnesses, settings)
        factors = search.run()
        world_from_object = transforms.rotation_z(task.view.azimuth_deg)
        placed = tuple(
            PlacedPart(
                world_from_object @ fitted.pose.moved(factor).object_from_part(task.camera),
                _method(len(witnesses), scale),
                _part_warnings(task.parts[index], iou, search, index),
            )
            for index, ((fitted, iou), factor) in enumerate(zip(fits, factors, strict=True))
        )
        return Assembly(placed, world_from_object, warnings)

    def _fit(self, task: AssemblyTask, part: PartEvidence, seed: int) -> tuple[FittedPart, float]:
        wanted = part.rgba[..., 3] >= _ALPHA_THRESHOLD
        box = sight.mask_box(wanted)
        if box is None:
            raise BackendError(
                f"layout: part '{part.component}': its isolated image was expected to show it, "
                "but is empty; refresh isolate or leave the component out"
            )
        local = sight.in_camera_axes(
            task.camera, part.mesh.vertices[part.mesh.faces].reshape(-1, 3)
        )
        start = fit_image.fit_box(task.camera, local, box, _middle_depth(task))
        fit = fit_image.SilhouetteFit(part.mesh, task.camera, wanted, self.settings.window_px)
        pose, iou = fit.refine(start, self.settings.fit_rounds)
        samples = part_samples.sample_part(part.mesh, self.settings.samples, seed)
        return FittedPart(pose, RenderScene([part.mesh]), samples, int(wanted.sum())), iou

    def _pairs(
        self, task: AssemblyTask, parts: list[FittedPart], seed: int
    ) -> dict[tuple[int, int], depth_order.PairEvidence]:
        shown = np.any([part.rgba[..., 3] >= _ALPHA_THRESHOLD for part in task.parts], axis=0)
        box = sight.mask_box(shown)
        if box is None or len(parts) < 2:
            return {}
        window = sight.crop(task.camera, box, margin=0.05, side_px=self.settings.order_px)
        layers = [depth_order.sight_layers(part.scene, part.pose, window) for part in parts]
        visible = [window.sample(part.visible) for part in task.parts]
        return {
            (one, two): depth_order.compare_pair(
                (layers[one], layers[two]), (visible[one], visible[two]), seed
            )
            for two in range(len(parts))
            for one in range(two)
        }

    def _search_settings(self) -> SearchSettings:
        return SearchSettings(
            reach=self.settings.depth_reach,
            steps=self.settings.depth_steps,
            sweeps=self.settings.sweeps,
            order_weight=self.settings.order_weight,
            outside_weight=self.settings.outside_weight,
            blocker_px=self.settings.blocker_px,
        )

    def _witnesses(
        self, task: AssemblyTask, parts: list[FittedPart], settings: SearchSettings
    ) -> tuple[tuple[Witness, ...], float, tuple[str, ...]]:
        """The views, the scale they are fitted at, and what is wrong with them."""
        if task.whole_views is None or not self.settings.use_whole_views:
            return (), 1.0, ("depth comes from one image: occlusion order and contact",)
        object_from_whole: Float[np.ndarray, "4 4"] = np.eye(4)
        scale, notes = 1.0, ()
        if not task.whole_frame_known:
            frame = whole_frame.estimate_whole_frame(
                task.whole_views, task.camera, task.foreground, parts, settings
            )
            object_from_whole = frame.object_from_whole
            scale = transforms.similarity_scale(object_from_whole)
            notes = _frame_warnings(scale, frame.mismatch_px)
        witnesses = whole_evidence.prepare_witnesses(task.whole_views, object_from_whole)
        return witnesses, scale, notes


def _frame_warnings(scale: float, mismatch_px: float) -> tuple[str, ...]:
    smallest, largest = _PLAUSIBLE_SCALES
    if smallest <= scale <= largest and mismatch_px <= _POOR_MISMATCH_PX:
        return ()
    return (
        f"views of the whole object fit the parts badly (scale {scale:.2f}, outlines "
        f"{mismatch_px:.0f} of 320 px apart), so depths are doubtful; refresh multiview, or set "
        "assemble.use_whole_views=false",
    )


def _middle_depth(task: AssemblyTask) -> float:
    """Depth of the object frame's origin, which the input camera looks at."""
    pose = transforms.to_array(task.camera.world_from_camera)
    return float(pose[:3, 3] @ pose[:3, 2])


def _method(witnesses: int, scale: float) -> str:
    image = "scale and position from the isolated silhouette"
    if not witnesses:
        return f"{image}, depth from occlusion order and contact"
    fitted = f", fitted at scale {scale:.2f}," if round(scale, 2) != 1.0 else ""
    return f"{image}, depth from {witnesses} views of the whole object{fitted} and occlusion order"


def _part_warnings(
    part: PartEvidence, iou: float, search: DepthSearch, index: int
) -> tuple[str, ...]:
    warnings: list[str] = []
    if not part.visible.any():
        warnings.append("entirely hidden in the image; placed by its imagined image alone")
    if iou < _POOR_IOU:
        warnings.append(f"its mesh matches the isolated silhouette only to {iou:.2f} IoU")
    pairs = [pair for key, pair in search.pairs.items() if index in key]
    if not search.witnesses and len(search.parts) > 1:
        if not any(pair.ordered or pair.touching for pair in pairs):
            warnings.append("nothing in the image tells its depth; left at the object's middle")
        else:
            warnings.append("depth from occlusion order and contact only")
    elif search.witnesses and search.spread[index] > search.settings.reach / 2.0:
        warnings.append(f"depth uncertain within {search.spread[index]:.2f} object units")
    return tuple(warnings)


BACKEND = LayoutAssembler
