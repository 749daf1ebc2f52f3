"""The one definition of "same work": ``stage_key``."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from mmpart_core import backends
from mmpart_core.config import BackendChoice
from mmpart_core.records import Record, StageName

# Fields of records that only tell: an image that cost more, or came with a note, is the same image.
TOLD_ONLY = frozenset({"cost_usd", "warnings", "tries"})


@dataclass(frozen=True)
class Stage:
    """A stage's identity: bump the version when equal inputs may now give another output."""

    name: StageName
    version: int


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; records and tuples of records allowed.

    Of records, the fields in ``TOLD_ONLY`` are left out.

    Raises:
        TypeError: a value that is not JSON-safe (a set, an array, an object).
        ValueError: NaN or infinity.
    """
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=_record_to_json,
    )


def _record_to_json(value: Any) -> Any:
    if isinstance(value, Record):
        return _without_told_only(value.model_dump(mode="json"))
    raise TypeError(f"{type(value).__name__} cannot enter a cache key; pass records and scalars")


def _without_told_only(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {key: _without_told_only(item) for key, item in items if key not in TOLD_ONLY}
    if isinstance(value, list):
        return [_without_told_only(item) for item in cast("list[Any]", value)]
    return value


def stage_key(stage: Stage, choice: BackendChoice, inputs: Mapping[str, Any], seed: int) -> str:
    """The cache key of one piece of work.

    Args:
        stage: the stage; its name is the key's prefix.
        choice: back-end kind and settings.
        inputs: parameter name -> record, tuple of records or None.
        seed: the seed the work is given.

    Returns:
        ``<stage>-<sha256>``.

    Raises:
        TypeError: an input that is not made of records and scalars.
    """
    settings = backends.check_settings(stage.name, choice.kind, choice.settings)
    content = {
        "stage": stage.name,
        "stage_version": stage.version,
        "backend": backends.backend_version(stage.name, choice.kind),
        "settings": settings.key_settings(),
        "inputs": dict(inputs),
        "seed": seed,
    }
    return f"{stage.name}-{hashlib.sha256(canonical_json(content).encode()).hexdigest()}"
