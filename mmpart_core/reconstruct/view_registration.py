"""Views that contradict each other by some pixels, bent onto what they have in common.

A generator draws each view a little displaced, here more than there. What training makes of such
views is a compromise: their mean where it can move, the intersection of their masks where it
cannot. So a short training of half-size views gives the compromise, each view is laid on its
picture of it by a smooth deformation, and the same once more with the bent views. Zhou and Koltun
(2014) correct the images of a scan by such lattices, for its texture.
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8

from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.images import free_form
from mmpart_core.images.silhouette import FOREGROUND
from mmpart_core.reconstruct.hull import GridSpec, VisualHull, fit_grid
from mmpart_core.reconstruct.marching import march_rays
from mmpart_core.reconstruct.ray_cache import occupied_spans
from mmpart_core.reconstruct.rendering import spread_distances
from mmpart_core.reconstruct.view_agreement import wrong_view
from mmpart_core.reconstruct.voxel_field import VoxelField
from mmpart_core.records import Camera

SIDE_PX = 160  # of the pictures that are laid on each other, at most
_ROUNDS = 3
# Views agree where no more than this share of any view's foreground has no place in the hull of
# the masks, widened by a quarter of a small pixel. Of known parts none has any.
_AGREED, _SLACK_PX = 0.0002, 0.25
_CORNERS, _MARGIN, _REACH = (
    96,
    0.02,
    0.6,
)  # of the grid that the hull is on; spacings round a corner
_SAMPLES = 48
_BETTER = 0.95  # times as much unexplained foreground, at most, is left by bends that are kept
_GREY = 0.5
_FAR = 0.02  # mean displacement to be warned of, of a view's longer side

# From small views to a field, and the inverse width of its surface.
Sketch = Callable[[PosedViews], tuple[VoxelField, float]]


def register_views(
    views: PosedViews, slack_px: float, sketch: Sketch
) -> Float32[np.ndarray, "N 2 Y X"] | None:
    """Deformations that lay views on what they have in common; see ``free_form.register``.

    Args:
        views: posed views, part frame.
        slack_px: by how many pixels masks are widened, to find a view that is wrong altogether; it
            takes no part and stays as it is.
        sketch: trains on small views.

    Returns:
        One per view, zero where it stays; None where the views agree as they are, small ones are
        too thin to make anything of, or they would not agree better.
    """
    wrong = wrong_view(views, slack_px)
    taking_part = [index for index in range(len(views.cameras)) if index != wrong]
    given = small_views(views.without(() if wrong is None else (wrong,)))
    before = unexplained(given)
    if before.max() <= _AGREED:
        return None
    try:
        found = _laid_on(given, *sketch(given))
        for _ in range(_ROUNDS - 1):
            found = _laid_on(given, *sketch(given.bent(found)))
    except BackendError:  # what is so thin that small views do not hold it
        return None
    if unexplained(given.bent(found)).sum() > _BETTER * before.sum():
        return None
    deformations = np.zeros((len(views.cameras), *found.shape[1:]), np.float32)
    deformations[taking_part] = found
    return deformations


def _laid_on(
    views: PosedViews, field: VoxelField, sharpness: float
) -> Float32[np.ndarray, "N 2 Y X"]:
    """Deformations of views onto what their cameras see of a field; none grows all views.

    Masks that disagree have a smaller body in common than their mean is: what all views would
    shrink by is that, and not theirs.
    """
    found = [
        free_form.register(_layers(rgba), shown_by(field, camera, sharpness))
        for rgba, camera in zip(views.rgba, views.cameras, strict=True)
    ]
    masks = views.rgba[..., 3] >= FOREGROUND
    common = np.mean([free_form.growth(*pair) for pair in zip(found, masks, strict=True)])
    both = np.array([common, common])
    return np.stack([free_form.without_growth(one, both, masks.shape[1:]) for one in found])


def warn_of_bends(
    views: PosedViews, deformations: Float32[np.ndarray, "N 2 Y X"]
) -> tuple[str, ...]:
    """A warning that names views which were bent far; none where all were bent a little."""
    shape = views.rgba.shape[1:3]
    masks = views.rgba[..., 3] >= FOREGROUND
    far: list[str] = []
    for index, (lattice, mask) in enumerate(zip(deformations, masks, strict=True)):
        moved = free_form.displacements(lattice, shape)[:, mask]
        distance = float(np.hypot(*moved).mean())
        if distance > _FAR * max(shape):
            far.append(f"view {index} ({distance:.0f} px)")
    if not far:
        return ()
    return (
        f"the views disagree on where things are: {', '.join(far)} was bent that far, on average, "
        "onto what the views have in common. Look at them in sheet.png; if they do not show the "
        "same part, make other views (multiview.kind; another --seed where it draws at random)",
    )


def small_views(views: PosedViews) -> PosedViews:
    """The views at no more than ``SIDE_PX`` along a side; the same where they are that small."""
    factor = SIDE_PX / max(views.rgba.shape[1:3])
    if factor >= 1.0:
        return views
    height, width = (max(1, round(side * factor)) for side in views.rgba.shape[1:3])
    small = np.stack([_shrunk(rgba, (width, height)) for rgba in views.rgba])
    made = [cameras.resized_camera(camera, (height, width), factor) for camera in views.cameras]
    return PosedViews(small, tuple(made))


def unexplained(views: PosedViews) -> Float[np.ndarray, "N"]:
    """Share of each view's foreground that the others leave no room for: all, without a hull."""
    try:
        spec, sdf = fit_grid(VisualHull(views, _SLACK_PX), _CORNERS, _MARGIN)
    except BackendError:
        return np.ones(len(views.cameras))
    occupied = sdf < _REACH * spec.spacing
    shares: list[float] = []
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        rows, columns = np.nonzero(rgba[..., 3] >= FOREGROUND)
        nears, fars = _spans(camera, rows, columns, spec, occupied)[2:]
        shares.append(float((fars <= nears).float().mean()))
    return np.array(shares)


def shown_by(field: VoxelField, camera: Camera, sharpness: float) -> Float32[np.ndarray, "H W 4"]:
    """What a camera sees of a field: colour over grey, and opacity.

    Args:
        field: on the CPU.
        camera: where from.
        sharpness: inverse width of the surface.
    """
    rows, columns = np.indices((camera.height_px, camera.width_px)).reshape(2, -1)
    occupied = field.sdf.detach()[0, 0] < 1.5 * field.spec.spacing
    origins, directions, nears, fars = _spans(camera, rows, columns, field.spec, occupied)
    kept = fars > nears
    middle = torch.full((int(kept.sum()), _SAMPLES), 0.5)
    distances = spread_distances(nears[kept][:, None], fars[kept][:, None], middle)
    with torch.no_grad():
        rgb, opacity = march_rays(field, origins[kept], directions[kept], distances, sharpness)
    seen = np.zeros((len(rows), 4), np.float32)
    seen[kept.numpy()] = torch.cat([rgb, opacity], dim=1).numpy()
    return _over_grey(seen.reshape(camera.height_px, camera.width_px, 4))


def _layers(rgba: UInt8[np.ndarray, "H W 4"]) -> Float32[np.ndarray, "H W 4"]:
    """A picture with straight alpha as ``shown_by`` gives it."""
    values = rgba.astype(np.float32) / 255.0
    return _over_grey(np.dstack([values[..., :3] * values[..., 3:], values[..., 3:]]))


def _over_grey(premultiplied: Float32[np.ndarray, "H W 4"]) -> Float32[np.ndarray, "H W 4"]:
    ground = _GREY * (1.0 - premultiplied[..., 3:])
    return np.dstack([premultiplied[..., :3] + ground, premultiplied[..., 3:]])


def _shrunk(rgba: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture with straight alpha, smaller; size is width and height."""
    value = rgba.astype(np.float32)
    value[..., :3] *= value[..., 3:] / 255.0
    small = cv2.resize(value, size, interpolation=cv2.INTER_AREA)
    small[..., :3] /= np.maximum(small[..., 3:], 0.5) / 255.0
    return np.rint(small.clip(0.0, 255.0)).astype(np.uint8)


def _spans(
    camera: Camera, rows: np.ndarray, columns: np.ndarray, spec: GridSpec, occupied: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Origins, directions, nears and fars of the rays through some pixels."""
    origins, directions = cameras.pixel_rays(camera, columns + 0.5, rows + 0.5)
    rays = torch.from_numpy(origins).float(), torch.from_numpy(directions).float()
    return *rays, *occupied_spans(*rays, spec, occupied, camera.projection == "perspective")
