"""The frame of the whole object's views against the input camera's object frame: a start."""

import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.assemble import fit_image, sight
from mmpart_core.assemble.input_camera import InputPose, camera_center
from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import Camera

# All set by hand; not measured. The hull is carved on so many points along each side of a cube that
# reaches this far: the unit sphere and some room, at 0.04 object units. It gives a start only.
_GRID = 56
_REACH = 1.1
_ALPHA_THRESHOLD = 128  # half of 255


def carve_hull(views: PosedViews) -> Float[np.ndarray, "P 3"]:
    """Centres of the voxels that all views see inside the object, the views' frame.

    Raises:
        BackendError: the views agree on nothing.
    """
    axis = np.linspace(-_REACH, _REACH, _GRID)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.ones(len(points), dtype=bool)
    framing = np.zeros(len(points), dtype=np.int64)
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        pixels, _ = cameras.project(camera, points)
        height, width = rgba.shape[:2]
        column = np.clip(pixels[:, 0], 0, width - 1).astype(np.int64)
        row = np.clip(pixels[:, 1], 0, height - 1).astype(np.int64)
        framed = (pixels >= 0.0).all(axis=1) & (pixels < [width, height]).all(axis=1)
        framing += framed
        inside &= ~framed | (rgba[row, column, 3] >= _ALPHA_THRESHOLD)
    # The unit sphere overflows a frame a little: a point may be cut off in some, not in most.
    inside &= 2 * framing > len(views.cameras)
    if not inside.any():
        raise BackendError(
            "layout: views of the whole object were expected to show one object, but no point in "
            "space is inside all of them; refresh multiview, or set assemble.use_whole_views=false"
        )
    return points[inside]


def framed_start(
    views: PosedViews, given: Camera, foreground: Bool[np.ndarray, "H W"], elevation_deg: float
) -> InputPose:
    """The input camera from which the views' hull has the foreground's bounding box.

    Both frames have the input camera at azimuth 0, so only scale and image position can differ;
    the distance, which an image does not tell, is the input camera's to its object.

    Args:
        views: of the whole object, in its own frame.
        given: the input camera as the plan assumes it.
        foreground: the whole object in the source.
        elevation_deg: of the input camera.

    Raises:
        BackendError: see ``carve_hull``.
    """
    box = sight.mask_box(foreground)
    if box is None:
        return InputPose(elevation_deg)
    camera = InputPose(elevation_deg).object_camera(given)
    hull = sight.in_camera_axes(camera, carve_hull(views))
    fitted = fit_image.fit_box(camera, hull, box, -float(camera_center(camera)[2]))
    return InputPose(
        elevation_deg,
        float(np.log(fitted.scale)),
        float(fitted.center[0]),
        float(fitted.center[1]),
    )
