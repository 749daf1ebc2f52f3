"""A part cut out of its image, as a camera aimed at it would see it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage
from scipy.spatial.transform import Rotation

from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.multiview.lifting.outline import depth_inside
from mmpart_core.records import Camera

# Side of the crop over the part's: what is lifted may reach a little beyond the part's box.
_MARGIN = 1.1
_LEAST_PX = 4.0  # side, in the image, below which a part is cropped as if it had that
# Texture pixels per pixel of the outline's grid, along a side.
TEXTURE_SCALE = 2


@dataclass(frozen=True)
class PartCrop:
    """A part seen by a virtual camera in the place of the input camera, aimed at the part.

    Turning a camera about its own centre changes the picture but not what it knows, so all that
    is made to fit the crop fits the image. Aimed so, upright lines through the part's centre are
    upright in the crop. A crop may be taken with the camera rolled about its optical axis, so that
    a part that leans sideways stands upright in it: what is made to fit it is made in a frame in
    which the camera is not rolled, and ``object_from_crop`` brings it back.

    Attributes:
        rgb: uint8 sRGB, colours of the part extended over the whole crop.
        alpha: float32 coverage in 0..1 on the outline's grid, TEXTURE_SCALE times coarser.
        camera: the virtual camera of the outline's grid, crop frame.
        center: the part's centre: on the ray through the middle of its bounding box, as far from
            the camera as the object's centre. The same in the object's and the crop's frame.
        azimuth_deg: of the camera, seen from the part's centre.
        elevation_deg: of the camera, seen from the part's centre.
        object_from_crop: turn that brings the crop's frame into the object's; the identity unless
            the camera is rolled or the part leans in depth.
    """

    rgb: UInt8[np.ndarray, "TH TW 3"]
    alpha: Float[np.ndarray, "H W"]
    camera: Camera
    center: Float[np.ndarray, "3"]
    azimuth_deg: float
    elevation_deg: float
    object_from_crop: Float[np.ndarray, "4 4"]

    @property
    def mask(self) -> Bool[np.ndarray, "H W"]:
        """Where the part covers at least half a pixel of the outline's grid."""
        return self.alpha >= 0.5

    @property
    def unit_per_px(self) -> float:
        """Length of one pixel of the outline's grid at the part's centre, object units."""
        if self.camera.projection == "orthographic":
            return 1.0 / self.camera.focal_px
        _, depth = cameras.project(self.camera, self.center[None])
        return float(depth[0]) / self.camera.focal_px

    def seen_from(self, elevation_deg: float) -> "PartCrop":
        """The same picture, taken for one from another elevation: of a part that leans in depth.

        Args:
            elevation_deg: of the camera, seen from the part's centre, above the plane across the
                direction that the crop takes for upright.
        """
        pose = transforms.to_array(self.camera.world_from_camera)
        lower = np.deg2rad(self.elevation_deg - elevation_deg)
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_rotvec(lower * pose[:3, 0]).as_matrix()
        turn[:3, 3] = self.center - turn[:3, :3] @ self.center
        return replace(
            self,
            camera=_posed(self.camera, turn @ pose),
            elevation_deg=elevation_deg,
            object_from_crop=self.object_from_crop @ np.linalg.inv(turn),
        )


def crop_part(
    rgba: UInt8[np.ndarray, "H W 4"], camera: Camera, size_px: int, tilt_deg: float = 0.0
) -> PartCrop:
    """Cut a part out of its image.

    Args:
        rgba: the part in place, straight alpha.
        camera: the image's camera, object frame.
        size_px: side of the outline's grid.
        tilt_deg: direction in the image, from upright clockwise, that is upright in the crop.

    Raises:
        BackendError: fewer than a few pixels of the part are there.
    """
    rows, columns = np.nonzero(rgba[..., 3] >= 128)
    if not len(rows) or min(np.ptp(columns), np.ptp(rows)) + 1 < 2:
        raise BackendError(
            f"multiview 'lift': the part covers {len(rows)} pixels, at least a few in each "
            "direction expected; check the isolated image or use a larger source"
        )
    edges = np.array(
        [[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]], dtype=np.float64
    )
    aimed, center = _aimed_camera(camera, edges.mean(axis=0))
    upright = transforms.to_array(aimed.world_from_camera)
    rolled = upright @ transforms.rotation_z(-tilt_deg)
    aimed = _posed(aimed, rolled)
    framed = _framed(aimed, camera, columns + 0.5, rows + 0.5, center, size_px * TEXTURE_SCALE)
    color, coverage = _resample(rgba, camera, framed, center)
    alpha = cv2.resize(coverage, (size_px, size_px), interpolation=cv2.INTER_AREA)
    offset = upright[:3, 2]
    return PartCrop(
        rgb=extend_colors(color, coverage),
        alpha=np.clip(alpha, 0.0, 1.0).astype(np.float32),
        camera=_scaled(_posed(framed, upright), 1.0 / TEXTURE_SCALE),
        center=center,
        azimuth_deg=float(np.rad2deg(np.arctan2(offset[1], offset[0]))),
        elevation_deg=float(np.rad2deg(np.arcsin(np.clip(offset[2], -1.0, 1.0)))),
        object_from_crop=rolled @ np.linalg.inv(upright),
    )


def extend_colors(
    rgb: UInt8[np.ndarray, "H W 3"], coverage: Float[np.ndarray, "H W"], rim: float = 0.012
) -> UInt8[np.ndarray, "H W 3"]:
    """Colours of a part's inside carried over its rim and beyond.

    The outermost pixels of a cut-out carry its old background and would smear over the sides of
    the lifted surface. They take the nearest colour from further inside; a stroke too thin to
    have an inside keeps its own.

    Args:
        rgb: sRGB colours.
        coverage: alpha in 0..1.
        rim: width of the rim over the image's longer side.
    """
    width = max(1.0, rim * max(rgb.shape[:2]))
    inside = coverage >= 0.5
    depth = depth_inside(inside)
    core = (depth > width) & (coverage > 0.98)
    if core.any():
        far = depth_inside(~core) > 2.5 * width
        core |= inside & far & (depth >= np.minimum(ndimage.maximum_filter(depth, 5), width))
    else:
        core = coverage >= coverage.max()
    nearest = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
    rows, columns = np.asarray(nearest)
    return rgb[rows, columns]


def _aimed_camera(
    camera: Camera, pixel: Float[np.ndarray, "2"]
) -> tuple[Camera, Float[np.ndarray, "3"]]:
    """The camera turned to look along a pixel's ray, upright; and the point it looks at."""
    pose = transforms.to_array(camera.world_from_camera)
    origin, direction = cameras.pixel_rays(camera, pixel[:1], pixel[1:])
    distance = float(np.linalg.norm(pose[:3, 3])) or 1.0
    backward = -direction[0]
    right = np.cross([0.0, 0.0, 1.0], backward)
    # Straight from above or below there is no upright direction: keep the camera's own.
    right = pose[:3, 0] if np.linalg.norm(right) < 1e-3 else right / np.linalg.norm(right)
    turned = np.eye(4)
    turned[:3, :3] = np.column_stack([right, np.cross(backward, right), backward])
    turned[:3, 3] = origin[0]
    return _posed(camera, turned), origin[0] + distance * direction[0]


def _framed(
    aimed: Camera,
    camera: Camera,
    columns: Float[np.ndarray, "P"],
    rows: Float[np.ndarray, "P"],
    center: Float[np.ndarray, "3"],
    size_px: int,
) -> Camera:
    """The aimed camera with a square frame around the part's pixels."""
    at, _ = cameras.project(aimed, _on_facing_plane(camera, columns, rows, center))
    low, high = at.min(axis=0) - 0.5, at.max(axis=0) + 0.5
    side = _MARGIN * max(float(np.max(high - low)), _LEAST_PX)
    start = (low + high) / 2.0 - side / 2.0
    zoom = size_px / side
    principal = (np.array(aimed.principal_px) - start) * zoom
    return aimed.model_copy(
        update={
            "focal_px": aimed.focal_px * zoom,
            "principal_px": (float(principal[0]), float(principal[1])),
            "width_px": size_px,
            "height_px": size_px,
        }
    )


def _on_facing_plane(
    camera: Camera,
    columns: Float[np.ndarray, "P"],
    rows: Float[np.ndarray, "P"],
    center: Float[np.ndarray, "3"],
) -> Float[np.ndarray, "P 3"]:
    """Points behind pixels, on the plane through the part's centre that faces the camera."""
    axis = transforms.to_array(camera.world_from_camera)[:3, 2]
    origins, directions = cameras.pixel_rays(camera, columns, rows)
    along = ((center - origins) @ axis) / (directions @ axis)
    return origins + along[:, None] * directions


def _resample(
    rgba: UInt8[np.ndarray, "H W 4"],
    camera: Camera,
    framed: Camera,
    center: Float[np.ndarray, "3"],
) -> tuple[UInt8[np.ndarray, "S S 3"], Float[np.ndarray, "S S"]]:
    """Colour and coverage as the framed camera sees them."""
    zoom = framed.focal_px / camera.focal_px
    color = rgba.astype(np.float32) / 255.0
    color[..., :3] *= color[..., 3:]
    if zoom < 1.0:  # shrink by averaging first: interpolation alone would skip pixels
        size = (max(1, round(zoom * camera.width_px)), max(1, round(zoom * camera.height_px)))
        color = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
    scale = np.array([color.shape[1] / camera.width_px, color.shape[0] / camera.height_px])
    grid = np.arange(framed.width_px) + 0.5
    columns, rows = (axis.ravel() for axis in np.meshgrid(grid, grid, indexing="xy"))
    at, _ = cameras.project(camera, _on_facing_plane(framed, columns, rows, center))
    maps = (at * scale - 0.5).astype(np.float32).reshape(framed.width_px, framed.width_px, 2)
    outside = (0.0, 0.0, 0.0, 0.0)
    seen = cv2.remap(
        color, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, outside
    )
    coverage = np.clip(seen[..., 3], 0.0, 1.0)
    straight = seen[..., :3] / np.maximum(seen[..., 3:], 1e-4)
    return np.rint(np.clip(straight, 0.0, 1.0) * 255.0).astype(np.uint8), coverage


def _posed(camera: Camera, pose: Float[np.ndarray, "4 4"]) -> Camera:
    return camera.model_copy(update={"world_from_camera": transforms.to_tuple(pose)})


def _scaled(camera: Camera, factor: float) -> Camera:
    return camera.model_copy(
        update={
            "focal_px": camera.focal_px * factor,
            "principal_px": (camera.principal_px[0] * factor, camera.principal_px[1] * factor),
            "width_px": round(camera.width_px * factor),
            "height_px": round(camera.height_px * factor),
        }
    )
