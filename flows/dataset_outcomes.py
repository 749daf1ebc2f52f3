"""What became of each object and part of a data set: one row each, the record of truth."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from flows.dataset_items import DatasetItem
from mmpart_core.errors import MMPartError
from mmpart_core.output.scrubbing import scrub_text
from mmpart_core.quoting import kept_path, shortened
from mmpart_core.records import (
    ComponentRequest,
    ObjectResult,
    PartFailure,
    PartResult,
    Record,
    StageRun,
)

State = Literal["made", "incomplete", "failed", "invalid", "skipped"]
STATES: tuple[State, ...] = ("made", "incomplete", "failed", "invalid", "skipped")
# Failures that say nothing of the object: it is tried again as soon as they are over.
PASSING = ("BudgetError", "StorageError", "QuotaExhaustedError")
_MESSAGE_CHARS = 1000


class OutcomeRow(Record):
    """One object, or one of its parts.

    Attributes:
        object: its name.
        component: the part; None for the object itself.
        number: row of the manifest, from 1.
        run: which process it was made by, counted from 1 over the life of the data set.
        order: counts the objects that a run finished; with ``run`` it tells the latest row.
        state: ``made``; ``incomplete``: an object with parts that failed; ``failed``: nothing was
            made; ``invalid``: its row or image cannot be used; ``skipped``: not made for a reason
            that is not its own (a budget, a store), or a part that was never begun.
        error: class of the error that decided the state.
        stage: where it happened.
        message: what happened and what to do.
        seconds: of an object from its start to its end; of a part the sum of its stages.
        cost_usd: what hosted models cost for it in its run.
        spent_usd: the same over all runs.
        stages: pieces of work that were begun.
        cached: of these, how many were stored before.
        parts: components asked for; 1 for a part.
        parts_made: of these, how many were made.
        key: of all that decides what comes of it; None where it was never known.
        id: of the object, as the manifest gives it; None where it gives none.
        image: as the manifest names it.
        image_sha256: of the image file.
        image_mark: size and time of the image file.
        glb_sha256: of the assembled object, or of the part's mesh, in the store.
        glb_bytes: size of ``object.glb`` in the output.
        manifest_bytes: size of ``manifest.json`` in the output.
        faces: triangles.
        watertight: whether a part's mesh is closed.
        silhouette_iou: agreement with the image.
        warnings: how many were given.
        deaths: processes that ended while the object was being made.
        started_at: ISO 8601, UTC.
        ended_at: ISO 8601, UTC.
        flow_run: id of its flow run in Prefect.
    """

    object: str
    component: str | None = None
    number: int = Field(ge=0)
    run: int = Field(default=0, ge=0)
    order: int = Field(default=0, ge=0)
    state: State
    error: str | None = None
    stage: str | None = None
    message: str | None = None
    seconds: float = 0.0
    cost_usd: float = 0.0
    spent_usd: float = 0.0
    stages: int = 0
    cached: int = 0
    parts: int = 0
    parts_made: int = 0
    key: str | None = None
    id: str | None = None
    image: str | None = None
    image_sha256: str | None = None
    image_mark: str | None = None
    glb_sha256: str | None = None
    glb_bytes: int | None = None
    manifest_bytes: int | None = None
    faces: int | None = None
    watertight: bool | None = None
    silhouette_iou: float | None = None
    warnings: int = 0
    deaths: int = 0
    started_at: str | None = None
    ended_at: str | None = None
    flow_run: str | None = None


def object_state(result: ObjectResult) -> State:
    """What became of an object whose stages ran to their end."""
    if result.complete:
        return "made"
    if any(failure.error in PASSING for failure in result.failures):
        return "skipped"
    return "incomplete" if result.assembled is not None else "failed"


def rows_of_result(item: DatasetItem, result: ObjectResult) -> list[OutcomeRow]:
    """An object's row and one for each part, in the order of its components."""
    deciding = _deciding(result.failures)
    made = result.assembled
    whole = OutcomeRow(
        object=item.name,
        number=item.number,
        state=object_state(result),
        **_failure_fields(deciding),
        **_taken(result.runs),
        parts=len(result.request.components),
        parts_made=len(result.parts) if made else 0,
        id=item.given_id,
        image=item.shown,
        glb_sha256=made.glb.sha256 if made else None,
        faces=made.glb.faces if made else None,
        silhouette_iou=made.silhouette_iou if made else None,
        warnings=_warnings(result),
    )
    return [whole, *(_part_row(item, result, each) for each in result.request.components)]


def _deciding(failures: Sequence[PartFailure]) -> PartFailure | None:
    """The failure that an object's row tells: one that will pass, of the whole, or the first."""
    passing = [failure for failure in failures if failure.error in PASSING]
    whole = [failure for failure in failures if failure.component is None]
    return next(iter([*passing, *whole, *failures]), None)


def _failure_fields(failure: PartFailure | None) -> dict[str, Any]:
    if failure is None:
        return {}
    message = shortened(scrub_text(failure.message), _MESSAGE_CHARS)
    return {"error": failure.error, "stage": failure.stage, "message": message}


def _taken(runs: Sequence[StageRun]) -> dict[str, Any]:
    return {
        "seconds": sum(run.seconds for run in runs),
        "cost_usd": sum(run.cost_usd for run in runs),
        "stages": len(runs),
        "cached": sum(run.cached for run in runs),
    }


def _warnings(result: ObjectResult) -> int:
    plan = len(result.plan.warnings) if result.plan else 0
    whole = len(result.assembled.warnings) if result.assembled else 0
    return plan + whole + sum(_part_warnings(part) for part in result.parts)


def _part_warnings(part: PartResult) -> int:
    return sum(len(record.warnings) for record in (part.isolated, part.field, part.mesh))


def _part_row(item: DatasetItem, result: ObjectResult, wanted: ComponentRequest) -> OutcomeRow:
    part = next((each for each in result.parts if each.component == wanted.name), None)
    failure = next((each for each in result.failures if each.component == wanted.name), None)
    runs = [run for run in result.runs if run.component == wanted.name]
    placements = result.assembled.placements if result.assembled else ()
    place = next((each for each in placements if each.component == wanted.name), None)
    fields = _failure_fields(failure)
    if part is None and failure is None:
        fields = {**_failure_fields(_deciding(result.failures)), "message": "it was never begun"}
    return OutcomeRow(
        object=item.name,
        component=wanted.name,
        number=item.number,
        state=_part_state(part, failure),
        **fields,
        **_taken(runs),
        parts=1,
        parts_made=int(part is not None),
        glb_sha256=part.mesh.mesh.sha256 if part else None,
        faces=part.mesh.mesh.faces if part else None,
        watertight=part.mesh.watertight if part else None,
        silhouette_iou=place.silhouette_iou if place else None,
        warnings=_part_warnings(part) if part else 0,
    )


def _part_state(part: PartResult | None, failure: PartFailure | None) -> State:
    if part is not None:
        return "made"
    return "failed" if failure is not None and failure.error not in PASSING else "skipped"


def row_of_error(
    number: int,
    name: str,
    state: State,
    error: BaseException,
    image: str | None = None,
    given_id: str | None = None,
) -> OutcomeRow:
    """The row of an object that an error ended before or beside its stages.

    Args:
        number: row of the manifest.
        name: of the object.
        state: what became of it.
        error: why.
        image: as the manifest names it.
        given_id: as the manifest gives it.
    """
    name_of_class = type(error).__name__
    said = str(error)
    if not isinstance(error, MMPartError):
        said = f"an unexpected {name_of_class}: {error}; the log has its traceback"
    message = shortened(scrub_text(said), _MESSAGE_CHARS)
    return OutcomeRow(
        object=name,
        number=number,
        state=state,
        error=name_of_class,
        message=message,
        id=given_id and kept_path(given_id),
        image=image and kept_path(image),
    )


def row_of_item(item: DatasetItem, state: State, error: BaseException) -> OutcomeRow:
    """As ``row_of_error``, of a row that could be read."""
    return row_of_error(item.number, item.name, state, error, item.shown, item.given_id)
