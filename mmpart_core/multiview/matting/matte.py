"""Six opaque views on plain ground -> six views with straight alpha."""

import numpy as np
from jaxtyping import UInt8

from mmpart_core.errors import StageError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.multiview.matting.enclosed import find_enclosed
from mmpart_core.multiview.matting.ground import find_ground, without_corners
from mmpart_core.multiview.matting.unmix import unmix
from mmpart_core.records import Camera


def matte_views(rgb: UInt8[np.ndarray, "N H W 3"], poses: tuple[Camera, ...]) -> PosedViews:
    """Cut the object out of views on plain white or grey ground.

    The same views give the same result to the bit. A view in which nothing differs from its
    ground comes back clear, one that is all object opaque; ``multiview.checks`` refuses both.

    Args:
        rgb: opaque views, sRGB, of one object on plain ground.
        poses: their cameras, in the object's frame, where it fits the unit sphere.

    Returns:
        The views with straight alpha, soft at the rim and free of the ground's colour, with
        their cameras.

    Raises:
        StageError: views and cameras that disagree in number or size.
    """
    _check_poses(rgb, poses)
    grounds = tuple(find_ground(view) for view in rgb)
    enclosed = find_enclosed(rgb, grounds, poses)
    rgba = [
        unmix(view, ground.rgb, without_corners(~ground.outside & ~inner, ground))
        for view, ground, inner in zip(rgb, grounds, enclosed, strict=True)
    ]
    return PosedViews(np.stack(rgba), poses)


def _check_poses(rgb: UInt8[np.ndarray, "N H W 3"], poses: tuple[Camera, ...]) -> None:
    count, height, width = rgb.shape[:3]
    sizes = {(pose.height_px, pose.width_px) for pose in poses}
    if count != len(poses) or sizes != {(height, width)}:
        raise StageError(
            f"matte: got {count} views of {width}x{height} px and {len(poses)} cameras of "
            f"{', '.join(f'{w}x{h}' for h, w in sorted(sizes)) or 'no size'} px, expected one "
            "camera of the same size per view; give the cameras that the views were drawn at"
        )
