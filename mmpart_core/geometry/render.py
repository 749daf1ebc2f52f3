"""The one renderer: ray-cast pictures, depth and identities of textured meshes, on the CPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh as EmbreeMesh
from jaxtyping import Bool, Float, Int, UInt8

from mmpart_core.errors import GeometryError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.shading import SurfaceAppearance, Triangles
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

_RAYS_AT_ONCE = 1 << 19
_CUTOUT_LAYERS = 8
_CUTOUT_STEP = 1e-4


@dataclass(frozen=True)
class RenderedView:
    """What one camera sees.

    Attributes:
        rgba: sRGB with straight alpha, antialiased (box filter over premultiplied samples).
        depth: float32 distance along the viewing axis at pixel centres, object units; infinite
            where nothing is hit.
        node_index: int32 index of the mesh nearest at the pixel centre; -1 where nothing is hit.
    """

    rgba: UInt8[np.ndarray, "H W 4"]
    depth: Float[np.ndarray, "H W"]
    node_index: Int[np.ndarray, "H W"]


@dataclass(frozen=True)
class Hits:
    """Nearest surfaces along rays.

    Attributes:
        mesh: int32 index of the mesh; -1 where the ray meets nothing.
        face: int32 index of the face inside that mesh; -1 where the ray meets nothing.
        barycentric: float32 weights of the face's three vertices; 0 where nothing is met.
        distance: float32 distance in units of the ray's direction; infinite where nothing is met.
    """

    mesh: Int[np.ndarray, "R"]
    face: Int[np.ndarray, "R"]
    barycentric: Float[np.ndarray, "R 3"]
    distance: Float[np.ndarray, "R"]


@dataclass(frozen=True)
class _Window:
    """A rectangle of an image's pixels."""

    height: int
    width: int
    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    def placed(self, pixels: np.ndarray, outside: float | int) -> np.ndarray:
        """The whole image, with a value where the window is not."""
        image = np.full((self.height, self.width, *pixels.shape[2:]), outside, dtype=pixels.dtype)
        image[self.top : self.bottom, self.left : self.right] = pixels
        return image


class RenderScene:
    """Meshes in one frame, with their acceleration structure built once.

    Surfaces are seen from both sides. Colours are looked up, interpolated and averaged in sRGB,
    as they are stored: bilinear repeating textures, else vertex colours, else mid grey.

    Args:
        meshes: in the frame of the cameras that will look at them; indices in the results are
            positions in this sequence. Meshes without faces are allowed and never seen.
        alpha_cutoff: surface whose texture or vertex alpha is below this is not there; None
            takes all surface as opaque.

    Raises:
        GeometryError: no mesh, or a vertex that is not finite.
    """

    def __init__(
        self, meshes: Sequence[TriangleMesh], *, alpha_cutoff: float | None = None
    ) -> None:
        if not meshes:
            raise GeometryError("render scene: expected at least one mesh, got none")
        self.meshes = tuple(meshes)
        triangles = Triangles.of(self.meshes)
        if not np.isfinite(triangles.vertices).all():
            raise GeometryError("render scene: expected finite vertices, got NaN or infinity")
        self._triangles = triangles
        self._appearance = SurfaceAppearance(self.meshes, triangles)
        self._cutoff = alpha_cutoff if self._appearance.has_alpha else None
        # Embree works in float32: rays and vertices are brought to a unit box first.
        used = triangles.vertices[triangles.faces.ravel()].reshape(-1, 3)
        low, high = (used.min(0), used.max(0)) if len(used) else (np.zeros(3), np.ones(3))
        self._center = (low + high) / 2.0
        self._unit = float(max(np.max(high - low), 1e-12))
        choice = np.indices((2, 2, 2)).reshape(3, 8).T
        self._corners = np.where(choice == 1, high, low).astype(np.float64)
        self._bvh: Any = None
        if len(triangles.faces):
            self._bvh = rtcore_scene.EmbreeScene()  # pyright: ignore[reportAttributeAccessIssue]
            local = ((triangles.vertices - self._center) / self._unit).astype(np.float32)
            EmbreeMesh(self._bvh, local, np.ascontiguousarray(triangles.faces, dtype=np.int32))

    def cast(self, origins: Float[np.ndarray, "R 3"], directions: Float[np.ndarray, "R 3"]) -> Hits:
        """Nearest surface along each ray.

        Args:
            origins: starting points, in the meshes' frame.
            directions: of any length; distances are in units of it.
        """
        triangle, barycentric, distance = self._trace(origins, directions)
        hit = triangle >= 0
        mesh = self._mesh_of(triangle)
        first = self._triangles.first_face[np.where(hit, mesh, 0)]
        return Hits(
            mesh, np.where(hit, triangle - first, -1).astype(np.int32), barycentric, distance
        )

    def ids(self, camera: Camera) -> Int[np.ndarray, "H W"]:
        """Index of the nearest mesh at each pixel centre, -1 where nothing is: one ray a pixel."""
        window = self._window(camera)
        triangle, _, _ = self._trace(*_rays(camera, window, 0.5, 0.5))
        return window.placed(self._mesh_of(triangle).reshape(window.shape), -1)

    def silhouette(self, camera: Camera) -> Bool[np.ndarray, "H W"]:
        """Where anything is seen at pixel centres: one ray a pixel."""
        return self.ids(camera) >= 0

    def render(self, camera: Camera, *, supersample: int = 2, shading: float = 0.0) -> RenderedView:
        """Picture, depth and identities at a camera.

        Args:
            camera: in the meshes' frame; perspective or orthographic, any principal point.
            supersample: rays along each side of a pixel.
            shading: 0 for the bare base colour; up to 1 blends in a soft studio light that is
                fixed in the frame (key light from the front left above), for pictures to look at.

        Raises:
            GeometryError: supersample below 1 or shading outside 0 to 1.
        """
        if supersample < 1 or not 0.0 <= shading <= 1.0:
            raise GeometryError(
                f"render: supersample {supersample} must be at least 1 and shading {shading} "
                "between 0 and 1"
            )
        window = self._window(camera)
        total = np.zeros((*window.shape, 4), dtype=np.float32)
        center: tuple[Int[np.ndarray, "R"], Float[np.ndarray, "R"]] | None = None
        for row in range(supersample):
            for column in range(supersample):
                x, y = (column + 0.5) / supersample, (row + 0.5) / supersample
                color, *surface = self._sample(_rays(camera, window, x, y), shading)
                total += color.reshape(*window.shape, 4)
                if x == y == 0.5:
                    center = surface[0], surface[1]
        if center is None:
            triangle, _, distance = self._trace(*_rays(camera, window, 0.5, 0.5))
            center = triangle, distance
        return RenderedView(
            rgba=window.placed(_straight(total / supersample**2), 0),
            depth=window.placed(center[1].reshape(window.shape), np.inf),
            node_index=window.placed(self._mesh_of(center[0]).reshape(window.shape), -1),
        )

    def _mesh_of(self, triangle: Int[np.ndarray, "R"]) -> Int[np.ndarray, "R"]:
        """Mesh index of each triangle; -1 for none."""
        if self._bvh is None:
            return triangle
        return np.where(triangle >= 0, self._triangles.mesh_index[triangle], -1).astype(np.int32)

    def _window(self, camera: Camera) -> "_Window":
        """The pixels that the meshes' bounding box can reach: no other ray can hit."""
        height, width = camera.height_px, camera.width_px
        at, depth = cameras.project(camera, self._corners)
        if camera.projection == "perspective" and depth.min() <= 1e-6 * self._unit:
            return _Window(height, width, 0, height, 0, width)
        left, top = np.clip(np.floor(at.min(axis=0)) - 1, 0, (width, height)).astype(int)
        right, bottom = np.clip(np.ceil(at.max(axis=0)) + 1, 0, (width, height)).astype(int)
        return _Window(height, width, int(top), int(bottom), int(left), int(right))

    def _sample(
        self,
        rays: tuple[Float[np.ndarray, "R 3"], Float[np.ndarray, "R 3"]],
        shading: float,
    ) -> tuple[Float[np.ndarray, "R 4"], Int[np.ndarray, "R"], Float[np.ndarray, "R"]]:
        """Premultiplied colour in 0..1, triangle (-1 for none) and distance along rays."""
        triangle, barycentric, distance = self._trace(*rays)
        rgba = np.zeros((len(triangle), 4), dtype=np.float32)
        hit = np.flatnonzero(triangle >= 0)
        seen, weights = triangle[hit], barycentric[hit]
        rgba[hit, :3] = self._appearance.base_color(seen, weights)[:, :3]
        rgba[hit, 3] = 1.0
        if shading > 0.0:
            light = self._appearance.studio_light(seen, weights, rays[1][hit])
            rgba[hit, :3] *= (1.0 - shading + shading * light)[:, None]
        return np.minimum(rgba, 1.0), triangle, distance

    def _trace(
        self, origins: Float[np.ndarray, "R 3"], directions: Float[np.ndarray, "R 3"]
    ) -> tuple[Int[np.ndarray, "R"], Float[np.ndarray, "R 3"], Float[np.ndarray, "R"]]:
        """Triangle (-1 for none), barycentric weights and distance of each ray's first hit."""
        triangle = np.full(len(origins), -1, dtype=np.int32)
        barycentric = np.zeros((len(origins), 3), dtype=np.float32)
        distance = np.full(len(origins), np.inf, dtype=np.float32)
        if self._bvh is None:
            return triangle, barycentric, distance
        start = ((origins - self._center) / self._unit).astype(np.float32)
        along = (directions / self._unit).astype(np.float32)
        for begin in range(0, len(origins), _RAYS_AT_ONCE):
            part = slice(begin, begin + _RAYS_AT_ONCE)
            found = self._bvh.run(start[part], along[part], output=1)
            triangle[part] = found["primID"]
            u, v = found["u"], found["v"]
            barycentric[part] = np.stack([1.0 - u - v, u, v], axis=-1)
            distance[part] = found["tfar"]
        if self._cutoff is not None:
            self._pass_cutouts(start, along, triangle, barycentric, distance)
        barycentric[triangle < 0] = 0.0
        distance[triangle < 0] = np.inf
        return triangle, barycentric, distance

    def _pass_cutouts(
        self,
        start: Float[np.ndarray, "R 3"],
        along: Float[np.ndarray, "R 3"],
        triangle: Int[np.ndarray, "R"],
        barycentric: Float[np.ndarray, "R 3"],
        distance: Float[np.ndarray, "R"],
    ) -> None:
        """Send rays that met cut-out surface on, in place; a few layers are enough."""
        pending = np.flatnonzero(triangle >= 0)
        for _ in range(_CUTOUT_LAYERS):
            colors = self._appearance.base_color(triangle[pending], barycentric[pending])
            pending = pending[colors[:, 3] < self._cutoff]
            if not len(pending):
                return
            step = distance[pending] + _CUTOUT_STEP / np.linalg.norm(along[pending], axis=-1)
            moved = start[pending] + step[:, None] * along[pending]
            found = self._bvh.run(moved.astype(np.float32), along[pending], output=1)
            triangle[pending] = found["primID"]
            u, v = found["u"], found["v"]
            barycentric[pending] = np.stack([1.0 - u - v, u, v], axis=-1)
            distance[pending] = step + found["tfar"]
            pending = pending[triangle[pending] >= 0]


def _rays(
    camera: Camera, window: _Window, x: float, y: float
) -> tuple[Float[np.ndarray, "R 3"], Float[np.ndarray, "R 3"]]:
    """Rays through one position inside each pixel; length 1 along the viewing axis."""
    columns, rows = np.meshgrid(
        np.arange(window.left, window.right) + x,
        np.arange(window.top, window.bottom) + y,
        indexing="xy",
    )
    origins, directions = cameras.pixel_rays(camera, columns.ravel(), rows.ravel())
    axis = -transforms.to_array(camera.world_from_camera)[:3, 2]
    return origins, directions / (directions @ axis)[:, None]


def _straight(premultiplied: Float[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "H W 4"]:
    """Premultiplied float colour as 8-bit colour with straight alpha."""
    alpha = premultiplied[..., 3:]
    rgb = premultiplied[..., :3] / np.maximum(alpha, 1e-6)
    return np.rint(np.concatenate([rgb, alpha], axis=-1) * 255.0).astype(np.uint8)
