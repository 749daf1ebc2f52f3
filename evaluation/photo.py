"""How a prediction looks beside the real input picture, at the input camera."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from evaluation.functional import images, perceptual
from evaluation.functional.perceptual import PerceptualModels, Unscored
from evaluation.looks import Look, covered_psnr, look
from evaluation.objects import GroundTruthObject
from evaluation.scoring.collected import Collected
from evaluation.scoring.context import Comparison
from mmpart_core.geometry.render import RenderScene
from mmpart_core.records import Camera

PHOTO_METRICS = (
    "photo_psnr_db", "photo_ssim", "photo_silhouette_iou", "photo_lpips", "photo_clip_image",
)  # fmt: skip
NO_GROUND = (
    "the input picture is opaque and has no masks: which pixels are the object's is not known"
)
_OPAQUE = 255
_SAME_SHAPE = 0.01


def score_photo(
    comparison: Comparison, made: Sequence[str], models: PerceptualModels, into: Collected
) -> None:
    """Render of the prediction against the data set's input picture.

    The picture's ground is replaced by white, as in the render. PSNR is taken over pixels that
    either side covers. Objects without a picture have none of these metrics.

    Args:
        comparison: with usable parts on both sides.
        made: predicted parts that make up the whole.
        models: scoring functions that need weights.
        into: where values go.
    """
    pair = comparison.pair
    if pair.truth_object.image is None or pair.prediction is None:
        return
    camera = pair.prediction.camera
    photo = photo_look(pair.truth_object, camera) if camera else "the input camera is not known"
    if isinstance(photo, str) or camera is None:
        for metric in PHOTO_METRICS:
            into.leave_out(metric, str(photo))
        return
    seen = look(RenderScene([pair.prediction.parts[name] for name in made]), camera)
    into.put("photo_psnr_db", covered_psnr(seen, photo))
    into.put("photo_ssim", images.ssim(seen.rgb, photo.rgb))
    overlap = images.silhouette_iou(seen.silhouette, photo.silhouette)
    into.put("photo_silhouette_iou", overlap or 0.0)
    learned = {
        "photo_lpips": perceptual.lpips(seen.rgb, photo.rgb, models),
        "photo_clip_image": perceptual.clip_image_similarity(seen.rgb, photo.rgb, models),
    }
    for metric, value in learned.items():
        if isinstance(value, Unscored):
            into.leave_out(metric, value.reason)
        else:
            into.put(metric, value)


def photo_look(truth: GroundTruthObject, camera: Camera) -> Look | str:
    """The input picture as the camera's pictures are: its size, on white.

    Args:
        truth: with an image; alpha, or else the union of its masks, says where the object is.
        camera: whose pictures it is held against.

    Returns:
        Why it cannot be used, where it cannot.
    """
    image = truth.image
    if image is None:
        return "there is no input picture"
    covered = _covered(truth, image)
    if covered is None:
        return NO_GROUND
    height, width = image.shape[:2]
    if abs(width / height - camera.width_px / camera.height_px) > _SAME_SHAPE:
        return (
            f"the input picture is {width}x{height}, the input camera sees "
            f"{camera.width_px}x{camera.height_px}: not the same shape"
        )
    alpha = covered[..., None]
    on_white = image[..., :3] / 255.0 * alpha + (1.0 - alpha)
    size = (camera.width_px, camera.height_px)
    return Look(_resized(on_white, size), _resized(alpha, size)[..., 0] > 0.5)


def _covered(
    truth: GroundTruthObject, image: UInt8[np.ndarray, "H W 4"]
) -> Float[np.ndarray, "H W"] | None:
    """How much of each pixel is the object; None where nothing says it."""
    if image[..., 3].min() < _OPAQUE:
        return image[..., 3] / 255.0
    if not truth.masks:
        return None
    union: Bool[np.ndarray, "H W"] = np.any(list(truth.masks.values()), axis=0)
    return union.astype(np.float64)


def _resized(
    values: Float[np.ndarray, "H W C"], size: tuple[int, int]
) -> Float[np.ndarray, "h w C"]:
    """Values in [0, 1] at another size, box filtered, channel by channel."""
    if values.shape[1::-1] == size:
        return values
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(values, -1, 0)]
    done = [np.asarray(each.resize(size, Image.Resampling.BOX), np.float64) for each in planes]
    return np.stack(done, axis=-1)
