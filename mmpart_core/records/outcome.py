"""What became of a request."""

from typing import Literal

from pydantic import Field

from mmpart_core.records.base import Record
from mmpart_core.records.plan import PartPlan
from mmpart_core.records.request import ObjectRequest
from mmpart_core.records.shape import AssembledObject, PartMesh, RadianceField
from mmpart_core.records.views import IsolatedPart, ViewSet

StageName = Literal["plan", "isolate", "multiview", "reconstruct", "mesh", "assemble"]


class StageRun(Record):
    """One stage of one part (or of the whole object) in one run.

    Attributes:
        component: the component's name; None for plan, assemble and the whole object's views.
        stage: which stage.
        key: its cache key (``keys.stage_key``).
        cached: True when the record came from the store.
        failed: True when it gave no record: what was spent on it all the same.
        seconds: time spent on it in this run.
        cost_usd: money spent on it in this run.
        backend: kind and version, for instance ``nerfstudio/1``.
        seed: the seed it was given.
    """

    component: str | None
    stage: StageName
    key: str
    cached: bool
    failed: bool = False
    seconds: float
    cost_usd: float = 0.0
    backend: str
    seed: int


class PartFailure(Record):
    """A part that could not be made; the others go on.

    Attributes:
        component: the component's name; None for a failure that concerns the whole object.
        stage: the stage that failed.
        error: the error's class name.
        message: what happened and what to do.
    """

    component: str | None
    stage: StageName
    error: str
    message: str


class PartResult(Record):
    """All records of one finished part."""

    component: str
    isolated: IsolatedPart
    views: ViewSet
    field: RadianceField
    mesh: PartMesh


class ObjectResult(Record):
    """Everything one request gave, finished or not.

    Attributes:
        request: what was asked.
        plan: the plan it was made by; None when planning failed.
        parts: the parts that were made, in the request's order.
        whole_views: views of the whole object, where the profile asks for them.
        assembled: None when no part was made or assembly failed.
        failures: the parts (or stages) that failed.
        runs: one entry per stage and part that was begun, failed ones included.
    """

    request: ObjectRequest
    plan: PartPlan | None = None
    parts: tuple[PartResult, ...] = ()
    whole_views: ViewSet | None = None
    assembled: AssembledObject | None = None
    failures: tuple[PartFailure, ...] = ()
    runs: tuple[StageRun, ...] = Field(default=())

    @property
    def complete(self) -> bool:
        """Whether every component was made and assembled."""
        return self.assembled is not None and not self.failures
