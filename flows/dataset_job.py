"""What a batch is to make, as values that a flow run can be given, and as a file of its output."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from flows.budget import BATCH_POLL_S, check_batches, check_priced
from flows.camera import parse_camera
from flows.dataset_files import is_remote
from flows.dataset_items import RowDefaults, parse_components
from flows.dataset_manifest import base_of
from flows.inputs import DEFAULT_STORE, STORE_VARIABLE, check_store_address
from flows.output_folder import check_place, names_in, refuse_foreign
from flows.profiles import find_config
from mmpart_core.backends import STAGES, faults_of
from mmpart_core.config import PipelineConfig, check_usable
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.records import MAX_SEED, InputView, Record
from mmpart_core.storage.store_files import StoreFiles

JOB_FILE = "dataset.json"
OBJECTS_FOLDER = "objects"
MAX_CONCURRENCY = 256
Files = Literal["all", "glb"]


class DatasetJob(Record):
    """A manifest, how its objects are made, and where they go.

    Attributes:
        source: manifest, or folder or prefix of images.
        output: folder or address of an object store; holds the files of all objects, the table of
            outcomes and the state of the run.
        components: for rows that name none: ``"body, wheels"`` or the path of a list.
        profile: name of a profile, or path of one.
        settings: ``"reconstruct.steps=200"``.
        camera: for rows that name none: ``"elevation=20,fov=30"``.
        seed: for rows that name none.
        store: where artifacts are kept; as for the command where not given.
        files: what is written of each object: ``all``, or ``glb``: ``object.glb`` and manifest.
        limit: rows to take, from the first; None for all.
        concurrency: objects at a time.
        max_cost_usd: what hosted models may cost for the whole data set, earlier runs included.
        batch_api: ask hosted models for plans and parts in batches, at half the price.
        batch_objects: of so many objects at a time; as many more wait in memory.
        batch_poll_s: between two looks at a batch.
        stop_after_failures: share of the latest objects that may fail.
        retry_failed: try objects again that failed or lack parts.
        only: of these, the ones with an error of these classes.
        refresh: a stage that is done again, with all that depends on it, for all objects.
    """

    source: str
    output: str
    components: str | None = None
    profile: str = "local"
    settings: tuple[str, ...] = ()
    camera: str | None = None
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    store: str | None = None
    files: Files = "all"
    limit: int | None = Field(default=None, ge=1)
    concurrency: int = Field(default=2, ge=1, le=MAX_CONCURRENCY)
    max_cost_usd: float | None = Field(default=None, ge=0.0)
    batch_api: bool = False
    batch_objects: int = Field(default=100, ge=1)
    batch_poll_s: float = Field(default=BATCH_POLL_S, gt=0.0)
    stop_after_failures: float | None = Field(default=None, gt=0.0, le=1.0)
    retry_failed: bool = False
    only: tuple[str, ...] = ()
    refresh: tuple[str, ...] = ()

    @property
    def place(self) -> StoreFiles:
        """The output."""
        return StoreFiles(self.output)


# What a run is asked once; a resumed run is not, unless it is said again.
OF_ONE_RUN = ("retry_failed", "only", "refresh")


class PreparedJob(Record):
    """A job that was checked, with its profile.

    Attributes:
        job: as given.
        config: back-ends and settings.
        store_url: address of the store.
    """

    job: DatasetJob
    config: PipelineConfig
    store_url: str

    def defaults(self) -> RowDefaults:
        """What holds for rows that do not say otherwise.

        Raises:
            InputError: components that cannot be used.
            StorageError: an object store with a component list cannot be read.
        """
        job, base = self.job, base_of(self.job.source)
        entries = ()
        if job.components is not None:
            entries = parse_components(job.components, "--components", os.curdir, Path.cwd())
        return RowDefaults(base, entries, job.camera, job.seed)


def check_job(job: DatasetJob, *, overwrite: bool = False) -> PreparedJob:
    """Check all that can be checked before the manifest is read.

    Args:
        job: as given.
        overwrite: write to the output although it holds another data set or other files.

    Raises:
        ConfigError, InputError: something given cannot be used.
        StorageError: the store or the output cannot be used.
    """
    config = find_config(job.profile, job.settings)
    check_usable(config)
    check_priced(config, job.max_cost_usd)
    if job.batch_api:
        check_batches(config, job.profile)
    parse_camera(job.camera, InputView())
    for stage in ("isolate", "multiview", "assemble"):
        if config.choice(stage).kind == "groundtruth":
            raise ConfigError(
                f"{stage}.kind: 'groundtruth' needs known scenes, a batch makes objects from "
                "images; choose another profile, or use 'mmpart evaluate --generate'"
            )
    for refresh in job.refresh:
        if refresh not in STAGES:
            raise ConfigError(
                f"--refresh '{refresh}': one of {', '.join(STAGES)} expected; a batch does a stage "
                "again for all parts of all objects"
            )
    store_url = job.store or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
    check_store_address(store_url)
    check_place(job.output, store_url, "--output")
    prepared = PreparedJob(job=job, config=config, store_url=store_url)
    prepared.defaults()
    if not overwrite:
        _check_content(job)
    return prepared


def _check_content(job: DatasetJob) -> None:
    """Refuse an output that holds another data set, or files that are no result of MMPart."""
    found = read_job(job.output)
    if found is None:
        foreign = list(names_in(job.output))
        refuse_foreign(job.output, "--output", foreign, f"{job.output.rstrip('/')}/dataset")
    elif found.source != absolute(job.source):
        raise ConfigError(
            f"--output '{job.output}': holds the data set of '{found.source}', not of "
            f"'{job.source}'; choose another folder, or give --overwrite"
        )


def absolute(address: str) -> str:
    """An address that means the same from every working folder."""
    return address if is_remote(address) else str(Path(address).expanduser().absolute())


def read_job(output: str) -> DatasetJob | None:
    """The job of an output; None where there was never a batch.

    Raises:
        InputError: the file is damaged.
        StorageError: the output cannot be read.
    """
    content = StoreFiles(output).read_file(JOB_FILE)
    if content is None:
        return None
    try:
        return DatasetJob.model_validate_json(content)
    except ValidationError as error:
        said = "; ".join(f"{place}: {fault}" for place, fault in faults_of(error))
        raise InputError(
            f"'{output}/{JOB_FILE}': damaged, or written by another version ({said}); give the "
            "manifest and its options again"
        ) from error


def write_job(job: DatasetJob) -> None:
    """Keep a job in its output, so that it can be resumed from any folder.

    Raises:
        StorageError: the output cannot be written.
    """
    kept = {name: DatasetJob.model_fields[name].default for name in OF_ONE_RUN}
    for name in ("source", "store"):
        value = getattr(job, name)
        if value is not None:
            kept[name] = absolute(value)
    for name in ("components", "profile"):
        value = getattr(job, name)
        if value is not None and not is_remote(value) and Path(value).expanduser().is_file():
            kept[name] = absolute(value)
    kept["output"] = absolute(job.output)
    content = job.model_copy(update=kept).model_dump_json(indent=2)
    job.place.write_file(JOB_FILE, f"{content}\n".encode())
