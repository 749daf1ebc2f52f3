"""Scale and image position of one part from where its isolated image lies in the source."""

import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.assemble import sight
from mmpart_core.assemble.sight import Box, Crop, SightPose
from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

# Perspective ties box and scale together; each round removes most of what is left.
_BOX_ROUNDS = 20
# No point may come closer to the camera than this share of the part's depth; by hand.
_NEAR_SHARE = 0.1


def fit_box(camera: Camera, points: Float[np.ndarray, "P 3"], box: Box, depth: float) -> SightPose:
    """The pose at a depth whose projected bounding box is the given one.

    Args:
        camera: the input camera.
        points: the part's points in camera axes, unscaled (``sight.in_camera_axes``).
        box: left, top, right, bottom in pixels.
        depth: of the part frame's origin, in object units.

    Returns:
        The pose; where the two boxes differ in shape, their sides agree in least squares and
        their centres coincide.
    """
    reach = float(np.abs(points[:, 2]).max())
    largest = (1.0 - _NEAR_SHARE) * depth / max(reach, 1e-9)
    size = np.array([box[2] - box[0], box[3] - box[1]])
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2.0
    scale, center = min(0.5, largest), np.array([0.0, 0.0, -depth])
    for _ in range(_BOX_ROUNDS):
        seen = sight.project_local(camera, scale * points + center)
        low, high = seen.min(axis=0), seen.max(axis=0)
        extent = high - low
        scale = min(scale * float(size @ extent / max(extent @ extent, 1e-12)), largest)
        seen = sight.project_local(camera, scale * points + center)
        shift = middle - (seen.min(axis=0) + seen.max(axis=0)) / 2.0
        center = center + np.array([shift[0], -shift[1], 0.0]) * depth / camera.focal_px
    return SightPose(scale, center)


def silhouette_iou(seen: Bool[np.ndarray, "H W"], wanted: Bool[np.ndarray, "H W"]) -> float:
    """Intersection over union of two masks; 0 when both are empty."""
    union = int((seen | wanted).sum())
    return float((seen & wanted).sum() / union) if union else 0.0


class SilhouetteFit:
    """Compares one part's silhouette with its isolated image in a small window around it.

    Args:
        mesh: the part, part frame.
        camera: the input camera.
        wanted: the isolated part's alpha, visible and imagined, source size.
        side_px: the window's longer side.
    """

    def __init__(
        self, mesh: TriangleMesh, camera: Camera, wanted: Bool[np.ndarray, "H W"], side_px: int
    ) -> None:
        box = sight.mask_box(wanted) or (0.0, 0.0, float(camera.width_px), float(camera.height_px))
        self._scene = RenderScene([mesh])
        self._crop: Crop = sight.crop(camera, box, margin=0.2, side_px=side_px)
        self._wanted = self._crop.sample(wanted)

    def iou(self, pose: SightPose) -> float:
        """Agreement at a pose, 0 to 1."""
        object_from_part = pose.object_from_part(self._crop.camera)
        camera = cameras.camera_in_frame(self._crop.camera, np.linalg.inv(object_from_part))
        return silhouette_iou(self._scene.silhouette(camera), self._wanted)

    def refine(self, start: SightPose, rounds: int) -> tuple[SightPose, float]:
        """Search scale and image position around a pose; depth stays.

        A pattern search: each round tries a step up and down in scale, column and row, keeps
        only what improves, and halves the steps when nothing does.

        Args:
            start: where to begin.
            rounds: how many rounds of at most six renderings.

        Returns:
            The best pose seen, and its agreement.
        """
        width = self._crop.camera.width_px / self._crop.camera.focal_px * start.depth
        # Logarithm of the scale, and 2 % of the window's width in object units; by hand.
        steps = np.array([0.05, 0.02 * width, 0.02 * width])
        best, score = np.zeros(3), self.iou(start)
        for _ in range(rounds):
            improved = False
            for axis in range(3):
                for sign in (1.0, -1.0):
                    trial = best.copy()
                    trial[axis] += sign * steps[axis]
                    value = self.iou(offset_pose(start, trial))
                    if value > score:
                        best, score, improved = trial, value, True
                        break
            if not improved:
                steps = steps / 2.0
        return offset_pose(start, best), score


def offset_pose(pose: SightPose, change: Float[np.ndarray, "3"]) -> SightPose:
    """A pose with the logarithm of its scale, x and y (camera axes) changed; depth stays."""
    return SightPose(
        pose.scale * float(np.exp(change[0])),
        pose.center + np.array([change[1], change[2], 0.0]),
    )
