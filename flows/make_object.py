"""What a deployment runs: image and component list by name, the result as files."""

from pathlib import Path

from prefect import flow

from flows.budget import check_priced
from flows.cli_report import failure_lines
from flows.generate_object import generate_object
from flows.inputs import Inputs, Job, prepare_job
from flows.output_folder import check_output
from flows.runner_binding import bound_flow
from mmpart_core.errors import StageError
from mmpart_core.output.bundle import write_bundle


@flow(  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
    name="make-object", flow_run_name="{image}", persist_result=False
)
def make_object(
    image: str,
    output: str,
    parts: list[str] | None = None,
    components: str | None = None,
    profile: str = "local",
    settings: list[str] | None = None,
    camera: str | None = None,
    name: str | None = None,
    seed: int = 0,
    store: str | None = None,
    refresh: list[str] | None = None,
    overwrite: bool = False,
    max_cost_usd: float | None = None,
) -> dict[str, str]:
    """The command ``mmpart generate`` as a flow; gives file name -> where it was written.

    Args:
        image: path of the image, as the worker sees it.
        output: folder or fsspec address for the files of this one object.
        parts: ``"hat"`` or ``"man = the head under the hat is bald"``.
        components: path of a component list.
        profile: name of a profile, or path of one.
        settings: ``"reconstruct.steps=200"``.
        camera: ``"azimuth=30,elevation=20,fov=30"``.
        name: what to call the object; the image file's name where not given.
        seed: every random choice follows from it.
        store: where artifacts are kept; as for the command where not given.
        refresh: ``"isolate:hat"``: done again, with all that depends on it.
        overwrite: write to ``output`` although it holds something else.
        max_cost_usd: what hosted models may cost.

    Raises:
        InputError, ConfigError, StorageError: something given cannot be used.
        StageError: finished but incomplete; what was made is written all the same.
    """
    listed = Path(components) if components else None
    job = prepare_job(Inputs(image=Path(image), parts=parts or (), components=listed,
                             camera=camera, name=name, profile=profile,
                             settings=settings or (), seed=seed, store=store))  # fmt: skip
    check_priced(job.config, max_cost_usd)
    check_output(output, job.store_url, job.request, overwrite)
    return _written(job, output, refresh or [], max_cost_usd)


def _written(
    job: Job, output: str, refresh: list[str], max_cost_usd: float | None
) -> dict[str, str]:
    """Run, write, and only then say that something is missing."""
    result = bound_flow(generate_object, job.config)(
        request=job.request,
        config=job.config,
        store=job.store_url,
        seed=job.seed,
        refresh=refresh,
        max_cost_usd=max_cost_usd,
        profile=job.run.profile,
    )
    written = write_bundle(result, job.store, output, config=job.config)
    if not result.complete:
        raise StageError(
            f"object '{job.request.name}' is incomplete: {'; '.join(failure_lines(result))}"
        )
    return written
