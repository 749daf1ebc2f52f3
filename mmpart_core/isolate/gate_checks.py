"""The single checks of the quality gate: each gives the faults it finds."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from mmpart_core.images import background, colour, morphology
from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.protocol import IsolationTask
from mmpart_core.isolate.registration import Registration
from mmpart_core.isolate.visible_pixels import Comparison

# All set by hand; ``benchmarks/isolation_gate.py`` shows what they let through and what not.
_MIN_SHARE, _MAX_SHARE = 0.0005, 0.9  # of the picture
_MAX_BORDER = 0.015  # of the picture's border that the part may run along
_MAX_OUTSIDE = 0.03  # of the part beyond the source's frame
_SECOND_PIECE = 0.12  # of the largest piece: smaller ones are detail of it
_WORK_SIDE_PX = 400
_AWAY_PX = 5  # from the part, at that size: where the ground is judged
# L*a*b* of a ground that counts as empty: neutral and light whatever its pattern (a chequered
# board is how models draw "transparent"), or of one smooth colour.
_NEUTRAL_CHROMA, _NEUTRAL_LIGHT = 8.0, 55.0
_PLAIN_SPREAD = 12.0
_SAME = 4.0  # median L*a*b* difference of a ground that was left as it was


@dataclass(frozen=True)
class Fault:
    """What is wrong with a picture.

    Attributes:
        check: which check found it.
        told: what is wrong, for people.
        advice: what to do, as a sentence of the next prompt.
    """

    check: str
    told: str
    advice: str


def drawn_faults(drawn: Bool[np.ndarray, "h w"], task: IsolationTask) -> list[Fault]:
    """Too little or too much, cut off, or in more pieces than asked for."""
    share, name = float(drawn.mean()), task.prompt.component
    if not _MIN_SHARE <= share <= _MAX_SHARE:
        what = "almost nothing is drawn" if share < _MIN_SHARE else "the picture is filled"
        return [
            Fault(
                "foreground",
                f"{what}: the part covers {100 * share:.1f} % of it",
                f"show the {name} whole, as large as in the given image, with background all "
                "around it",
            )
        ]
    return _border_faults(drawn, task) + _piece_faults(drawn, task)


def _border_faults(drawn: Bool[np.ndarray, "h w"], task: IsolationTask) -> list[Fault]:
    share = float(_border(drawn).mean())
    # Where the photograph itself cuts the object off, the part may be cut off too.
    if share <= max(_MAX_BORDER, 1.5 * float(_border(task.foreground).mean())):
        return []
    return [
        Fault(
            "border",
            f"it is cut off: {100 * share:.0f} % of the picture's border is part",
            "keep the whole part inside the frame, uncropped, at the scale of the given image",
        )
    ]


def _border(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "P"]:
    return np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])


def _piece_faults(drawn: Bool[np.ndarray, "h w"], task: IsolationTask) -> list[Fault]:
    wanted = task.prompt.counts[task.prompt.index]
    labels, count = morphology.pieces(drawn)
    areas = np.sort(np.bincount(labels.ravel(), minlength=count + 1)[1:])[::-1]
    pieces = int((areas >= _SECOND_PIECE * areas[0]).sum())
    if pieces <= wanted:
        return []
    return [
        Fault(
            "pieces",
            f"{pieces} separate pieces are drawn, at most {wanted} expected",
            f"show only the {task.prompt.component} and no other object, in one piece"
            if wanted == 1
            else f"show exactly {wanted} pieces and no other object",
        )
    ]


def ground_faults(
    answer: UInt8[np.ndarray, "h w 4"],
    drawn: Bool[np.ndarray, "h w"],
    removed_by: str,
    source: UInt8[np.ndarray, "H W 3"],
    source_from_answer: Float[np.ndarray, "3 3"],
) -> list[Fault]:
    """A background that was not removed, whatever a mask made of it."""
    if removed_by == "alpha" or not drawn.any():
        return []
    scale = min(1.0, _WORK_SIDE_PX / max(drawn.shape))
    size = (max(1, round(drawn.shape[1] * scale)), max(1, round(drawn.shape[0] * scale)))
    rgb = np.asarray(cv2.resize(answer[..., :3], size, interpolation=cv2.INTER_AREA))
    part = np.asarray(cv2.resize(drawn.astype(np.uint8), size, interpolation=cv2.INTER_AREA)) > 0
    ground = ~morphology.dilated(part, _AWAY_PX)
    if not ground.any():
        return []
    lab = np.asarray(cv2.GaussianBlur(colour.lab_from_rgb(rgb), (0, 0), 1.0))
    chroma = float(np.percentile(np.linalg.norm(lab[ground][:, 1:], axis=-1), 95))
    light = float(np.median(lab[ground][:, 0]))
    if chroma < _NEUTRAL_CHROMA and light > _NEUTRAL_LIGHT:
        return []
    model = background.estimate_background(lab)
    spread = float(np.percentile(model.distance[ground], 95))
    plain = model.plain and spread < _PLAIN_SPREAD
    if plain and not _as_before(lab, ground, source, source_from_answer, scale):
        return []
    said = "of one colour, but that of the given image" if plain else "not plain"
    return [
        Fault(
            "background",
            f"the background was not removed: around the part it is {said}",
            "remove the whole background: nothing but a plain, uniform light grey around the part",
        )
    ]


def _as_before(
    lab: np.ndarray,
    ground: Bool[np.ndarray, "h w"],
    source: UInt8[np.ndarray, "H W 3"],
    source_from_answer: Float[np.ndarray, "3 3"],
    scale: float,
) -> bool:
    """Whether the ground is the source's own, pixel by pixel."""
    half = np.eye(3)
    half[:2, 2] = 0.5
    small_from_source = np.diag([scale, scale, 1.0]) @ np.linalg.inv(source_from_answer)
    by_index = (np.linalg.inv(half) @ small_from_source @ half)[:2]
    size = (ground.shape[1], ground.shape[0])
    before = colour.lab_from_rgb(np.asarray(cv2.warpAffine(source, by_index, size)))
    inside = cv2.warpAffine(np.full(source.shape[:2], 255, np.uint8), by_index, size)
    compared = ground & (np.asarray(inside) == 255)
    if not compared.any():
        return False
    return float(np.median(np.linalg.norm((lab - before)[compared], axis=-1))) < _SAME


def place_faults(
    placed: Registration,
    seen: Comparison,
    moved: tuple[float, float, float],
    settings: EditorSettings,
) -> list[Fault]:
    """Not found in the source, or found somewhere that shows another picture was made."""
    keep = (
        "keep the part exactly where it is in the given image: same position, size and orientation"
    )
    shift, zoom, turn_deg = moved
    if placed.confidence < settings.min_confidence:
        return [
            Fault(
                "placement",
                f"its place in the source image is not clear (confidence {placed.confidence:.2f}, "
                f"at least {settings.min_confidence:.2f} expected)",
                f"{keep}; do not redraw it",
            )
        ]
    said: list[str] = []
    if shift > settings.max_shift:
        said.append(f"moved by {100 * shift:.0f} % of the image")
    if max(zoom, 1.0 / zoom) > settings.max_zoom:
        said.append(f"scaled by {zoom:.2f}")
    if abs(turn_deg) > settings.max_turn_deg:
        said.append(f"turned by {turn_deg:.0f} degrees")
    faults = [Fault("movement", f"the part was {' and '.join(said)}", keep)] if said else []
    if seen.outside > _MAX_OUTSIDE:
        faults.append(
            Fault(
                "border",
                f"{100 * seen.outside:.0f} % of it lies outside the source image's frame",
                "keep the whole part inside the frame, at the scale of the given image",
            )
        )
    return faults


def seen_faults(seen: Comparison, settings: EditorSettings) -> list[Fault]:
    """Little of it is what the source shows, or it was drawn anew."""
    if seen.share < settings.min_visible:
        return [
            Fault(
                "agreement",
                f"{100 * seen.share:.0f} % of it agrees with the source image, at least "
                f"{100 * settings.min_visible:.0f} % expected",
                "keep the visible pixels of the part as they are: same shape, colours and texture",
            )
        ]
    if seen.structure is not None and seen.structure < settings.min_structure:
        return [
            Fault(
                "agreement",
                f"it was redrawn: its detail correlates with the source's by {seen.structure:.2f}, "
                f"at least {settings.min_structure:.2f} expected",
                "do not redraw or restyle the part: keep every visible detail as it is",
            )
        ]
    return []
