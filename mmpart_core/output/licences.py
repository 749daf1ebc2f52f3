"""Which checkpoints a profile uses, and under which licence each may be used.

A back-end module may define ``LICENSES``: a mapping from checkpoint (as its settings name it) to
its licence in words. The checkpoints in use are the settings that name one. A module with
``LICENSES`` whose settings name none of them always loads them all. A back-end without either
runs our own code on the inputs alone and uses none.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_origin

from pydantic import BaseModel

from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.records import StageName

UNKNOWN_LICENCE = "not stated by the back-end; see the checkpoint's own page before use"
NO_CHECKPOINT = "none: runs offline on the inputs alone"
_CHECKPOINT_FIELDS = ("model", "checkpoint", "weights", "repository")


def checkpoint_licences(config: PipelineConfig) -> list[dict[str, Any]]:
    """One entry per stage, in the order of the stages.

    Returns:
        ``stage``, ``backend`` (kind/version), ``checkpoints`` (each ``name`` and ``licence``; empty
        when none is used) and ``note`` (in words).

    Raises:
        UnknownBackendError: a kind that nothing provides.
    """
    return [_stage_entry(stage, config) for stage in backends.STAGES]


def _stage_entry(stage: StageName, config: PipelineConfig) -> dict[str, Any]:
    choice = config.choice(stage)
    module = backends.find_module(stage, choice.kind)
    licences: Mapping[str, str] = getattr(module, "LICENSES", {})
    known = getattr(module, "Settings", BaseModel)
    names = _used_checkpoints(_open_settings(known, choice.settings, licences), licences)
    return {
        "stage": stage,
        "backend": backends.backend_version(stage, choice.kind),
        "checkpoints": [
            {"name": name, "licence": licences.get(name, UNKNOWN_LICENCE)} for name in names
        ],
        "note": f"{len(names)} checkpoint(s)" if names else NO_CHECKPOINT,
    }


def _open_settings(
    model: type[BaseModel], settings: Mapping[str, Any], licences: Mapping[str, str]
) -> dict[str, Any]:
    """Settings that may name anything; one of fixed words names none, unless it has a licence."""
    fields = model.model_fields
    return {
        name: value
        for name, value in settings.items()
        if name not in fields
        or get_origin(fields[name].annotation) is not Literal
        or value in licences
    }


def _used_checkpoints(settings: Mapping[str, Any], licences: Mapping[str, str]) -> list[str]:
    named = [
        value
        for key, value in settings.items()
        if isinstance(value, str)
        and value
        and (value in licences or key.rsplit("_", 1)[-1] in _CHECKPOINT_FIELDS)
    ]
    return list(dict.fromkeys(named or licences))
