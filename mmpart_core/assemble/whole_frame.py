"""The frame of the whole object's views against the input camera's object frame."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.assemble import fit_image, sight, whole_evidence
from mmpart_core.assemble.depth_search import DepthSearch, FittedPart, SearchSettings
from mmpart_core.assemble.sight import SightPose
from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import Camera

# All set by hand; not measured. The hull is carved on so many points along each side of a cube that
# reaches this far: the unit sphere and some room, at 0.04 object units. It gives a start only.
_GRID = 56
_REACH = 1.1
_ALPHA_THRESHOLD = 128  # half of 255
# Starts beside the frame as it is: a step is within what the pattern search then covers.
_START_SCALES = (0.7, 0.8, 0.9, 1.1, 1.2, 1.35)
# Rounds of that search; points per part and depths per part that a frame is judged by, a sixth and
# a third of what parts are placed by in the end, as up to 56 frames are judged.
_ROUNDS, _SAMPLES, _STEPS = 8, 250, 27
# One reference pixel of difference between bounding boxes weighs as much as a colour difference
# of this size.
_BOX_WEIGHT = 0.02
# A frame must lower the energy by this share to be believed over the one that was given.
_WORTHWHILE = 0.1


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


@dataclass(frozen=True)
class WholeFrame:
    """Where the whole object's views look from, in the input camera's object frame.

    Attributes:
        object_from_whole: similarity without rotation.
        estimated: False where the two frames are one.
        mismatch_px: how far the box around the parts is from the one that the views show, mean
            over sides and views, in pixels of a 320 px view.
    """

    object_from_whole: Float[np.ndarray, "4 4"]
    estimated: bool
    mismatch_px: float


def estimate_whole_frame(
    views: PosedViews,
    camera: Camera,
    foreground: Bool[np.ndarray, "H W"],
    parts: Sequence[FittedPart],
    settings: SearchSettings,
) -> WholeFrame:
    """Find the frame in which the parts agree best with the whole object's views.

    Both frames have the input camera at azimuth 0, so only scale and image position can differ;
    the distance, which an image does not tell, is the input camera's to its object. Starts are
    the frame as it is, larger and smaller ones, and the one where the hull carved from the views
    has the foreground's bounding box; the best is then refined by a pattern search.

    Args:
        views: of the whole object, in its own frame.
        camera: the input camera, object frame.
        foreground: the whole object in the source.
        parts: fitted to the image.
        settings: of the depth search that judges a frame.
    """
    pose_matrix = transforms.to_array(camera.world_from_camera)
    depth = float(pose_matrix[:3, 3] @ pose_matrix[:3, 2])
    axis = np.array([0.0, 0.0, -depth])
    judge = _Judge(camera, views, parts, settings)
    same = SightPose(1.0, axis)
    starts = [SightPose(scale, axis) for scale in _START_SCALES]
    box = sight.mask_box(foreground)
    if box is not None:
        hull = sight.in_camera_axes(camera, carve_hull(views))
        starts.append(fit_image.fit_box(camera, hull, box, depth))
    best, energy = same, judge.energy(same)
    unmoved = energy
    for start in starts:
        value = judge.energy(start)
        if value < energy:
            best, energy = start, value
    best, energy = _refine(judge, best, energy)
    if energy > (1.0 - _WORTHWHILE) * unmoved:
        return WholeFrame(np.eye(4), False, judge.mismatch_px(same))
    return WholeFrame(best.object_from_part(camera), True, judge.mismatch_px(best))


class _Judge:
    """Compares a frame with the views: parts placed in it quickly, and the boxes they fill."""

    def __init__(
        self,
        camera: Camera,
        views: PosedViews,
        parts: Sequence[FittedPart],
        settings: SearchSettings,
    ) -> None:
        self._camera = camera
        self._witnesses = whole_evidence.prepare_witnesses(views, np.eye(4))
        self._parts = [replace(part, samples=part.samples.first(_SAMPLES)) for part in parts]
        self._settings = replace(settings, steps=_STEPS)

    def energy(self, pose: SightPose) -> float:
        energy, mismatch_px = self._compare(pose)
        return energy + _BOX_WEIGHT * mismatch_px

    def mismatch_px(self, pose: SightPose) -> float:
        return self._compare(pose)[1]

    def _compare(self, pose: SightPose) -> tuple[float, float]:
        object_from_whole = pose.object_from_part(self._camera)
        witnesses = [
            whole_evidence.moved_witness(witness, object_from_whole) for witness in self._witnesses
        ]
        search = DepthSearch(self._camera, self._parts, {}, witnesses, self._settings)
        energy = search.place_alone()
        points = search.points()
        boxes = [whole_evidence.box_mismatch(witness, points) for witness in witnesses]
        return energy, float(np.mean(boxes))


def _refine(judge: _Judge, pose: SightPose, energy: float) -> tuple[SightPose, float]:
    # Logarithm of the scale, and object units; halved where none improves. By hand.
    steps = np.array([0.06, 0.05, 0.05])
    for _ in range(_ROUNDS):
        improved = False
        for axis in range(3):
            for sign in (1.0, -1.0):
                change = np.zeros(3)
                change[axis] = sign * steps[axis]
                trial = fit_image.offset_pose(pose, change)
                value = judge.energy(trial)
                if value < energy:
                    pose, energy, improved = trial, value, True
                    break
        if not improved:
            steps = steps / 2.0
    return pose, energy
