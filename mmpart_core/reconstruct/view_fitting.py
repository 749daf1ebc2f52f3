"""Where in any frame and scale the views' subject is: its place in the unit sphere of a part."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mmpart_core.errors import InputError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import VisualHull, fit_grid
from mmpart_core.reconstruct.masks import FOREGROUND, check_masks

# The first guess must lie within the hull's domain, the next ones are near the truth.
_FIRST_RADIUS = 0.7
_ROUNDS = 2
_PROBE_RESOLUTION = 64
_SLACK_PX = 1.0


def fit_views(views: PosedViews) -> tuple[PosedViews, Float[np.ndarray, "4 4"]]:
    """Move views into the part frame: the visual hull of their masks centred in the unit sphere.

    First the point nearest to the lines through the masks' centres and the largest radius that any
    mask has at its depth; then, twice, the bounding box and the farthest corner of the visual hull
    on a grid. Orientation stays.

    Args:
        views: in any frame and scale; alpha is the mask.

    Returns:
        The same images with cameras in the part frame, and the similarity that maps a point of
        the given frame to the part frame.

    Raises:
        BackendError: masks that are empty, full, or have no common body.
        InputError: the cameras do not look at one place.
    """
    check_masks(views)
    center, radius = _first_guess(views)
    part_from_given = _into_sphere(center, radius, _FIRST_RADIUS)
    for _ in range(_ROUNDS):
        moved = move_views(views, part_from_given)
        part_from_given = _onto_hull(moved) @ part_from_given
    return move_views(views, part_from_given), part_from_given


def move_views(views: PosedViews, new_from_old: Float[np.ndarray, "4 4"]) -> PosedViews:
    """The same images with cameras in another frame.

    Args:
        views: the images.
        new_from_old: similarity transform.
    """
    moved = tuple(cameras.camera_in_frame(camera, new_from_old) for camera in views.cameras)
    return replace(views, cameras=moved)


def _into_sphere(
    center: Float[np.ndarray, "3"], radius: float, wanted: float
) -> Float[np.ndarray, "4 4"]:
    """The similarity that takes a ball to one around the origin."""
    scale = wanted / radius
    return transforms.scale_then_translate(scale, -scale * center)


def _first_guess(views: PosedViews) -> tuple[Float[np.ndarray, "3"], float]:
    """Centre and radius of a ball around the subject, from the masks' bounding boxes.

    Raises:
        InputError: the lines of sight are parallel, or meet behind a camera.
    """
    masks = views.rgba[..., 3] >= FOREGROUND
    normal, offset = np.zeros((3, 3)), np.zeros(3)
    middles: list[np.ndarray] = []
    for mask, camera in zip(masks, views.cameras, strict=True):
        rows, columns = np.nonzero(mask)
        middle = np.array([columns.min() + columns.max() + 1, rows.min() + rows.max() + 1]) / 2.0
        middles.append(middle)
        origins, directions = cameras.pixel_rays(camera, middle[:1], middle[1:])
        across = np.eye(3) - np.outer(directions[0], directions[0])
        normal += across
        offset += across @ origins[0]
    if np.linalg.cond(normal) > 1e6:
        raise _no_common_place("their lines of sight are parallel")
    center = np.linalg.solve(normal, offset)
    radii: list[float] = []
    for mask, camera, middle in zip(masks, views.cameras, middles, strict=True):
        rows, columns = np.nonzero(mask)
        reach_px = float(np.hypot(columns + 0.5 - middle[0], rows + 0.5 - middle[1]).max())
        _, depth = cameras.project(camera, center[None])
        if camera.projection == "perspective" and depth[0] <= 0:
            raise _no_common_place("where their lines of sight meet is behind one of them")
        distance = float(depth[0]) if camera.projection == "perspective" else 1.0
        radii.append(reach_px * distance / camera.focal_px)
    return center, max(radii)


def _onto_hull(views: PosedViews) -> Float[np.ndarray, "4 4"]:
    """The similarity that centres the views' visual hull in the unit sphere."""
    spec, sdf = fit_grid(VisualHull(views, _SLACK_PX), _PROBE_RESOLUTION, 0.0)
    inside = spec.positions().numpy()[(sdf < 0.0).numpy().reshape(-1)].astype(np.float64)
    center = (inside.min(axis=0) + inside.max(axis=0)) / 2.0
    radius = float(np.linalg.norm(inside - center, axis=1).max()) + spec.spacing / 2.0
    return _into_sphere(center, radius, 1.0)


def _no_common_place(reason: str) -> InputError:
    return InputError(
        f"views: expected cameras around one subject, but {reason}; check that transform_matrix "
        "is camera-to-world with the camera looking along its -Z (OpenGL), and each view's alpha"
    )
