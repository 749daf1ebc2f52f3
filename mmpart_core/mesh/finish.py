"""From a raw extraction to a clean, light, textured surface: the same for every extractor."""

import numpy as np
from jaxtyping import Float, Int

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.mesh import bake
from mmpart_core.mesh.clean import clean_surface
from mmpart_core.mesh.fairing import fair_surface
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_core.mesh.settings import FinishSettings
from mmpart_core.mesh.simplify import simplify_surface
from mmpart_core.mesh.unwrap import unwrap_surface

_LITTLE_SEEN = 0.5
# Mending what decimation pressed together adds a few faces.
_OVER_BUDGET = 1.02


def finish_surface(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    field: FieldGrid,
    views: PosedViews,
    settings: FinishSettings,
    extractor: str,
) -> ExtractedSurface:
    """Clean, simplify, unwrap and colour a raw surface.

    Args:
        vertices: raw extraction, part frame.
        faces: turned outward.
        field: what it was extracted from.
        views: posed images of the part.
        settings: face budget and texture.
        extractor: how it was extracted, for the record.

    Raises:
        BackendError: no body is left after cleaning.
    """
    clean = clean_surface(vertices, faces, settings.min_body_share)
    light, light_faces = simplify_surface(clean.vertices, clean.faces, settings.max_faces)
    light, passes = fair_surface(light, light_faces, field.doubt, settings.fairing_passes)
    if settings.texture == "atlas":
        unwrapped = unwrap_surface(light, light_faces, settings.texture_size_px)
        mesh, seen = bake.bake_texture(unwrapped, field, views)
        width, height = unwrapped.size_px
        colored = f"{width}x{height} texture in {unwrapped.charts} charts"
    else:
        mesh, seen = bake.color_vertices(light, light_faces, field, views)
        colored = "vertex colours"
    warnings = list(clean.warnings)
    if len(light_faces) > _OVER_BUDGET * settings.max_faces:
        warnings.append(
            f"{len(light_faces)} faces are kept of at most {settings.max_faces} wanted: fewer "
            "would have opened the surface"
        )
    if seen < _LITTLE_SEEN:
        warnings.append(f"only {seen:.0%} of the surface is seen by a view; the rest is a guess")
    return ExtractedSurface(
        mesh=mesh,
        method=(
            f"{extractor}, {len(faces)} faces reduced to {len(light_faces)}, "
            f"{f'faired in {passes} passes, ' if passes else ''}{colored} from "
            f"{len(views.cameras)} views, {seen:.0%} of it seen"
        ),
        warnings=tuple(warnings),
    )
