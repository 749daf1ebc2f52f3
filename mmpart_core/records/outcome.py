"""What became of a request."""

from typing import Literal

from pydantic import Field

from mmpart_core.records.base import Record
from mmpart_core.records.plan import PartPlan
from mmpart_core.records.request import ObjectRequest
from mmpart_core.records.shape import AssembledObject, PartMesh, RadianceField
from mmpart_core.records.views import IsolatedPart, IsolationTry, ViewSet

StageName = Literal["plan", "isolate", "multiview", "reconstruct", "mesh", "assemble"]


class ModelUsage(Record):
    """What calls of one hosted model used, refused and unusable answers included.

    Attributes:
        model: its name, as it was asked for.
        calls: answers that came.
        input_tokens: all input, cached and image tokens included.
        cached_tokens: of the input, what the provider had kept.
        image_tokens: of the input, what images took, where that is counted by itself.
        output_tokens: all output, reasoning included.
        reasoning_tokens: of the output, what was thought and not said.
        uncounted_calls: answers that came without a count of tokens.
        cost_usd: what it cost; None where the model's price is not known.
    """

    model: str
    calls: int = Field(default=0, ge=0)
    input_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    image_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    reasoning_tokens: int = Field(default=0, ge=0)
    uncounted_calls: int = Field(default=0, ge=0)
    cost_usd: float | None = Field(default=None, ge=0.0)

    def plus(self, other: "ModelUsage") -> "ModelUsage":
        """Both together; the cost is known only where both are."""
        counts = {
            name: getattr(self, name) + getattr(other, name)
            for name in type(self).model_fields
            if name not in ("model", "cost_usd")
        }
        known = self.cost_usd is not None and other.cost_usd is not None
        cost = (self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None
        return ModelUsage(model=self.model, cost_usd=cost, **counts)


class StageRun(Record):
    """One stage of one part (or of the whole object) in one run.

    Attributes:
        component: the component's name; None for plan, assemble and the whole object's views.
        stage: which stage.
        key: its cache key (``keys.stage_key``).
        cached: True when the record came from the store.
        failed: True when it gave no record: what was spent on it all the same.
        seconds: time spent on it in this run.
        cost_usd: money spent on it in this run, failed and repeated calls included.
        usage: what it used of hosted models in this run, one entry per model.
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
    usage: tuple[ModelUsage, ...] = ()
    backend: str
    seed: int


class PartFailure(Record):
    """A part that could not be made; the others go on.

    Attributes:
        component: the component's name; None for a failure that concerns the whole object.
        stage: the stage that failed.
        error: the error's class name.
        message: what happened and what to do.
        tries: the pictures that a model drew of the part, where none was accepted, in order.
    """

    component: str | None
    stage: StageName
    error: str
    message: str
    tries: tuple[IsolationTry, ...] = ()


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
