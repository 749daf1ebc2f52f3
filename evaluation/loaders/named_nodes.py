"""GLBs whose named nodes are the parts: our default; Objaverse, ABO."""

from pathlib import Path

from evaluation.functional.counts import label_of
from evaluation.loaders import files
from evaluation.objects import GroundTruthObject


class NamedNodes:
    """A folder of ``<object id>.glb``; node transforms are applied, the node's name is the part's.

    A ``manifest.csv`` beside them, where there is one, gives ``category``, ``source_repo``,
    ``licence`` and human ``labels`` for the column ``parts`` (both parted by ``|``), by ``slug``.

    Args:
        folder: where the files are; sub-folders are looked into.
    """

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._files = {
            str(path.relative_to(folder).with_suffix("")): path
            for path in sorted(folder.rglob("*.glb"))
        }
        table = folder / "manifest.csv"
        rows = files.read_table(table) if table.is_file() else []
        self._facts = {row["slug"]: row for row in rows if row.get("slug")}

    def object_ids(self) -> list[str]:
        """Paths without ending, sorted."""
        return list(self._files)

    def load(self, object_id: str) -> GroundTruthObject:
        """One GLB.

        Raises:
            InputError: not a readable GLB, or no such object.
        """
        path = files.known(self._files, object_id, self.name)
        row = self._facts.get(object_id, {})
        return GroundTruthObject(
            object_id,
            files.read_glb_nodes(path),
            _labels(row),
            category=row.get("category", ""),
            source=path.name,
            licence=row.get("licence", ""),
        )


def _labels(row: dict[str, str]) -> dict[str, str]:
    """Kind per part: its human label without a number at the end."""
    parts, labels = (row.get(key, "").split("|") for key in ("parts", "labels"))
    if len(parts) != len(labels):
        return {}
    return {part: label_of(label) for part, label in zip(parts, labels, strict=True) if label}
