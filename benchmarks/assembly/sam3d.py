"""A recipe of others: the layout post-optimisation of SAM 3D Objects, written anew.

Part by part, nothing shared: (0) give up on a mask that is cut off, hidden by a neighbour, in
pieces or full of holes; (1) scale by the height of the points under the mask, move centroid to
centroid; (2) point-to-point ICP, kept where the outline gains; (3) Adam on place, scale and turn
under a silhouette loss; kept where the outlines overlap by half and more than after (1). Numbers
are those of facebookresearch/sam-3d-objects, ``layout_post_optimization``, but for two
things: derivatives of the blurred outline are differences, not a soft rasteriser's, and lengths
are object units.

The recipe wants a depth map and a first pose of a network. It is given the true depth of every
visible pixel, the true camera and the true orientation, none of which any other method here gets:
its figures are an upper bound of what it could do.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from benchmarks.assembly.scenes import Scene
from mmpart_core.assemble import fit_image, sight
from mmpart_core.assemble.part_samples import sample_part
from mmpart_core.assemble.protocol import Assembly, PartEvidence, PlacedPart
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

_BORDER_PX, _DEPTH_JUMP, _HOLES_PX = 5, 0.3, 100
_NEAREST_KEPT = 0.9  # of the points under a mask
_ICP_REACH, _ICP_ROUNDS, _ICP_POINTS = 0.05, 30, 4000
# Rounds and rate of Adam: first place and scale, then the turn too. Betas are those of its paper.
_STAGES = ((5, 1e-2, (0, 1, 2, 3)), (25, 5e-3, (0, 1, 2, 3, 4, 5, 6)))
_BETAS, _TINY = (0.9, 0.999), 1e-8
_SILHOUETTE, _TURNED, _MOVED, _SCALED = 200.0, 0.1, 0.05, 0.05
_LEAST_IOU = 0.5
_WINDOW_PX, _BLUR_PX, _STEP = 128, 1.5, 2e-3
Matrix = Float[np.ndarray, "4 4"]


@dataclass(frozen=True)
class Recipe:
    """The recipe.

    Attributes:
        gives_up: whether step 0 is done; without it every mask is fitted.
    """

    gives_up: bool = True

    def __call__(self, scene: Scene, seed: int) -> Assembly:
        """Place all parts in the world of the truth."""
        camera = scene.camera
        depth = scene.truth.render_scene.render(camera, supersample=1).depth
        depth = depth.astype(np.float64)
        turn = transforms.rotation_z(scene.azimuth_deg)
        placed: list[PlacedPart] = []
        for part in scene.task.parts:
            start = _first_pose(part, camera, turn)
            refused = _refusal(part.visible, depth) if self.gives_up else ""
            points = _seen_points(part.visible, depth, camera)
            if refused or len(points) < 3:
                placed.append(PlacedPart(start, "sam3d: first pose", (refused or "not seen",)))
                continue
            placed.append(PlacedPart(_fitted(part, start, points, camera, seed), "sam3d"))
        given = transforms.to_array(scene.task.camera.world_from_camera)
        return Assembly(
            tuple(placed), transforms.to_array(camera.world_from_camera) @ np.linalg.inv(given)
        )


def _first_pose(part: PartEvidence, camera: Camera, turn: Matrix) -> Matrix:
    """By the box of the isolated image, at the depth of the object's middle."""
    pose = transforms.to_array(camera.world_from_camera)
    used = part.mesh.vertices[np.unique(part.mesh.faces)]
    points = sight.in_camera_axes(camera, used @ turn[:3, :3].T)
    box = sight.mask_box(part.rgba[..., 3] >= 128) or (0.0, 0.0, 1.0, 1.0)
    fitted = fit_image.fit_box(camera, points, box, float(pose[:3, 3] @ pose[:3, 2]))
    return fitted.object_from_part(camera) @ turn


def _refusal(mask: Bool[np.ndarray, "H W"], depth: Float[np.ndarray, "H W"]) -> str:
    """Step 0: why the mask is not fitted; empty where it is."""
    box = sight.mask_box(mask)
    if box is None:
        return "not seen"
    height, width = mask.shape
    if min(box[0], box[1], width - box[2], height - box[3]) < _BORDER_PX:
        return "at the border"
    solid = mask.astype(np.uint8)
    pieces, _, sizes, _ = cv2.connectedComponentsWithStats(solid)
    if pieces > 2 and sizes[1:, cv2.CC_STAT_AREA].max() < _NEAREST_KEPT * solid.sum():
        return "in pieces"
    filled = np.asarray(ndimage.binary_fill_holes(mask))
    if int(filled.sum()) - int(solid.sum()) >= _HOLES_PX:
        return "has holes"
    ring = (cv2.dilate(solid, np.ones((5, 5), np.uint8)) > 0) & ~mask & np.isfinite(depth)
    edge = mask & (cv2.erode(solid, np.ones((5, 5), np.uint8)) == 0)
    if ring.any() and edge.any():
        near = cv2.erode(np.where(ring, depth, 1e6), np.ones((9, 9), np.uint8))
        if float(np.max((depth - near)[edge], initial=0.0)) > _DEPTH_JUMP:
            return "hidden by a neighbour"
    return ""


def _seen_points(
    mask: Bool[np.ndarray, "H W"], depth: Float[np.ndarray, "H W"], camera: Camera
) -> Float[np.ndarray, "P 3"]:
    """Points under a mask in the world, the farthest tenth left out."""
    rows, columns = np.nonzero(mask & np.isfinite(depth))
    if not len(rows):
        return np.zeros((0, 3))
    origins, directions = cameras.pixel_rays(camera, columns + 0.5, rows + 0.5)
    axis = -transforms.to_array(camera.world_from_camera)[:3, 2]
    far = depth[rows, columns]
    points = origins + directions / (directions @ axis)[:, None] * far[:, None]
    return points[far <= np.quantile(far, _NEAREST_KEPT)]


def _fitted(
    part: PartEvidence, start: Matrix, points: Float[np.ndarray, "P 3"], camera: Camera, seed: int
) -> Matrix:
    """Steps 1 to 3."""
    surface = sample_part(part.mesh, _ICP_POINTS, seed).points
    outline = Outline(part.mesh, part.visible, camera)
    up = transforms.to_array(camera.world_from_camera)[:3, 1]
    placed = _apply(start, surface)
    factor = float(np.ptp(points @ up) / max(np.ptp(placed @ up), 1e-9))
    middle = placed.mean(axis=0)
    first = _about(middle, points.mean(axis=0) - middle, factor, np.eye(3)) @ start
    aligned, reached = first, outline.iou(first)
    least = max(reached, _LEAST_IOU)
    closer = icp(_apply(first, surface), points) @ first
    if outline.iou(closer) > reached:
        aligned = closer
    made = outline.optimized(aligned)
    return made if outline.iou(made) > least else start


def icp(moving: Float[np.ndarray, "P 3"], fixed: Float[np.ndarray, "Q 3"]) -> Matrix:
    """The rigid motion of point-to-point ICP; pairs farther apart than its reach do not count."""
    tree, total = KDTree(fixed), np.eye(4)
    for _ in range(_ICP_ROUNDS):
        now = _apply(total, moving)
        distance, nearest = tree.query(now)
        near = np.asarray(distance) < _ICP_REACH
        if int(near.sum()) < 3:
            break
        one, two = now[near], fixed[np.asarray(nearest)[near]]
        turn = Rotation.align_vectors(two - two.mean(axis=0), one - one.mean(axis=0))[0]
        step = _about(one.mean(axis=0), two.mean(axis=0) - one.mean(axis=0), 1.0, turn.as_matrix())
        total = step @ total
        if np.abs(step - np.eye(4)).max() < 1e-6:
            break
    return total


class Outline:
    """The outline of one part against its mask, in a window around the mask.

    Args:
        mesh: part frame.
        mask: of the part in the source.
        camera: of the source.
    """

    def __init__(self, mesh: TriangleMesh, mask: Bool[np.ndarray, "H W"], camera: Camera) -> None:
        box = sight.mask_box(mask) or (0.0, 0.0, 1.0, 1.0)
        window = sight.crop(camera, box, 0.3, _WINDOW_PX)
        self._scene, self._camera = RenderScene([mesh]), window.camera
        self._mask = window.sample(mask)
        self._soft = _blurred(self._mask)

    def drawn(self, pose: Matrix) -> Bool[np.ndarray, "h w"]:
        """The outline at a pose."""
        inverse = np.linalg.inv(pose)
        return self._scene.silhouette(cameras.camera_in_frame(self._camera, inverse))

    def iou(self, pose: Matrix) -> float:
        """Its overlap with the mask."""
        return fit_image.silhouette_iou(self.drawn(pose), self._mask)

    def optimized(self, start: Matrix) -> Matrix:
        """Step 3: Adam on place, scale and turn about the part's middle."""
        change = np.zeros(7)
        for rounds, rate, free in _STAGES:
            first, second = np.zeros(7), np.zeros(7)
            for count in range(1, rounds + 1):
                slope = self._slope(start, change, free)
                first = _BETAS[0] * first + (1.0 - _BETAS[0]) * slope
                second = _BETAS[1] * second + (1.0 - _BETAS[1]) * slope**2
                ahead = first / (1.0 - _BETAS[0] ** count)
                size = np.sqrt(second / (1.0 - _BETAS[1] ** count)) + _TINY
                change = change - rate * ahead / size
        return _changed(start, change)

    def _slope(
        self, start: Matrix, change: Float[np.ndarray, "7"], free: tuple[int, ...]
    ) -> Float[np.ndarray, "7"]:
        slope = np.zeros(7)
        for axis in free:
            step = np.zeros(7)
            step[axis] = _STEP
            rise = self._loss(start, change + step) - self._loss(start, change - step)
            slope[axis] = rise / (2.0 * _STEP)
        return slope

    def _loss(self, start: Matrix, change: Float[np.ndarray, "7"]) -> float:
        apart = _blurred(self.drawn(_changed(start, change))) - self._soft
        moved, scaled, turned = change[:3], change[3], change[4:]
        return (
            _SILHOUETTE * float((apart**2).mean())
            + _TURNED * float(np.linalg.norm(turned))
            + _MOVED * float(moved @ moved)
            + _SCALED * float(scaled**2)
        )


def _changed(start: Matrix, change: Float[np.ndarray, "7"]) -> Matrix:
    """A pose moved, scaled by one plus the fourth number, turned by a quaternion's last three."""
    turn = Rotation.from_quat([*change[4:], 1.0]).as_matrix()
    return _about(start[:3, 3], change[:3], 1.0 + float(change[3]), turn) @ start


def _about(
    middle: Float[np.ndarray, "3"],
    shift: Float[np.ndarray, "3"],
    factor: float,
    turn: Float[np.ndarray, "3 3"],
) -> Matrix:
    """A similarity about a point, then a shift."""
    matrix = np.eye(4)
    matrix[:3, :3] = factor * turn
    matrix[:3, 3] = middle + shift - factor * turn @ middle
    return matrix


def _blurred(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    return cv2.GaussianBlur(mask.astype(np.float64), (0, 0), _BLUR_PX)


def _apply(matrix: Matrix, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    return points @ matrix[:3, :3].T + matrix[:3, 3]
