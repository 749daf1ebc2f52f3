"""Data sets and predictions on disk -> objects to score.

A loader is a class that takes a folder; ``open_dataset`` finds the one that fits the layout.
"""

from pathlib import Path

from evaluation.loaders.dataset import Dataset, DatasetOpener
from evaluation.loaders.gso import GoogleScannedObjects
from evaluation.loaders.metadata import MetadataIndex
from evaluation.loaders.named_nodes import NamedNodes
from evaluation.loaders.part_objaverse import PartObjaverseTiny
from evaluation.loaders.part_verse import PartVerse
from evaluation.loaders.partnet import PartNet
from evaluation.loaders.partnet_mobility import PartNetMobility
from evaluation.loaders.partnext import PartNeXt
from evaluation.loaders.predictions import PredictionFolder
from mmpart_core.errors import InputError

LAYOUTS: dict[str, DatasetOpener] = {
    "part-objaverse-tiny": PartObjaverseTiny,
    "partverse": PartVerse,
    "partnext": PartNeXt,
    "partnet-mobility": PartNetMobility,
    "partnet": PartNet,
    "gso": GoogleScannedObjects,
    "metadata": MetadataIndex,
    "named-nodes": NamedNodes,
}
_SIGNS: dict[str, tuple[str, ...]] = {
    "part-objaverse-tiny": ("PartObjaverse-Tiny_semantic.json",),
    "partverse": ("textured_part_glbs",),
    "partnext": ("glbs",),
    "partnet-mobility": ("*/mobility.urdf",),
    "partnet": ("data/*/result.json", "*/result.json"),
    "gso": ("*/meshes/model.obj",),
    "metadata": ("metadata.csv",),
    "named-nodes": ("**/*.glb",),
}


def open_dataset(folder: Path, layout: str | None = None) -> Dataset:
    """The data set in a folder.

    Args:
        folder: its root.
        layout: a key of ``LAYOUTS``; None to tell by the files.

    Raises:
        InputError: no such folder, an unknown layout, or one that no files show.
    """
    if not folder.is_dir():
        raise InputError(f"data set '{folder.name}': there is no such folder")
    chosen = layout or detect_layout(folder)
    if chosen not in LAYOUTS:
        raise InputError(f"data set layout '{chosen}': expected one of {', '.join(LAYOUTS)}")
    return LAYOUTS[chosen](folder)


def detect_layout(folder: Path) -> str:
    """Which layout a folder has, by its files.

    Raises:
        InputError: none that is known.
    """
    for layout, signs in _SIGNS.items():
        if any(next(folder.glob(sign), None) is not None for sign in signs):
            return layout
    raise InputError(
        f"data set '{folder.name}': its files show no known layout; name it with --loader (one "
        f"of {', '.join(LAYOUTS)}), or give a folder of GLBs with named nodes"
    )


__all__ = [
    "LAYOUTS", "Dataset", "DatasetOpener", "GoogleScannedObjects", "MetadataIndex", "NamedNodes",
    "PartNeXt", "PartNet", "PartNetMobility", "PartObjaverseTiny", "PartVerse",
    "PredictionFolder", "detect_layout", "open_dataset",
]  # fmt: skip
