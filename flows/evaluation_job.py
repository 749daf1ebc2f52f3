"""What is to be evaluated, as values that a flow run can be given."""

from typing import Literal

from pydantic import Field

from evaluation.dataset_scoring import LookOptions, ScoreInputs
from evaluation.loaders.files import UpAxis
from evaluation.objects import PredictionFrame
from evaluation.protocol import MMPART, Protocol
from flows.truth_requests import Regions
from mmpart_core.backends import STAGES
from mmpart_core.config import PipelineConfig
from mmpart_core.records import MAX_SEED, TRUTH_VIEW, InputView, Record, StageName
from tasks._score_pool import PoolKind


class Generation(Record):
    """How predictions are made from the true objects.

    Attributes:
        config: back-ends and settings.
        view: the input camera.
        regions: whether components are given boxes around their visible pixels.
        keep_truth: let back-ends see the known scene.
        seed: every random choice follows from it.
        size_px: side of the input image.
        whole_bundle: write pictures and page too, not only manifest and GLB.
    """

    config: PipelineConfig
    view: InputView = TRUTH_VIEW
    regions: Regions = "truth"
    keep_truth: bool = False
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    size_px: int = Field(default=640, ge=16, le=4096)
    whole_bundle: bool = True


class Round(Record):
    """One set of predictions of the objects.

    Attributes:
        name: what to call it; empty where there is only one.
        predictions: folder; None scores the truth against itself.
        generation: how they are made first; None where they are there.
        replaced: stages that the truth stands in for.
    """

    name: str = ""
    predictions: str | None
    generation: Generation | None = None
    replaced: tuple[StageName, ...] = ()


class EvaluationJob(Record):
    """Objects, predictions and how they are scored.

    Attributes:
        dataset: folder of the data set.
        layout: a key of ``loaders.LAYOUTS``.
        dataset_name: as the loader gives it.
        object_ids: which objects, in this order.
        rounds: one for an evaluation; one per rung for an attribution.
        frame: of predictions that do not say it themselves.
        up: upright axis of predicted formats that do not say it.
        protocols: how to score.
        look: renders that are compared; None for none.
        store: address of the store.
        report: folder of the report.
        pictures: show the worst cases in the report.
        pool: where scores are computed; ``auto`` decides by the number of objects.
        workers: processes side by side.
        scheduler: address of a Dask scheduler.
        max_cost_usd: what hosted models may cost for all objects and rounds together; a call that
            could pass it is not made, and its part fails. None for no bound.
        batch_poll_s: plans and parts are asked for in batches first, at half the price, and looked
            for so often; None for single calls only.
    """

    dataset: str
    layout: str
    dataset_name: str
    object_ids: tuple[str, ...] = Field(min_length=1)
    rounds: tuple[Round, ...] = Field(min_length=1)
    frame: PredictionFrame = "truth"
    up: UpAxis = "y"
    protocols: tuple[Protocol, ...] = (MMPART,)
    look: LookOptions | None = LookOptions()
    store: str
    report: str
    pictures: bool = True
    pool: PoolKind | Literal["auto"] = "auto"
    workers: int = Field(default=2, ge=1, le=256)
    scheduler: str | None = None
    max_cost_usd: float | None = Field(default=None, ge=0.0)
    batch_poll_s: float | None = Field(default=None, gt=0.0)

    def inputs(self, chosen: Round, object_id: str, fault: str | None = None) -> ScoreInputs:
        """Where one object's truth and prediction lie."""
        return ScoreInputs(
            dataset=self.dataset, layout=self.layout, predictions=chosen.predictions,
            frame=self.frame, up=self.up, object_id=object_id, fault=fault,
        )  # fmt: skip

    def pool_kind(self) -> PoolKind:
        """Where scores are computed: processes take a while to start, so few objects go without."""
        if self.pool != "auto":
            return self.pool
        if self.scheduler is not None:
            return "dask"
        few = len(self.object_ids) * len(self.rounds) < 4
        return "here" if few or self.workers == 1 else "processes"


def describe_job(job: EvaluationJob) -> tuple[str, ...]:
    """What a reader of the report must know besides the protocol, a sentence each."""
    made = next((each.generation for each in job.rounds if each.generation), None)
    if made is None:
        return (f"Predictions as they were found, in the frame '{job.frame}' unless their own "
                "manifest says otherwise.",)  # fmt: skip
    kinds = ", ".join(f"{stage} {made.config.choice(stage).kind}" for stage in STAGES)
    view = made.view
    regions = (
        "each component was given the box around its visible pixels, taken from the truth"
        if made.regions == "truth"
        else "components were given by name only, without regions"
    )
    truth = (
        "Back-ends saw the known scene, and with it the exact input camera; results stand in its "
        "frame."
        if made.keep_truth
        else "Nothing of the known scene but image, elevation, field of view, names and these "
        "regions reached the pipeline; results are brought box onto box, so where the whole "
        "stands is not scored."
    )
    return (
        f"Generated from a render of each true object, {made.size_px} px, seen from azimuth "
        f"{view.azimuth_deg:g}, elevation {view.elevation_deg:g}, field of view {view.fov_deg:g} "
        f"degrees; {regions}. Seed {made.seed}.",
        f"Back-ends: {kinds}.",
        truth,
    )
