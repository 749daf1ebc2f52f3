"""What a run would do: which work is stored already, which would be done, at what cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flows.refresh import Refresh
from mmpart_core import backends, pipeline, stages
from mmpart_core.config import PipelineConfig
from mmpart_core.records import (
    ObjectRequest,
    PartPlan,
    PartPrompt,
    PartResult,
    StageName,
)
from mmpart_core.storage.fsspec_store import FsspecStore
from tasks._caching import stored_record


@dataclass(frozen=True)
class Forecast:
    """One piece of work to come.

    Attributes:
        component: the component's name; None for the whole object.
        stage: which stage.
        cached: its record is in the store and can be trusted.
        cost_usd: what its back-end says doing it costs, 0 where cached; None where it says
            nothing, as offline ones do.
    """

    component: str | None
    stage: StageName
    cached: bool
    cost_usd: float | None


class Forecaster:
    """Follows the records from stage to stage as far as they are stored.

    Args:
        config: back-ends and settings.
        store: where records are.
        seed: the run's seed.
        refreshes: work that would be done again on purpose.
    """

    def __init__(
        self,
        config: PipelineConfig,
        store: FsspecStore,
        seed: int,
        refreshes: Sequence[Refresh] = (),
    ) -> None:
        self._config = config
        self._store = store
        self._seed = seed
        self._refreshes = tuple(refreshes)

    def forecast(self, request: ObjectRequest, plan: PartPlan) -> tuple[Forecast, ...]:
        """All work after planning, in the pipeline's order.

        Raises:
            StorageError: the store cannot be read.
        """
        coming: list[Forecast] = []
        whole_views = None
        if self._config.whole_object_views:
            inputs = {"part": pipeline.whole_object(request, plan)}
            whole_views = self._look("multiview", None, inputs, coming)
        made = [self._part(request, prompt, coming) for prompt in plan.prompts]
        parts = tuple(part for part in made if part is not None)
        known = len(parts) == len(made) and (
            whole_views is not None or not self._config.whole_object_views
        )
        inputs = pipeline.assembly_inputs(request, plan, parts, whole_views)
        self._look("assemble", None, inputs if known else None, coming)
        return tuple(coming)

    def _part(
        self, request: ObjectRequest, prompt: PartPrompt, coming: list[Forecast]
    ) -> PartResult | None:
        name = prompt.component
        inputs: dict[str, Any] = {"image": request.image, "prompt": prompt}
        isolated = self._look("isolate", name, inputs, coming)
        views = self._look("multiview", name, isolated and {"part": isolated}, coming)
        seen = pipeline.uses_input_view(self._config, request)
        trained_on = views and pipeline.reconstruct_inputs(views, isolated, seen)
        field = self._look("reconstruct", name, trained_on, coming)
        mesh = self._look("mesh", name, field and {"field": field}, coming)
        if mesh is None:
            return None
        return PartResult(component=name, isolated=isolated, views=views, field=field, mesh=mesh)

    def _look(
        self,
        stage: StageName,
        component: str | None,
        inputs: dict[str, Any] | None,
        coming: list[Forecast],
    ) -> Any:
        """The stored record; None when it is not there or its inputs are not known yet."""
        choice = self._config.choice(stage)
        redone = any(refresh.covers(stage, component) for refresh in self._refreshes)
        record = None
        if inputs is not None and not redone:
            key = stages.work_key(stage, inputs, choice, self._seed)
            record = stored_record(self._store, key)
        cost = expected_cost_usd(self._config, stage)
        if record is not None and cost is not None:
            cost = 0.0
        coming.append(Forecast(component, stage, record is not None, cost))
        return record


def expected_cost_usd(config: PipelineConfig, stage: StageName) -> float | None:
    """What one piece of a stage's work costs, by its back-end's own estimate; None without one.

    A back-end that costs money has a function ``expected_cost_usd(settings)`` in its module; it
    gives None where the price is not known.
    """
    choice = config.choice(stage)
    estimate = getattr(backends.find_module(stage, choice.kind), "expected_cost_usd", None)
    if estimate is None:
        return None
    stated = estimate(backends.check_settings(stage, choice.kind, choice.settings))
    return None if stated is None else float(stated)


def stated_cost(forecasts: Sequence[Forecast]) -> str:
    """The sum of the costs that back-ends state; "none" where none of them states one."""
    stated = [forecast.cost_usd for forecast in forecasts if forecast.cost_usd is not None]
    return f"${sum(stated):.2f}" if stated else "none"


def to_do(forecasts: Sequence[Forecast]) -> Iterator[Forecast]:
    """The work that would really be done."""
    return (forecast for forecast in forecasts if not forecast.cached)
