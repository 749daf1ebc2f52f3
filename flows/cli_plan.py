"""How ``mmpart plan`` runs: where the plan goes, and what is told of it."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from flows.cli_options import SharedOptions
from flows.cli_prefect import import_prefect
from flows.cli_run import BROKEN_OFF, errors_end_with, running
from flows.inputs import Inputs, Job
from flows.plan_output import check_replaceable, plan_path, write_plan
from mmpart_core.intake.plan_file import plan_text
from mmpart_core.records import PartPlan


@dataclass(frozen=True)
class PlanTarget:
    """Where a plan is written.

    Attributes:
        path: the file; None for stdout.
        overwrite: write there whatever it holds.
    """

    path: Path | None
    overwrite: bool = False


def plan_target(output: str, job: Job, overwrite: bool, verbose: bool) -> PlanTarget:
    """Where the plan goes, refused before anything starts where something else would be lost.

    A file is written over only by the plan it holds, as it is; whether it does is known where the
    plan is in the store. One that is not stored yet cannot be the one that the file holds.

    Raises:
        ConfigError: see ``plan_path`` and ``check_replaceable``.
        StorageError: the store cannot be read.
    """
    path = plan_path(output, job.store_url)
    if path is not None and path.is_file() and not overwrite:
        check_replaceable(path, _stored_text(job, verbose), overwrite)
    return PlanTarget(path, overwrite)


def _stored_text(job: Job, verbose: bool) -> str | None:
    import_prefect(verbose)
    from mmpart_core.stages import work_key
    from tasks._caching import stored_record

    key = work_key("plan", {"request": job.request}, job.config.plan, job.seed)
    record = stored_record(job.store, key)
    return plan_text(job.request, record, job.run) if isinstance(record, PartPlan) else None


def plan_job(job: Job, options: SharedOptions, target: PlanTarget | None, console: Console) -> None:
    """Run the planning flow, write the plan, and print what would follow.

    With the plan on stdout, all else goes to stderr.
    """
    import_prefect(options.verbose)
    from flows.cli_plan_report import print_plan
    from flows.forecast import Forecaster
    from flows.plan_object import plan_object
    from flows.refresh import parse_refreshes

    with running(console, options.quiet, options.verbose, None):
        planned, run = plan_object(
            request=job.request,
            config=job.config,
            store=job.store_url,
            seed=job.seed,
            refresh=list(options.refresh),
            max_cost_usd=options.max_cost_usd,
        )
    with errors_end_with(BROKEN_OFF, console):
        refreshes = parse_refreshes(options.refresh, job.request)
        coming = Forecaster(job.config, job.store, job.seed, refreshes).forecast(
            job.request, planned
        )
        written = target is None or _write(target, plan_text(job.request, planned, job.run))
    if options.quiet:
        return
    to_stdout = target is not None and target.path is None
    out = Console(highlight=False, stderr=to_stdout)
    print_plan(out, planned, run, coming)
    for warning in planned.warnings:
        console.print(f"note: {warning}", markup=False, highlight=False, soft_wrap=True)
    if target is not None and target.path is not None:
        line = where_line(target.path, written, options.inputs)
        out.print(line, markup=False, soft_wrap=True)


def _write(target: PlanTarget, text: str) -> bool:
    if target.path is not None:
        check_replaceable(target.path, text, target.overwrite)
    return write_plan(target.path, text)


def where_line(path: Path, written: bool, inputs: Inputs) -> str:
    """Where the plan is, and how it is run.

    Example:
        >>> where_line(Path("plan.json"), True, Inputs(image=Path("hat.png")))
        'plan.json: written; run it with: mmpart generate hat.png --plan plan.json'
    """
    source = ["--truth", str(inputs.truth)] if inputs.truth else [str(inputs.image)]
    command = shlex.join(["mmpart", "generate", *source, "--plan", str(path)])
    store = f" --store {shlex.quote(inputs.store)}" if inputs.store else ""
    return f"{path}: {'written' if written else 'unchanged'}; run it with: {command}{store}"
