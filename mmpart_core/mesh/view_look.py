"""What one view shows of points on a surface, and how surely."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.records import Camera

# A view that sees the surface at a sharper angle than this says nothing reliable about it.
_LEAST_COSINE = 0.15
# Neighbouring pixels whose depths differ by more cubes than this see different sheets.
_JUMP_CUBES = 4.0
_BESIDE_JUMP = 0.02


@dataclass(frozen=True)
class ViewLook:
    """One view of a surface, ready to be asked about its points: 5 bytes a pixel, no floats.

    Attributes:
        scene: the surface, part frame.
        camera: of the view.
        rgba: of the view, straight alpha.
        sure: how surely a pixel shows the sheet of surface that is nearest there, 255 for quite:
            not at the mask's rim, little beside jumps of depth.
        spacing: of the field's grid, object units.
    """

    scene: RenderScene
    camera: Camera
    rgba: UInt8[np.ndarray, "H W 4"]
    sure: UInt8[np.ndarray, "H W"]
    spacing: float

    @classmethod
    def of(
        cls, scene: RenderScene, camera: Camera, rgba: UInt8[np.ndarray, "H W 4"], spacing: float
    ) -> "ViewLook":
        """Draw the surface's depth once, to know where it jumps."""
        # Padded, because the image's border is a rim as well.
        rim = cv2.erode(np.pad(rgba[..., 3], 1), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
        steady = _steady(scene, camera, _JUMP_CUBES * spacing)
        return cls(scene, camera, rgba, np.rint(rim * steady).astype(np.uint8), spacing)

    def look(
        self, points: Float[np.ndarray, "P 3"], normals: Float[np.ndarray, "P 3"]
    ) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P 3"]]:
        """Weight and colour that the view gives each point.

        Args:
            points: on the surface, part frame.
            normals: unit, outward.

        Returns:
            cos^2 of the angle that it is seen at times how surely, 0 where it is hidden; sRGB in
            [0, 1]. Both float32.
        """
        towards = _directions_to(self.camera, points)
        cosine = np.einsum("pc,pc->p", normals, towards)
        weight = np.zeros(len(points), dtype=np.float32)
        color = np.zeros((len(points), 3), dtype=np.float32)
        facing = np.flatnonzero(cosine > _LEAST_COSINE)
        place, depth = cameras.project(self.camera, points[facing])
        sure, sampled = self._sample(place)
        held = (sure > 0.0) & (depth > 0.0)
        facing, sure, sampled = facing[held], sure[held], sampled[held]
        start = points[facing] + 0.5 * self.spacing * normals[facing]
        free = self.scene.cast(start, towards[facing]).mesh < 0
        seen = facing[free]
        weight[seen] = cosine[seen] ** 2 * sure[free]
        color[seen] = sampled[free]
        return weight, color

    def _sample(
        self, place: Float[np.ndarray, "P 2"]
    ) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P 3"]]:
        """How surely image positions show the surface, and their colour; bilinear."""
        height, width = self.sure.shape
        last = np.array([width - 1, height - 1])
        at = place - 0.5
        within = np.asarray(((at >= 0.0) & (at <= last)).all(axis=1))
        at = np.where(within[:, None], at, 0.0)
        low = np.minimum(at.astype(np.int64), np.maximum(last - 1, 0))
        high = np.minimum(low + 1, last)
        share = (at - low).astype(np.float32)
        total = np.zeros((len(place), 5), dtype=np.float32)
        for columns, across in ((low[:, 0], 1.0 - share[:, 0]), (high[:, 0], share[:, 0])):
            for rows, down in ((low[:, 1], 1.0 - share[:, 1]), (high[:, 1], share[:, 1])):
                rgba = self.rgba[rows, columns].astype(np.float32) / 255.0
                weight = (across * down * within)[:, None]
                total[:, :3] += weight * rgba[:, 3:] * rgba[:, :3]
                total[:, 3:4] += weight * rgba[:, 3:]
                total[:, 4:] += weight * self.sure[rows, columns, None] / np.float32(255.0)
        return total[:, 4], total[:, :3] / np.maximum(total[:, 3:4], 1e-3)


def _directions_to(camera: Camera, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    """Unit directions from points to the camera."""
    pose = transforms.to_array(camera.world_from_camera)
    if camera.projection == "orthographic":
        return np.broadcast_to(pose[:3, 2], points.shape).copy()
    towards = pose[:3, 3] - points
    return towards / np.linalg.norm(towards, axis=-1, keepdims=True)


def _steady(scene: RenderScene, camera: Camera, step: float) -> Float[np.ndarray, "H W"]:
    """1 where a view's neighbouring pixels see one sheet of surface, little where depth jumps.

    Beside a jump a pixel of the views' true shape may show the other sheet.
    """
    depth = scene.render(camera, supersample=1).depth
    depth = np.where(np.isfinite(depth), depth, 0.0).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    jump = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel)
    return np.where(jump > step, _BESIDE_JUMP, 1.0)
