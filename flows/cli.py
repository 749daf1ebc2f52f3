"""The ``mmpart`` command: parses, calls a flow, prints; nothing else.

Exit status: 0 all parts made; 1 the run broke off (the store or the Prefect server went away);
2 unusable input or configuration, nothing was started; 3 finished but incomplete; 130 Ctrl-C;
143 SIGTERM. Results go to stdout, progress, warnings and errors to stderr.
"""

from dataclasses import replace
from importlib.metadata import version as installed_version

import typer
from rich.console import Console

from flows.budget import check_priced
from flows.cli_batch import batch
from flows.cli_evaluate import add_commands
from flows.cli_export import export_object
from flows.cli_field import export_field
from flows.cli_group import UNUSABLE, OneLineGroup
from flows.cli_options import (
    ApprovedPlan,
    Output,
    Overwrite,
    OverwritePlan,
    PlanFile,
    Runner,
    Scheduler,
    SharedOptions,
    Store,
    Verbose,
    runner_settings,
    with_shared_options,
)
from flows.cli_plan import plan_job, plan_target
from flows.cli_prefect import import_prefect
from flows.cli_profiles import ShownProfile, print_profiles
from flows.cli_run import (
    INCOMPLETE,
    errors_end_with,
    generate_job,
    parse_refreshes_early,
)
from flows.cli_setup import setup
from flows.cli_status import status
from flows.cli_store import store_app
from flows.cli_suggest import suggest
from flows.cli_views import write_views
from flows.inputs import prepare_job
from flows.output_folder import check_output

app = typer.Typer(
    cls=OneLineGroup,
    help="One image and a list of components in, a 3D model of separate, named parts out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
@with_shared_options
def generate(
    options: SharedOptions,
    output: Output = "out",
    overwrite: Overwrite = False,
    plan: ApprovedPlan = None,
    runner: Runner = None,
    scheduler: Scheduler = None,
) -> None:
    """Make a 3D model of separate parts from one image."""
    console = Console(stderr=True)
    with errors_end_with(UNUSABLE, console):
        settings = (*options.inputs.settings, *runner_settings(runner, scheduler))
        job = prepare_job(replace(options.inputs, plan=plan, settings=settings))
        parse_refreshes_early(options.refresh, job)
        check_priced(job.config, options.max_cost_usd)
        check_output(output, job.store_url, job.request, overwrite)
    if not generate_job(job, options, output, console).complete:
        raise typer.Exit(INCOMPLETE)


@app.command()
@with_shared_options
def plan(options: SharedOptions, output: PlanFile = None, overwrite: OverwritePlan = False) -> None:
    """Dry run: the prompts, what would run, what it would cost. The plan may be edited and run."""
    console = Console(stderr=True)
    with errors_end_with(UNUSABLE, console):
        job = prepare_job(options.inputs)
        parse_refreshes_early(options.refresh, job)
        check_priced(job.config, options.max_cost_usd)
        target = None if output is None else plan_target(output, job, overwrite, options.verbose)
    plan_job(job, options, target, console)


@app.command()
def doctor(
    store: Store = None,
    verbose: Verbose = False,
) -> None:
    """What works on this machine, what is missing, how to get it. Exit 1 if 'local' cannot run."""
    import_prefect(verbose)
    from flows.doctor import print_checks, run_checks

    raise typer.Exit(print_checks(Console(), run_checks(store)))


@app.command()
def profiles(profile: ShownProfile = None) -> None:
    """What there is to set: profiles, the back-ends they choose, and each back-end's settings."""
    with errors_end_with(UNUSABLE, Console(stderr=True)):
        print_profiles(Console(highlight=False), profile)


@app.command()
def version() -> None:
    """The installed version."""
    Console(highlight=False).print(installed_version("mmpart"))


add_commands(app)
app.add_typer(store_app, name="store")
app.command()(batch)
app.command()(status)
app.command()(suggest)
app.command()(setup)
app.command("export")(export_object)
app.command("write-views")(write_views)
app.command("export-field")(export_field)


def main() -> None:
    """Entry point of the ``mmpart`` command."""
    app()


if __name__ == "__main__":
    main()
