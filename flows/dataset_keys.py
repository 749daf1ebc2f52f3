"""What decides an object's outcome, as one key: its image, components, profile and seed."""

import hashlib
from dataclasses import asdict
from typing import Any

from flows.dataset_files import read_bytes, state_of
from flows.dataset_items import DatasetItem
from mmpart_core import backends, stages
from mmpart_core.config import PipelineConfig
from mmpart_core.intake.components import ComponentEntry
from mmpart_core.intake.files import read_limited
from mmpart_core.intake.image import MAX_BYTES as MAX_IMAGE_BYTES
from mmpart_core.keys import canonical_json
from mmpart_core.storage.blob_store import digest_of


def image_digest(item: DatasetItem) -> str:
    """SHA-256 of the image file.

    Raises:
        InputError: it is not there or too large.
        StorageError: the object store cannot be read.
    """
    return digest_of(read_bytes(item.image, "image", MAX_IMAGE_BYTES))


def image_mark(item: DatasetItem) -> str:
    """What changes when the image file does, told without reading it; empty where nothing does.

    Raises:
        InputError: it is not there.
        StorageError: the object store cannot be read.
    """
    return state_of(item.image, "image").mark


def config_identity(config: PipelineConfig) -> str:
    """Digest of all of a profile that decides what comes of an object."""
    made_by: dict[str, Any] = {}
    for stage in backends.STAGES:
        choice = config.choice(stage)
        settings = backends.check_settings(stage, choice.kind, choice.settings)
        made_by[stage] = {
            "version": stages.IDENTITIES[stage].version,
            "backend": backends.backend_version(stage, choice.kind),
            "settings": settings.key_settings(),
        }
    common = {
        "input": config.input.model_dump(mode="json"),
        "whole_object_views": config.whole_object_views,
        "input_view": config.input_view,
    }
    return digest_of(canonical_json({"stages": made_by, **common}).encode())


def item_key(item: DatasetItem, image_sha256: str, config: str) -> str:
    """The key of one object's whole work.

    Args:
        item: the object.
        image_sha256: of its image file.
        config: from ``config_identity``.

    Raises:
        InputError: a mask cannot be read.
    """
    content = {
        "name": item.name,
        "image": image_sha256,
        "components": [_entry_content(entry) for entry in item.entries],
        "view": item.view.model_dump(mode="json"),
        "seed": item.seed,
        "config": config,
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _entry_content(entry: ComponentEntry) -> dict[str, Any]:
    content: dict[str, Any] = {"name": entry.name, "hidden": entry.hidden, "count": entry.count}
    if entry.region is not None:
        region = asdict(entry.region)
        mask = entry.region.mask
        if mask is not None:
            region["mask"] = digest_of(
                read_limited(mask, "mask", MAX_IMAGE_BYTES, "save it smaller")
            )
        content["region"] = region
    return content
