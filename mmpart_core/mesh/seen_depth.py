"""Depth and normals of a field as its views see them, and how far a surface is from both.

A pixel's ray passes the field's zero level where half of its light is gone (NeuS: opacity along a
ray is what is missing of the sigmoid of distance), so this is the NeRF's median depth.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from mmpart_core.geometry import cameras
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import Hits, RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.images.silhouette import FOREGROUND
from mmpart_core.mesh.field_values import distances_at, slopes_at

_MOST_RAYS = 200_000
# Cubes before and behind the extracted surface in which the zero level is looked for.
_SEARCHED = np.linspace(-1.5, 1.5, 13)
# Cubes beyond which the surface that a ray meets is another one than the field's.
_SAME_SURFACE = 2.0


@dataclass(frozen=True)
class SeenSurface:
    """What rays through the views' pixels meet first of a field; lengths in grid steps.

    Attributes:
        origins: where rays begin, float64.
        directions: of rays, unit length, float64.
        points: where they pass the zero level.
        normals: of the field there, unit length, outward.
    """

    origins: Float[np.ndarray, "R 3"]
    directions: Float[np.ndarray, "R 3"]
    points: Float[torch.Tensor, "R 3"]
    normals: Float[torch.Tensor, "R 3"]

    def met_faces(
        self, vertices: Float[torch.Tensor, "W 3"], faces: Int[torch.Tensor, "F 3"]
    ) -> Int[torch.Tensor, "R"]:
        """The face of a surface that each ray meets first; -1 where it meets none."""
        hits = _cast(self.origins, self.directions, vertices, faces)
        return torch.as_tensor(hits.face.astype(np.int64), device=vertices.device)

    def loss(
        self,
        vertices: Float[torch.Tensor, "W 3"],
        faces: Int[torch.Tensor, "F 3"],
        met: Int[torch.Tensor, "R"],
    ) -> tuple[Float[torch.Tensor, ""], Float[torch.Tensor, ""]]:
        """Mean squared difference of depth, and mean difference of normals.

        Depth counts as it lies across the face: the difference along the ray times the cosine
        between ray and normal, without which grazing rays would outweigh all others. Its gradient
        moves a face's corners by the barycentric weights of the place that is met.

        Args:
            vertices: in grid steps.
            faces: turned outward.
            met: of ``met_faces``; rays that meet none say nothing.

        Returns:
            In squared cubes, and 1 minus the cosine; 0 where no ray meets the surface.
        """
        hit = torch.nonzero(met >= 0).reshape(-1)
        across, normals = across_faces(vertices[faces[met[hit]]], self.points[hit])
        same = across.detach().abs() < _SAME_SURFACE
        number = same.sum().clamp(min=1)
        tilt = 1.0 - (normals * self.normals[hit]).sum(dim=1)
        return (across.square() * same).sum() / number, (tilt * same).sum() / number


def across_faces(
    corners: Float[torch.Tensor, "R 3 3"], points: Float[torch.Tensor, "R 3"]
) -> tuple[Float[torch.Tensor, "R"], Float[torch.Tensor, "R 3"]]:
    """Signed distance of points from the planes of faces, and the faces' unit normals."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normals = torch.nn.functional.normalize(torch.linalg.cross(first, second), dim=1)
    return ((points - corners[:, 0]) * normals).sum(dim=1), normals


def see_surface(
    field: FieldGrid,
    views: PosedViews,
    vertices: Float[torch.Tensor, "W 3"],
    faces: Int[torch.Tensor, "F 3"],
) -> SeenSurface:
    """What the views see of a field, by at most 200 000 of their foreground's pixels.

    Args:
        field: closed, see ``solid_field``.
        views: posed images of the part; of them, cameras and masks.
        vertices: of a surface within a cube of the zero level, in grid steps.
        faces: turned outward.
    """
    origins, directions = _foreground_rays(field, views)
    hits = _cast(origins, directions, vertices, faces)
    met = hits.face >= 0
    origins, directions = origins[met], directions[met]
    depth, found = _crossings(field, origins, directions, hits.distance[met].astype(np.float64))
    points = origins + depth[:, None] * directions
    slopes = slopes_at(field, points)
    length = np.linalg.norm(slopes, axis=1)
    found &= (np.einsum("rc,rc->r", slopes, directions) < 0.0) & (length > 0.0)
    return SeenSurface(
        origins[found],
        directions[found],
        torch.as_tensor(points[found]).to(vertices),
        torch.as_tensor(slopes[found] / length[found, None]).to(vertices),
    )


def _cast(
    origins: Float[np.ndarray, "R 3"],
    directions: Float[np.ndarray, "R 3"],
    vertices: Float[torch.Tensor, "W 3"],
    faces: Int[torch.Tensor, "F 3"],
) -> Hits:
    corners = vertices.detach().cpu().numpy().astype(np.float64)
    surface = TriangleMesh(corners, faces.cpu().numpy().astype(np.int64))
    return RenderScene([surface]).cast(origins, directions)


def _foreground_rays(
    field: FieldGrid, views: PosedViews
) -> tuple[Float[np.ndarray, "R 3"], Float[np.ndarray, "R 3"]]:
    """Rays of the foreground's pixels in grid steps, every so manieth of all views together."""
    count = int((views.rgba[..., 3] >= FOREGROUND).sum())
    stride = max(1, -(-count // _MOST_RAYS))
    rays = [
        cameras.pixel_rays(camera, columns[::stride] + 0.5, rows[::stride] + 0.5)
        for rgba, camera in zip(views.rgba, views.cameras, strict=True)
        for rows, columns in [np.nonzero(rgba[..., 3] >= FOREGROUND)]
    ]
    origins, directions = (np.concatenate(each) for each in zip(*rays, strict=True))
    return (origins - field.origin) / field.spacing, directions


def _crossings(
    field: FieldGrid,
    origins: Float[np.ndarray, "R 3"],
    directions: Float[np.ndarray, "R 3"],
    reach: Float[np.ndarray, "R"],
) -> tuple[Float[np.ndarray, "R"], Bool[np.ndarray, "R"]]:
    """Where rays pass from outside to inside near a distance, and which do."""
    values = np.stack([
        distances_at(field, origins + (reach + away)[:, None] * directions) for away in _SEARCHED
    ])  # fmt: skip
    enters = (values[:-1] > 0.0) & (values[1:] <= 0.0)
    at, ray = enters.argmax(axis=0), np.arange(len(reach))
    before, behind = values[at, ray], values[at + 1, ray]
    found = np.asarray(enters.any(axis=0))
    share = np.where(found, before / np.where(found, before - behind, 1.0), 0.0)
    step = _SEARCHED[1] - _SEARCHED[0]
    return reach + _SEARCHED[at] + share * step, found
