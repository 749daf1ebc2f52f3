"""Runs a FlexiCubes implementation, ours or kaolin's, on a field."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.mesh.flexicubes.grid import voxel_grid


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
    places = vertices.cpu().numpy().astype(np.float64) * field.spacing + field.origin
    return places, faces.cpu().numpy().astype(np.int64)
