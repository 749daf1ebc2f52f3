"""From a finished run of ``ns-train mmpart-part`` to a GLB, in the frame of the run's views.

nerfstudio's ``ns-export`` makes point clouds and its own meshes of such a run; this is the mesh
stage of MMPart: clean, closed, simplified, with a texture baked from the views.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmpart_core.backends import open_backend
from mmpart_core.errors import InputError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.mesh.checks import SurfaceFacts, check_surface
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_core.reconstruct.field_file import FIELD_NAME, FieldFile, read_field_file
from mmpart_core.reconstruct.view_fitting import move_views
from mmpart_core.reconstruct.views_folder import read_views_folder
from mmpart_core.storage.glb import GlbNode, encode_glb


@dataclass(frozen=True)
class ExportedPart:
    """What was written.

    Attributes:
        surface: the mesh, part frame.
        facts: of it; lengths in part units.
        warnings: of training and meshing.
    """

    surface: ExtractedSurface
    facts: SurfaceFacts
    warnings: tuple[str, ...]


def export_run(
    run: Path,
    output: Path,
    *,
    name: str,
    views: Path | None = None,
    kind: str,
) -> ExportedPart:
    """Mesh a run's field.

    Args:
        run: the run's ``config.yml``, its folder, or its ``field.safetensors``. The configuration
            itself is not read: YAML of nerfstudio's can run code.
        output: the GLB to write; its folder is made.
        name: of the GLB's node, whose transform takes the part to the frame of the views (taken
            for +Z up).
        views: the views folder, where it is no longer where the run found it.
        kind: the mesh back-end, which takes its default settings.

    Raises:
        InputError: the run is not finished or not ours, its views cannot be read, or the output
            cannot be written.
        ConfigError: there is no such back-end.
        BackendError, StageError: the field has no usable surface.
    """
    field = read_field_file(_field_path(run))
    backend = open_backend("mesh", kind, {})
    surface = backend.extract(field.trained.grid, _part_views(field, views), 0)
    facts = check_surface(surface.mesh, name)
    node = GlbNode(name, surface.mesh, field.given_from_part)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(encode_glb([node]))
    except OSError as error:
        raise InputError(
            f"'{output}': cannot be written ({error.strerror}); give another place"
        ) from error
    return ExportedPart(surface, facts, (*field.trained.warnings, *surface.warnings, *facts.faults))


def _field_path(run: Path) -> Path:
    """The field of a run.

    Raises:
        InputError: there is none.
    """
    if not run.exists():
        raise InputError(
            f"run '{run}': no such file or folder; give the run's config.yml, its folder, or its "
            f"{FIELD_NAME}"
        )
    folder = run if run.is_dir() else run.parent
    path = run if run.suffix == ".safetensors" else folder / FIELD_NAME
    if not path.is_file():
        raise InputError(
            f"run '{run}': expected {FIELD_NAME} beside config.yml, which ns-train mmpart-part "
            "writes when training ends; finish the run (--load-dir goes on from its checkpoint), "
            "or give another method's run to ns-export"
        )
    return path


def _part_views(field: FieldFile, views: Path | None) -> PosedViews:
    """The views that the field was trained on, in the part frame.

    Raises:
        InputError: they cannot be read.
    """
    source = field.views if views is None else views
    if not source.exists():
        raise InputError(
            f"views '{source}': no such folder; the texture is baked from the views, so say where "
            "they are now (--views)"
        )
    given, trained = read_views_folder(source).views, field.trained
    bends = trained.deformations
    if bends is not None and len(bends) != len(given.cameras):
        raise InputError(
            f"views '{source}': {len(given.cameras)} views, but the field was trained on "
            f"{len(bends)}; say where those are (--views), or train again"
        )
    return trained.trained_on(move_views(given, np.linalg.inv(field.given_from_part)))
