"""Which stage made a blob: found in the records that refer to it, told when it is unusable."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

from mmpart_core.errors import BlobError
from mmpart_core.records import (
    AssembledObject,
    BlobRef,
    IsolatedPart,
    ObjectRequest,
    PartMesh,
    PartPlan,
    PartPrompt,
    RadianceField,
    Region,
    StageName,
    TruthPart,
    ViewSet,
)

# The innermost of these records around a reference made it; None is what the user gave.
_MAKERS: Mapping[type[BaseModel], StageName | None] = {
    ObjectRequest: None,
    Region: None,
    TruthPart: None,
    PartPlan: "plan",
    PartPrompt: "plan",
    IsolatedPart: "isolate",
    ViewSet: "multiview",
    RadianceField: "reconstruct",
    PartMesh: "mesh",
    AssembledObject: "assemble",
}


def refresh_of(sha256: str, records: Any) -> str | None:
    """What ``refresh`` takes to make a blob again: ``"mesh:hat"``, or ``"plan"``.

    Args:
        sha256: the blob's digest.
        records: a record, or a mapping or sequence of records, one of which refers to it.

    Returns:
        None where the user gave the blob, or no record refers to it.
    """
    return next(_found(sha256, records, None), None)


def _found(sha256: str, value: Any, maker: str | None) -> Generator[str | None]:
    if isinstance(value, BlobRef):
        if value.sha256 == sha256:
            yield maker
    elif isinstance(value, BaseModel):
        inner = _refresh_name(value, maker)
        for name in type(value).model_fields:
            yield from _found(sha256, getattr(value, name), inner)
    elif isinstance(value, Mapping):
        yield from _found(sha256, tuple(value.values()), maker)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from _found(sha256, item, maker)


def _refresh_name(record: BaseModel, outer: str | None) -> str | None:
    if type(record) not in _MAKERS:
        return outer
    stage = _MAKERS[type(record)]
    component: str | None = getattr(record, "component", None)
    if isinstance(record, IsolatedPart) and component is None:
        return "plan"  # the whole object is not isolated: its mask is the plan's
    return stage if stage in (None, "plan") or component is None else f"{stage}:{component}"


@contextmanager
def unusable_blobs_named(records: Any) -> Generator[None]:
    """Within: an error on a blob that a stage made also says what to refresh.

    Args:
        records: as for ``refresh_of``.

    Raises:
        BlobMissingError, BlobCorruptError: as within, with the stage.
    """
    try:
        yield
    except BlobError as error:
        made = refresh_of(error.sha256, records) if error.sha256 else None
        if made is None:
            raise
        message = f"{error}; should that not help, refresh '{made}', which made it"
        raise type(error)(message, error.sha256) from error
