"""Runs a FlexiCubes implementation, ours or kaolin's, on a field: all that both back-ends do."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.mesh.field_values import distances_at, slopes_at
from mmpart_core.mesh.finish import finish_surface
from mmpart_core.mesh.flexicubes.grid import voxel_grid
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_core.mesh.refine import refine_surface
from mmpart_core.mesh.settings import DualSettings
from mmpart_core.mesh.solid_field import solid_field

_NEWTON_STEPS = 2
_LEAST_SLOPE = 0.3
_FARTHEST = 0.5


def extract_finished(
    extractor: Any, field: FieldGrid, views: PosedViews, settings: DualSettings, name: str
) -> ExtractedSurface:
    """A part's mesh by FlexiCubes, from field to texture.

    Args:
        extractor: ``FlexiCubes`` of this package or of kaolin.
        field: what was reconstructed, in the part frame.
        views: the part's views, for its colours.
        settings: the back-end's.
        name: whose FlexiCubes it is.

    Raises:
        BackendError: nothing is inside, or no body is left after cleaning.
    """
    solid = solid_field(field)
    if settings.refine_steps:
        vertices, faces = refine_surface(extractor, solid, views, settings)
        name = f"{name} refined in {settings.refine_steps} steps"
    else:
        vertices, faces = extract_dual_surface(extractor, solid, settings.device)
    return finish_surface(vertices, faces, field, views, settings, name)


def extract_dual_surface(
    extractor: Any, field: FieldGrid, device: str
) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """Vertices and faces of a field's zero level.

    Args:
        extractor: ``FlexiCubes`` of this package or of kaolin.
        field: closed, see ``solid_field``.
        device: where to work.

    Returns:
        float64 positions in the part frame; int64 faces turned outward.
    """
    cubes = tuple(int(size) - 1 for size in field.sdf.shape)
    corners, cube_index = voxel_grid((cubes[0], cubes[1], cubes[2]), device)
    extent = torch.tensor(cubes, device=device, dtype=corners.dtype)
    steps = torch.round((corners + 0.5) * extent)
    values = torch.as_tensor(field.sdf, device=device).reshape(-1) / field.spacing
    with torch.no_grad():
        vertices, faces, *_ = extractor(steps, values, cube_index, cubes)
    settled = settle(vertices.cpu().numpy().astype(np.float64), field)
    return settled * field.spacing + field.origin, faces.cpu().numpy().astype(np.int64)


def settle(vertices: Float[np.ndarray, "V 3"], field: FieldGrid) -> Float[np.ndarray, "V 3"]:
    """Move vertices onto the zero level, half a cube at most.

    A dual vertex is a mean of crossings and so lies inside wherever the surface is rounded;
    Newton steps along the field's gradient undo that.

    Args:
        vertices: in grid steps.
        field: the distances.
    """
    moved = vertices.copy()
    for _ in range(_NEWTON_STEPS):
        value, slopes = distances_at(field, moved), slopes_at(field, moved)
        # A gradient that vanishes (a medial sheet) says nothing about where the surface is.
        squared = np.maximum(np.sum(slopes**2, axis=1), (_LEAST_SLOPE * field.spacing) ** 2)
        moved -= (value / squared)[:, None] * slopes
        moved = vertices + np.clip(moved - vertices, -_FARTHEST, _FARTHEST)
    return moved
