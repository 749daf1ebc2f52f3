"""The frame of the whole object's views against the input camera's object frame."""

import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.assemble import fit_image, sight
from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import Camera

_GRID = 56
_REACH = 1.1
_ALPHA_THRESHOLD = 128
# The carved hull is a little larger than the object; boxes this close (share of the foreground's
# longer side) say that the two frames are one.
_SAME_FRAME_TOLERANCE = 0.04


def carve_hull(views: PosedViews) -> Float[np.ndarray, "P 3"]:
    """Centres of the voxels that all views see inside the object, the views' frame.

    Raises:
        BackendError: the views agree on nothing.
    """
    axis = np.linspace(-_REACH, _REACH, _GRID)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.ones(len(points), dtype=bool)
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        pixels, _ = cameras.project(camera, points)
        height, width = rgba.shape[:2]
        column = np.clip(pixels[:, 0], 0, width - 1).astype(np.int64)
        row = np.clip(pixels[:, 1], 0, height - 1).astype(np.int64)
        framed = (pixels >= 0.0).all(axis=1) & (pixels < [width, height]).all(axis=1)
        inside &= ~framed | (rgba[row, column, 3] >= _ALPHA_THRESHOLD)
    if not inside.any():
        raise BackendError(
            "layout: views of the whole object were expected to show one object, but no point in "
            "space is inside all of them; refresh multiview, or set assemble.use_whole_views=false"
        )
    return points[inside]


def estimate_whole_frame(
    views: PosedViews, camera: Camera, foreground: Bool[np.ndarray, "H W"]
) -> tuple[Float[np.ndarray, "4 4"], bool]:
    """Where the whole object's own frame lies in the input camera's object frame.

    Both have the input camera at azimuth 0, so only scale and offset can differ. The hull carved
    from the views is fitted to the foreground's bounding box; its distance, which an image does
    not tell, is the input camera's to its object.

    Args:
        views: of the whole object, in its own frame.
        camera: the input camera, object frame.
        foreground: the whole object in the source.

    Returns:
        object_from_whole, and whether it had to be estimated: the identity and False where the
        hull, taken as it is, already covers the foreground's box.
    """
    box = sight.mask_box(foreground)
    if box is None:
        return np.eye(4), False
    hull = carve_hull(views)
    pixels, _ = cameras.project(camera, hull)
    present = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    side = max(box[2] - box[0], box[3] - box[1])
    if np.abs(present - np.array(box)).max() <= _SAME_FRAME_TOLERANCE * side:
        return np.eye(4), False
    pose_matrix = np.array(camera.world_from_camera)
    depth = float(pose_matrix[:3, 3] @ pose_matrix[:3, 2])
    pose = fit_image.fit_box(camera, sight.in_camera_axes(camera, hull), box, depth)
    return pose.object_from_part(camera), True
