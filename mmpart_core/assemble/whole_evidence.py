"""Views of the whole object as a second witness of where each part is.

A part of known image position slides along its sight lines; its points, seen by the whole
object's views, must fall on the object and have the colour the view has there.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.assemble import sight
from mmpart_core.assemble.part_samples import PartSamples
from mmpart_core.assemble.sight import Box
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import Camera

# Pixel distances are in pixels of a 320 px view, the size Zero123++ gives.
_REFERENCE_PX = 320.0
# Beyond these a point is as wrong as can be: what a generated view got wrong, or what has the
# colour of another part, is not to outweigh the rest. Colours are sRGB in [0, 1]. By hand, as are
# those below.
_OUTSIDE_CLIP_PX = 6.0
_COLOR_CLIP = 0.25
# What a point costs that another part hides: less than a wrong colour, more than a right one.
_HIDDEN_COST = 0.08
# Object units that a point must lie behind another part to count as hidden, as meshes are rough.
_SURFACE_TOLERANCE = 0.03
_ALPHA_THRESHOLD = 128  # half of 255


@dataclass(frozen=True)
class Witness:
    """One view of the whole object, prepared for lookups.

    Attributes:
        camera: in the object frame of the input camera.
        outside: distance of each pixel from the object's silhouette, in reference pixels, clipped.
        color: sRGB in [0, 1].
        silhouette: left, top, right, bottom of the object in pixels.
        eye: the camera's position.
    """

    camera: Camera
    outside: Float[np.ndarray, "H W"]
    color: Float[np.ndarray, "H W 3"]
    silhouette: Box
    eye: Float[np.ndarray, "3"]


def prepare_witnesses(
    views: PosedViews, object_from_whole: Float[np.ndarray, "4 4"]
) -> tuple[Witness, ...]:
    """Distance transforms and colours of the whole object's views.

    Args:
        views: in the whole object's own frame.
        object_from_whole: similarity into the input camera's object frame.
    """
    witnesses: list[Witness] = []
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        solid = rgba[..., 3] >= _ALPHA_THRESHOLD
        distance = cv2.distanceTransform((~solid).astype(np.uint8), cv2.DIST_L2, 5)
        outside = np.minimum(distance * (_REFERENCE_PX / rgba.shape[1]), _OUTSIDE_CLIP_PX)
        placed = cameras.camera_in_frame(camera, object_from_whole)
        eye = transforms.to_array(placed.world_from_camera)[:3, 3]
        color = rgba[..., :3].astype(np.float64) / 255.0
        box = sight.mask_box(solid) or (0.0, 0.0, float(rgba.shape[1]), float(rgba.shape[0]))
        witnesses.append(Witness(placed, outside.astype(np.float64), color, box, eye))
    return tuple(witnesses)


def moved_witness(witness: Witness, new_from_old: Float[np.ndarray, "4 4"]) -> Witness:
    """The same view after a similarity transform of the object it looks at."""
    camera = cameras.camera_in_frame(witness.camera, new_from_old)
    eye = transforms.to_array(camera.world_from_camera)[:3, 3]
    return replace(witness, camera=camera, eye=eye)


def box_mismatch(witness: Witness, points: Float[np.ndarray, "P 3"]) -> float:
    """How far the points' bounding box is from the silhouette's, mean over its sides.

    In reference pixels. A frame in which the object is drawn too large lets every part fall
    inside; this is what it cannot satisfy.
    """
    pixels, _ = cameras.project(witness.camera, points)
    box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    scale = _REFERENCE_PX / witness.outside.shape[1]
    return float(np.abs(box - np.array(witness.silhouette)).mean()) * scale


def energies(
    witness: Witness,
    points: Float[np.ndarray, "K P 3"],
    samples: PartSamples,
    seen: Bool[np.ndarray, "P"],
    blocker: Float[np.ndarray, "h w"] | None,
    outside_weight: float,
) -> Float[np.ndarray, "K"]:
    """How badly candidate positions of a part agree with one view.

    Args:
        witness: the view.
        points: the part's points at each candidate, object frame.
        samples: the same points' colours.
        seen: points the part itself does not hide from this view.
        blocker: depth of the nearest other part, the view's frame at any resolution; None when
            the others are not placed yet.
        outside_weight: cost of one reference pixel outside the silhouette.

    Returns:
        Mean over points of the clipped distance outside the silhouette, plus mean clipped colour
        difference over the points that the view can see; lower is better.
    """
    count, size = points.shape[:2]
    pixels, depth = cameras.project(witness.camera, points.reshape(-1, 3))
    height, width = witness.outside.shape
    x, y = pixels[:, 0].reshape(count, size), pixels[:, 1].reshape(count, size)
    framed = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    column = np.clip(x, 0, width - 1).astype(np.int64)
    row = np.clip(y, 0, height - 1).astype(np.int64)
    outside = np.where(framed, witness.outside[row, column], 0.0)
    total = outside_weight * outside.mean(axis=1)
    if not seen.any():
        return total
    difference = np.abs(witness.color[row[:, seen], column[:, seen]] - samples.colors[seen])
    mean = (difference[..., 0] + difference[..., 1] + difference[..., 2]) / 3.0
    cost = np.where(framed[:, seen], np.minimum(mean, _COLOR_CLIP), 0.0)
    if blocker is not None:
        b_row = row[:, seen] * blocker.shape[0] // height
        b_column = column[:, seen] * blocker.shape[1] // width
        hidden = depth.reshape(count, size)[:, seen] > blocker[b_row, b_column] + _SURFACE_TOLERANCE
        cost = np.where(hidden, _HIDDEN_COST, cost)
    return total + float(seen.mean()) * cost.mean(axis=1)
