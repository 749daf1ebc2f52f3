"""What a run would do and cost, before it is started."""

from dataclasses import dataclass

from flows.forecast import Forecast, Forecaster, expected_cost_usd
from flows.inputs import Job
from mmpart_core.config import PipelineConfig
from mmpart_core.records import PartPlan, StageName, component_label
from mmpart_core.stages import work_key
from studio.live import PART_STAGES
from tasks._caching import stored_record


@dataclass(frozen=True)
class Estimate:
    """All pieces of work of a run.

    Attributes:
        pieces: in the pipeline's order.
    """

    pieces: tuple[Forecast, ...]

    @property
    def to_do(self) -> int:
        """How many would really be done."""
        return sum(not piece.cached for piece in self.pieces)

    @property
    def cached(self) -> int:
        """How many are in the store."""
        return sum(piece.cached for piece in self.pieces)

    @property
    def cost(self) -> str:
        """The sum of what back-ends say, for people."""
        stated = [piece.cost_usd for piece in self.pieces if piece.cost_usd is not None]
        return f"${sum(stated):.2f}" if stated else "nothing: no hosted model is asked"

    def rows(self) -> list[tuple[str, list[Forecast]]]:
        """Per part, and for the whole object, its pieces of work."""
        found: dict[str | None, list[Forecast]] = {}
        for piece in self.pieces:
            found.setdefault(piece.component, []).append(piece)
        return [(component_label(name), pieces) for name, pieces in found.items()]


def estimate(job: Job, plan: PartPlan | None = None) -> Estimate:
    """What a run of a job would do.

    Args:
        job: checked.
        plan: the approved plan; without one, the stored plan where there is one.

    Raises:
        StorageError: the store cannot be read.
    """
    planning: list[Forecast] = []
    if plan is None:
        key = work_key("plan", {"request": job.request}, job.config.plan, job.seed)
        record = stored_record(job.store, key)
        plan = record if isinstance(record, PartPlan) else None
        cost = expected_cost_usd(job.config, "plan")
        planning.append(Forecast(None, "plan", plan is not None, 0.0 if plan and cost else cost))
    if plan is not None:
        coming = Forecaster(job.config, job.store, job.seed).forecast(job.request, plan)
        return Estimate((*planning, *coming))
    parts = [component.name for component in job.request.components]
    return Estimate((*planning, *_unplanned(job.config, parts)))


def _unplanned(config: PipelineConfig, parts: list[str]) -> list[Forecast]:
    """All work after planning, nothing of which can be stored before there is a plan."""

    def piece(component: str | None, stage: StageName) -> Forecast:
        return Forecast(component, stage, False, expected_cost_usd(config, stage))

    whole = [piece(None, "multiview")] if config.whole_object_views else []
    of_parts = [piece(part, stage) for part in parts for stage in PART_STAGES]
    return [*whole, *of_parts, piece(None, "assemble")]


def redo_cost(config: PipelineConfig, begun_at: StageName) -> str:
    """What redoing one part costs at most, by its back-ends' estimates.

    Args:
        config: back-ends and settings.
        begun_at: ``plan`` or ``isolate``.
    """
    stages: tuple[StageName, ...] = ("plan", *PART_STAGES, "assemble")
    coming = stages if begun_at == "plan" else stages[1:]
    costs = [cost for stage in coming if (cost := expected_cost_usd(config, stage)) is not None]
    return f"${sum(costs):.2f}" if costs else "nothing"
