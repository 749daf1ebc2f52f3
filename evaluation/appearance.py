"""How truth and prediction look: renders from held-out views, and silhouettes at the input view."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from evaluation.functional import images, perceptual
from evaluation.functional.counts import plain_name
from evaluation.functional.perceptual import NO_CLIP, PerceptualModels, Unscored
from evaluation.looks import Look, covered_psnr, look
from evaluation.photo import score_photo
from evaluation.scoring.collected import Collected
from evaluation.scoring.context import Comparison
from mmpart_core.geometry import bounds, cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

VIEW_METRICS = ("psnr_db", "ssim", "silhouette_iou", "lpips", "clip_image")
INPUT_METRICS = ("input_psnr_db", "input_ssim", "input_silhouette_iou", "input_lpips")
NO_CAMERA = "the prediction does not say where its input camera stood"
NOT_ASKED = "renders were not asked for"


@dataclass(frozen=True)
class AppearanceOptions:
    """From where objects are looked at.

    Attributes:
        azimuths_deg: held-out views, about +Z from the truth's front.
        elevation_deg: of all of them.
        fov_deg: field of view; the true object's bounding sphere fits it.
        size_px: side of the square pictures.
        models: scoring functions that need weights.
    """

    azimuths_deg: tuple[float, ...] = (45.0, 135.0, 225.0, 315.0)
    elevation_deg: float = 20.0
    fov_deg: float = 30.0
    size_px: int = 256
    models: PerceptualModels = field(default_factory=PerceptualModels)


def score_appearance(
    comparison: Comparison | None, made: Sequence[str], options: AppearanceOptions, into: Collected
) -> None:
    """Mean over held-out views of the whole object; and its silhouette at the input view.

    Truth and prediction are rendered alike (base colour, no light), the prediction where it
    stands. PSNR is taken over pixels that either side covers, so empty ground does not flatter.

    Args:
        comparison: None when nothing was made: everything counts at its worst.
        made: predicted parts that make up the whole.
        options: from where.
        into: where values go.
    """
    if comparison is None:
        for metric in ("psnr_db", "ssim", "silhouette_iou"):
            into.put_worst(metric)
        for metric in ("lpips", "clip_image", *INPUT_METRICS):
            into.leave_out(metric, "nothing was made")
        return
    truth, prediction = _scenes(comparison, made)
    pairs = [(look(prediction, view), look(truth, view)) for view in _views(options)]
    for metric, measure in _measures(options.models).items():
        values = [measure(predicted, true) for predicted, true in pairs]
        left_out = next((value for value in values if isinstance(value, Unscored)), None)
        if left_out is not None:
            into.leave_out(metric, left_out.reason)
        else:
            into.put(metric, float(np.mean([v for v in values if not isinstance(v, Unscored)])))
    _score_input_view(comparison, made, options.models, into)
    score_photo(comparison, made, options.models, into)


def part_silhouette(comparison: Comparison, true: str, made: str, into: Collected) -> None:
    """Overlap of a part's whole silhouette with the truth's at the input view, unoccluded."""
    pair = comparison.pair
    camera = pair.prediction.camera if pair.prediction else None
    if pair.prediction is None or camera is None:
        into.leave_out("silhouette_iou", NO_CAMERA)
        return
    back = comparison.placed.inverse().matrix()
    sides = (pair.prediction.parts[made], pair.truth_object.parts[true].transformed(back))
    masks = [RenderScene([mesh]).silhouette(camera) for mesh in sides]
    value = images.silhouette_iou(masks[0], masks[1])
    if value is None:
        into.leave_out("silhouette_iou", "neither side is in the picture")
    else:
        into.put("silhouette_iou", value)


def part_text(
    comparison: Comparison, true: str, made: str, look_from: AppearanceOptions, into: Collected
) -> None:
    """Likeness of a predicted part, rendered alone, to the true part's name; mean over views.

    Args:
        comparison: with usable parts on both sides.
        true: name of the true part: the text.
        made: the predicted part.
        look_from: the views, and the model; without one the metric is unscored.
        into: where the value goes.
    """
    models, prediction = look_from.models, comparison.pair.prediction
    if models.clip_text is None or prediction is None:
        into.leave_out("clip_text", NO_CLIP)
        return
    part = prediction.parts[made]
    placed = comparison.placed.apply(comparison.pair.made.parts[made].used)
    to_unit = np.linalg.inv(bounds.points_from_unit(placed))
    scene = RenderScene([part.transformed(to_unit @ comparison.placed.matrix())])
    values = [
        perceptual.clip_text_similarity(look(scene, view).rgb, plain_name(true), models)
        for view in _views(look_from)
    ]
    into.put("clip_text", float(np.mean([v for v in values if not isinstance(v, Unscored)])))


def _views(options: AppearanceOptions) -> list[Camera]:
    return [
        cameras.orbit_camera(azimuth, options.elevation_deg, options.fov_deg, options.size_px)
        for azimuth in options.azimuths_deg
    ]


def _measures(
    models: PerceptualModels,
) -> dict[str, Callable[[Look, Look], float | Unscored]]:
    return {
        "psnr_db": covered_psnr,
        "ssim": lambda a, b: images.ssim(a.rgb, b.rgb),
        "silhouette_iou": lambda a, b: images.silhouette_iou(a.silhouette, b.silhouette) or 0.0,
        "lpips": lambda a, b: perceptual.lpips(a.rgb, b.rgb, models),
        "clip_image": lambda a, b: perceptual.clip_image_similarity(a.rgb, b.rgb, models),
    }


def _scenes(comparison: Comparison, made: Sequence[str]) -> tuple[RenderScene, RenderScene]:
    """Truth and prediction, the truth in the unit sphere."""
    pair = comparison.pair
    to_unit = np.linalg.inv(bounds.points_from_unit(pair.truth.used))
    truths = [pair.truth_object.parts[name].transformed(to_unit) for name in pair.truth.parts]
    return RenderScene(truths), RenderScene(
        _predicted(comparison, made, to_unit @ comparison.placed.matrix())
    )


def _predicted(
    comparison: Comparison, made: Sequence[str], matrix: Float[np.ndarray, "4 4"]
) -> list[TriangleMesh]:
    prediction = comparison.pair.prediction
    parts = prediction.parts if prediction else {}
    return [parts[name].transformed(matrix) for name in made]


def _score_input_view(
    comparison: Comparison, made: Sequence[str], models: PerceptualModels, into: Collected
) -> None:
    pair = comparison.pair
    camera = pair.prediction.camera if pair.prediction else None
    if camera is None:
        for metric in INPUT_METRICS:
            into.leave_out(metric, NO_CAMERA)
        return
    back = comparison.placed.inverse().matrix()
    truths = [pair.truth_object.parts[name].transformed(back) for name in pair.truth.parts]
    true = look(RenderScene(truths), camera)
    predicted = look(RenderScene(_predicted(comparison, made, np.eye(4))), camera)
    into.put("input_psnr_db", covered_psnr(predicted, true))
    into.put("input_ssim", images.ssim(predicted.rgb, true.rgb))
    overlap = images.silhouette_iou(predicted.silhouette, true.silhouette)
    into.put("input_silhouette_iou", overlap or 0.0)
    learned = perceptual.lpips(predicted.rgb, true.rgb, models)
    if isinstance(learned, Unscored):
        into.leave_out("input_lpips", learned.reason)
    else:
        into.put("input_lpips", learned)
