"""Isolates parts on the real image, offline, from region hints or guessed regions.

Segments the object among its components (``isolate.labelling``), tells what is in front of what
(``isolate.occlusion``), continues the part behind it (``isolate.completion``) and colours that
(``isolate.texture``). It sees shapes and colours, not meaning: give regions for good results.
"""

import hashlib
import threading
from collections import OrderedDict
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.errors import BackendError
from mmpart_core.geometry import transforms
from mmpart_core.images import colour, edges
from mmpart_core.isolate import completion, hints, labelling, occlusion, texture
from mmpart_core.isolate.crop import Crop, enlarge_labels, frame_object
from mmpart_core.isolate.protocol import Isolation, IsolationTask
from mmpart_core.records import PartPrompt

_CACHED_IMAGES = 4  # divisions kept for the next part of the same image, when objects run at once
# Bounds of a rim's height over half its width: a camera at 9 and at 37 degrees. Level with the
# camera a hidden end is not flat either, and from above a rim is not to reach far in. By hand.
_RIM_BULGE = (0.15, 0.6)


class Settings(BackendSettings):
    """Settings of the regions isolator."""

    work_side_px: int = Field(
        default=512, ge=128, le=2048, description="Longer side at which the object is divided."
    )
    superpixels: int = Field(
        default=2000, ge=50, le=4000, description="Small regions that the object is divided into."
    )
    max_growth: float = Field(
        default=0.8,
        ge=0.0,
        le=4.0,
        description="Completed area at most, as a multiple of the visible area; 0 completes none.",
    )
    min_foreground: float = Field(
        default=0.0005,
        gt=0.0,
        le=0.5,
        description="Least share of the image that a part must cover to be more than a scrap.",
    )
    rim_px: int = Field(
        default=2, ge=0, le=10, description="Width of the rim whose mixed colours are replaced."
    )


class RegionIsolator:
    """Divides the object once per image and list, then draws each part from that."""

    VERSION: ClassVar[str] = "7"
    READS_PROMPTS: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._divisions: OrderedDict[str, labelling.Division] = OrderedDict()

    def open(self) -> None:
        """Nothing to load."""

    def isolate(self, task: IsolationTask, seed: int) -> Isolation:
        """Draw one part; the seed plays no role.

        Raises:
            BackendError: nothing of the object is left for the part, or its region misses it.
        """
        prompt, shape = task.prompt, task.foreground.shape
        division = self._division(task)
        label = prompt.index + 1
        visible = division.labels == label
        if not visible.any():
            advice = "give it a" if prompt.regions[prompt.index] is None else "correct its"
            raise BackendError(
                f"part '{prompt.component}': nothing of the object is left for it, at least one "
                f"pixel that no other part claims expected; {advice} region (box, points, polygon "
                "or mask)"
            )
        self._check_share(visible, prompt.component)
        crop = frame_object(task.foreground, self._settings.work_side_px)
        completed = self._completed(crop, division, prompt)
        imagined = np.zeros(shape, dtype=bool)
        imagined[crop.window] = completed.mask
        imagined &= task.foreground & ~visible
        rgba = np.zeros((*shape, 4), np.uint8)
        rgba[crop.window] = self._painted(task, crop, visible, imagined, completed)
        return Isolation(rgba, visible, imagined, _warnings(task, division, imagined))

    def _check_share(self, visible: Bool[np.ndarray, "H W"], component: str) -> None:
        share, least = float(visible.mean()), self._settings.min_foreground
        if share < least:
            raise BackendError(
                f"part '{component}': foreground covers {100 * share:.2f} % of the image, at least "
                f"{100 * least:.2f} % expected; describe the part more closely, give it a region, "
                "or lower isolate.min_foreground"
            )

    def _division(self, task: IsolationTask) -> labelling.Division:
        key = self._identity(task)
        with self._lock:
            if key not in self._divisions:
                self._divisions[key] = self._divide(task)
            self._divisions.move_to_end(key)
            while len(self._divisions) > _CACHED_IMAGES:
                self._divisions.popitem(last=False)
            return self._divisions[key]

    def _identity(self, task: IsolationTask) -> str:
        digest = hashlib.sha256(repr(task.source.shape).encode())
        for array in (task.source, task.foreground, *(m for _, m in _sorted_masks(task))):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(repr((task.prompt.regions, task.prompt.counts)).encode())
        return digest.hexdigest()

    def _divide(self, task: IsolationTask) -> labelling.Division:
        crop = frame_object(task.foreground, self._settings.work_side_px)
        rgb = np.ascontiguousarray(task.source[..., :3][crop.window])
        small_rgb = crop.shrink_image(rgb)
        smooth = colour.lab_from_rgb(np.asarray(cv2.bilateralFilter(small_rgb, 5, 20, 3)))
        foreground = crop.shrink_mask(task.foreground)
        regions = [None if r is None else crop.move_region(r) for r in task.prompt.regions]
        small_exact = {i: crop.shrink_mask(mask) for i, mask in task.region_masks.items()}
        claims = hints.claim_exact(small_exact, foreground)
        division = labelling.divide(
            smooth, foreground, claims, regions, task.prompt.counts, self._settings.superpixels
        )
        small = edges.snap_labels(edges.smooth_labels(division.labels, 1.5), smooth, 3)
        large = enlarge_labels(np.where(foreground, small, 0), task.foreground[crop.window])
        full_claims = hints.claim_exact(task.region_masks, task.foreground)[crop.window]
        large = np.where(full_claims > 0, full_claims, large)
        radius = max(1, round(1.0 / crop.scale))
        snapped = edges.snap_labels(large, colour.lab_from_rgb(rgb), radius)
        inside = task.foreground[crop.window]
        labels = np.zeros(task.foreground.shape, np.int32)
        labels[crop.window] = np.where(inside & (snapped > 0), snapped, np.where(inside, large, 0))
        return labelling.Division(labels, division.proposed)

    def _completed(
        self, crop: Crop, division: labelling.Division, prompt: PartPrompt
    ) -> completion.Completion:
        label, words = prompt.index + 1, bool(prompt.hidden.strip())
        named = occlusion.named_components(prompt.hidden, prompt.names)
        own = division.labels[crop.window]
        small = crop.shrink_labels(own)
        if self._settings.max_growth == 0.0 or not (small == label).any():
            return completion.Completion(np.zeros(own.shape, dtype=bool))
        front = occlusion.occluders(small, label, words, [n + 1 for n in named if n + 1 != label])
        fronts = np.unique(small[front])
        told = [name + 1 for name in named if name + 1 != label and name + 1 in fronts]
        return completion.complete_shape(
            own == label,
            np.isin(own, fronts),
            self._settings.max_growth,
            bold=bool(told),
            bulge=_rim_bulge(prompt),
        )

    def _painted(
        self,
        task: IsolationTask,
        crop: Crop,
        visible: Bool[np.ndarray, "H W"],
        imagined: Bool[np.ndarray, "H W"],
        completed: completion.Completion,
    ) -> UInt8[np.ndarray, "h w 4"]:
        seen, drawn = visible[crop.window], imagined[crop.window]
        source = task.source[crop.window]
        rgb = np.ascontiguousarray(source[..., :3])
        painted = texture.paint(rgb, seen, drawn, completed.mirror, self._settings.rim_px)
        alpha = texture.soft_alpha(seen | drawn) * 255.0
        alpha = np.where(drawn, alpha, np.minimum(alpha, source[..., 3]))
        rgba = np.concatenate([painted, alpha[..., None].astype(np.float32)], axis=-1)
        rgba[alpha < 0.5] = 0.0
        return np.rint(rgba).astype(np.uint8)


def _rim_bulge(prompt: PartPrompt) -> float:
    """Height over half width of a level ring in this view: the sine of the camera's elevation."""
    position = transforms.to_array(prompt.camera.world_from_camera)[:3, 3]
    sine = abs(float(position[2])) / max(float(np.linalg.norm(position)), 1e-9)
    return float(np.clip(sine, *_RIM_BULGE))


def _sorted_masks(task: IsolationTask) -> list[tuple[int, Bool[np.ndarray, "H W"]]]:
    return sorted(task.region_masks.items())


def _warnings(
    task: IsolationTask, division: labelling.Division, imagined: Bool[np.ndarray, "H W"]
) -> tuple[str, ...]:
    name = task.prompt.component
    warnings: list[str] = []
    if task.prompt.index in division.proposed:
        warnings.append(
            f"part '{name}': no region given, so its place was guessed (components without a "
            "region take the regions left over, from top to bottom in the list's order); add "
            f"'region: {{box: [left, top, right, bottom]}}' to '{name}'"
        )
    if task.prompt.hidden.strip() and not imagined.any():
        warnings.append(_nothing_in_front(task))
    elif task.prompt.hidden.strip():
        warnings.append(
            f"part '{name}': its hidden area continues the visible shape and colours; the regions "
            "back-end cannot read the words on it"
        )
    return tuple(warnings)


def _nothing_in_front(task: IsolationTask) -> str:
    """Words may well be on what a part hides of itself, such as the inside of a hat."""
    prompt = task.prompt
    bare = [
        name for name, region in zip(prompt.names, prompt.regions, strict=True) if region is None
    ]
    if bare and len(prompt.names) > 1:
        return (
            f"part '{prompt.component}': no other part was found in front of it, so the words on "
            f"its hidden area were not used; if one is, give regions to both (without: "
            f"{', '.join(bare)})"
        )
    return (
        f"part '{prompt.component}': no other part is in front of it, so the regions back-end "
        "draws nothing more of it and does not use the words on its hidden area"
    )


BACKEND = RegionIsolator
