"""Mesh: a box of twelve triangles."""

from typing import ClassVar

import numpy as np
import trimesh

from mmpart_core.backends import BackendSettings
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_noop import journal


class Settings(BackendSettings):
    """There are none."""


class NoopExtractor:
    """Gives a box of the field's colour."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        box = trimesh.creation.box((1.0, 1.0, 1.0))
        self._vertices = np.array(box.vertices, dtype=np.float64)
        self._faces = np.array(box.faces, dtype=np.int64)

    def open(self) -> None:
        """Nothing to load."""

    def extract(self, field: FieldGrid, views: PosedViews, seed: int) -> ExtractedSurface:
        """Give it."""
        colour = np.append(np.round(field.rgb[0, 0, 0] * 255), 255).astype(np.uint8)
        journal.note("mesh", bytes(colour[:3]).decode("latin-1"))
        colors = np.tile(colour, (len(self._vertices), 1))
        mesh = TriangleMesh(self._vertices.copy(), self._faces.copy(), colors=colors)
        return ExtractedSurface(mesh, "a box")


BACKEND = NoopExtractor
