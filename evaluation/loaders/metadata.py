"""An index over mesh files: ``metadata.csv`` in the form of TRELLIS and its successors."""

import hashlib
import json
from pathlib import Path

from evaluation.loaders import files
from evaluation.objects import DataIssue, GroundTruthObject
from mmpart_core.errors import InputError


class MetadataIndex:
    """``metadata.csv`` with ``sha256, file_identifier, captions, local_path``.

    Objects are named by their digest; ``local_path`` is relative to the index. Meshes of a scene
    are its parts. A file whose content has another digest is used and reported.

    Args:
        folder: holds the index.

    Raises:
        InputError: the index cannot be read or lacks a column.
    """

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._folder = folder
        rows = files.read_table(folder / "metadata.csv")
        missing = {"sha256", "local_path"} - set(rows[0] if rows else {})
        if rows and missing:
            raise InputError(f"metadata.csv: columns {sorted(missing)} are missing")
        self._rows = {row["sha256"]: row for row in rows if row["local_path"]}

    def object_ids(self) -> list[str]:
        """Digests, in the order of the index; objects that were not downloaded are left out."""
        return list(self._rows)

    def load(self, object_id: str) -> GroundTruthObject:
        """One object.

        Raises:
            InputError: its file cannot be read, or it is not in the index.
        """
        if object_id not in self._rows:
            raise InputError(f"{self.name}: no object '{object_id}' among {len(self._rows)}")
        row = self._rows[object_id]
        path = self._folder / row["local_path"]
        digest = hashlib.sha256(files.read_bytes(path)).hexdigest()
        issues: tuple[DataIssue, ...] = ()
        if digest != object_id:
            issues = (
                DataIssue(
                    row["local_path"],
                    f"its SHA-256 is {digest[:12]}..., the index says {object_id[:12]}...",
                ),
            )
        parts = {}
        for name, mesh in files.read_meshes(path):
            parts[files.unique_name(name, parts)] = mesh
        return GroundTruthObject(
            object_id, parts, source=row.get("file_identifier") or row["local_path"], issues=issues
        )

    def captions(self, object_id: str) -> list[str]:
        """Captions of an object, from the longest to the shortest description.

        Raises:
            InputError: they are no JSON list, or the object is not in the index.
        """
        if object_id not in self._rows:
            raise InputError(f"{self.name}: no object '{object_id}' among {len(self._rows)}")
        text = self._rows[object_id].get("captions") or "[]"
        try:
            return [str(caption) for caption in json.loads(text)]
        except (ValueError, TypeError) as error:
            raise InputError(f"metadata.csv: captions of {object_id[:12]} ({error})") from error
