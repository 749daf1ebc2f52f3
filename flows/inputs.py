"""Turns what a user gives into a configuration and a request; every mistake is one message."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.camera import parse_camera
from flows.planned_run import changed_run, unread_edits
from flows.profiles import find_config
from mmpart_core.config import PipelineConfig, check_usable
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.intake.components import (
    ComponentEntry,
    check_components,
    parse_part,
    read_components,
)
from mmpart_core.intake.names import clean_name
from mmpart_core.intake.plan_file import PlanFile, PlannedRun, check_plan, read_plan_file
from mmpart_core.intake.request import build_request
from mmpart_core.intake.truth import request_from_truth
from mmpart_core.records import (
    TRUTH_VIEW,
    ComponentRequest,
    InputView,
    ObjectRequest,
    PartPlan,
)
from mmpart_core.storage.blob_store import BlobStore
from mmpart_core.storage.fsspec_store import FsspecStore, without_credentials
from mmpart_core.storage.opening import open_store

STORE_VARIABLE = "MMPART_STORE"
DEFAULT_STORE = ".mmpart"
_SCENE_SUFFIXES = (".glb", ".gltf")
_NO_IMAGE = "no image; give one (PNG, JPEG or WebP), or a known scene with --truth"
# What cameras, browsers and exporters call a file when nobody says what is on it.
_GENERIC_NAMES = frozenset(
    ("image", "images", "img", "photo", "photograph", "picture", "pic", "input", "source",
     "untitled", "unnamed", "scene", "model", "mesh", "object", "download", "screenshot", "render")
)  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """What the user gave, as given.

    Attributes:
        image: the photograph; None with a known scene.
        parts: ``name`` or ``name = words for its hidden area``.
        components: a component list.
        truth: a known scene.
        plan: an approved plan.
        camera: ``azimuth=30,elevation=20,fov=30``; what is not said is ``TRUTH_VIEW`` of a known
            scene, and azimuth 0, elevation 20 of a photograph.
        name: what to call the object.
        profile: a profile's name, or a file; None for the plan's, or the usual one.
        settings: ``stage.setting=value``; a plan's own hold beside them.
        seed: every random choice follows from it; None for the plan's, or 0.
        store: address of the store.
    """

    image: Path | None = None
    parts: Sequence[str] = ()
    components: Path | None = None
    truth: Path | None = None
    plan: Path | None = None
    camera: str | None = None
    name: str | None = None
    profile: str | None = None
    settings: Sequence[str] = ()
    seed: int | None = None
    store: str | None = None


@dataclass(frozen=True)
class Job:
    """Checked and ready to run: the request's image is in the store.

    Attributes:
        request: image and components.
        config: back-ends and settings.
        store_url: address of the store.
        run: profile, settings and seed, as chosen by the user.
        plan: an approved plan.
        notes: what is not run as planned, and which edits of the plan go unread.
    """

    request: ObjectRequest
    config: PipelineConfig
    store_url: str
    run: PlannedRun
    plan: PartPlan | None = None
    notes: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """Every random choice follows from it."""
        return self.run.seed

    @property
    def store(self) -> FsspecStore:
        """The opened store."""
        return open_store(self.store_url)


def prepare_job(inputs: Inputs) -> Job:
    """Check everything that can be checked before work begins, and store the image.

    Raises:
        InputError, ConfigError: something given cannot be used.
        StorageError: the store cannot be used.
    """
    check_choice_of_inputs(inputs)
    view = parse_camera(inputs.camera, TRUTH_VIEW if inputs.truth else InputView())
    planned = read_plan_file(inputs.plan) if inputs.plan else None
    run, note = _chosen_run(inputs, planned)
    config = find_config(run.profile, run.settings)
    check_usable(config)
    _check_has_components(inputs)
    store_url = inputs.store
    if store_url is None:
        store_url = os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
    check_store_address(store_url)
    store = open_store(store_url)
    if planned is not None:
        view = _planned_view(inputs, view, planned)
    store.probe()
    request = _build(inputs, config, view, planned, store)
    _check_truth(request, config)
    if planned is not None:
        check_plan(planned, request, store)
    notes = tuple(filter(None, (note, unread_edits(planned, config) if planned else "")))
    return Job(request, config, store_url, run, planned.plan if planned else None, notes)


def _chosen_run(inputs: Inputs, planned: PlanFile | None) -> tuple[PlannedRun, str]:
    if planned is not None:
        return changed_run(planned, inputs.profile, inputs.settings, inputs.seed)
    profile = inputs.profile or default_profile(inputs)
    return PlannedRun(profile=profile, settings=tuple(inputs.settings), seed=inputs.seed or 0), ""


def _planned_view(inputs: Inputs, view: InputView, planned: PlanFile) -> InputView:
    """The view a plan was made for; another one needs another plan.

    That its elevation or field of view is known, not assumed, may be said after planning.
    """
    made = planned.view
    if inputs.camera is None:
        return made
    known = {
        "elevation_known": made.elevation_known or view.elevation_known,
        "fov_known": made.fov_known or view.fov_known,
    }
    made = made.model_copy(update=known)
    if view.model_copy(update=known) != made:
        raise InputError(
            f"--camera '{inputs.camera}': the plan was made for azimuth={made.azimuth_deg:g},"
            f"elevation={made.elevation_deg:g},fov={made.fov_deg:g}; leave out --camera, or plan "
            "again"
        )
    return made


def check_store_address(url: str) -> None:
    """Refuse (ConfigError) no address, or one that holds a user, a password or options."""
    if not url.strip():
        raise ConfigError("store '': a folder or address expected; name one, or leave out --store")
    shown = without_credentials(url)
    if shown != url:
        raise ConfigError(
            f"store '{shown}': its address holds a user, a password or options, which Prefect "
            "would keep with the run; give the bare address, and credentials in the environment "
            "or files that its library reads (for S3: AWS_ACCESS_KEY_ID or ~/.aws)"
        )


def default_profile(inputs: Inputs) -> str:
    """``groundtruth`` for a known scene, else ``local``."""
    return "groundtruth" if inputs.truth else "local"


def check_choice_of_inputs(inputs: Inputs) -> None:
    """Refuse combinations that have no meaning.

    Raises:
        InputError: what is missing or too much.
    """
    if inputs.truth is not None and (inputs.image or inputs.components):
        raise InputError(
            "--truth: a known scene is its own image and component list; leave out the image and "
            "--components (--part NAME picks nodes)"
        )
    if inputs.truth is None and inputs.image is None:
        raise InputError(_NO_IMAGE)
    if inputs.image is not None and inputs.image.suffix.casefold() in _SCENE_SUFFIXES:
        raise InputError(
            f"image '{inputs.image}': a 3D file, an image expected; give a known scene with "
            f"--truth {inputs.image}"
        )
    if inputs.plan is not None and (inputs.parts or inputs.components):
        raise InputError("--plan: the plan says which parts to make; leave out --part/--components")


def read_entries(inputs: Inputs) -> tuple[ComponentEntry, ...]:
    """The components of ``--components`` and ``--part``, in this order; none for all of a scene.

    Raises:
        InputError: none for an image, or some that cannot be used.
    """
    listed = read_components(inputs.components) if inputs.components else ()
    single = tuple(parse_part(text) for text in inputs.parts)
    if not listed and not single and inputs.truth is not None:
        return ()
    return check_components([*listed, *single], "--components and --part")


def _check_has_components(inputs: Inputs) -> None:
    given = inputs.parts or inputs.components or inputs.plan or inputs.truth
    if not given:
        raise InputError(
            'no components; name each part to make with --part "hat" (or "man = the head under '
            'the hat is bald"), or give a list with --components'
        )


def _build(
    inputs: Inputs,
    config: PipelineConfig,
    view: InputView,
    planned: PlanFile | None,
    store: BlobStore,
) -> ObjectRequest:
    if planned is not None:
        components = planned.components
        entries = tuple(ComponentEntry(name=component.name) for component in components)
    else:
        components, entries = (), read_entries(inputs)
    name = object_name(inputs, planned)
    if inputs.truth is not None:
        nodes = [entry.name for entry in entries] or None
        request = request_from_truth(
            inputs.truth, view=view, store=store, name=name, components=nodes
        )
        components = components or _with_words(request, entries)
    elif inputs.image is not None:
        request = build_request(
            inputs.image, entries, store=store, name=name, view=view, input_config=config.input
        )
    else:
        raise InputError(_NO_IMAGE)
    return request.model_copy(update={"components": components}) if components else request


def _with_words(
    request: ObjectRequest, entries: Sequence[ComponentEntry]
) -> tuple[ComponentRequest, ...]:
    """A known scene's components with the user's words on hidden areas."""
    return tuple(
        component.model_copy(update={"hidden": entry.hidden})
        for component, entry in zip(request.components, entries, strict=False)
    )


def object_name(inputs: Inputs, planned: PlanFile | None = None) -> str | None:
    """What to call the object, before it is made file-safe; None where nothing says so.

    The user's word, else the plan's, else the file's name without its ending. A file that is only
    called ``image`` or the like takes its folder's name.

    Raises:
        InputError: a name with a slash or a control character, or one that is too long.

    Example:
        >>> object_name(Inputs(image=Path("/pictures/lamp/image.png")))
        'lamp'
    """
    if inputs.name is not None:
        return clean_name(inputs.name, "--name")
    if planned is not None:
        return planned.object_name
    source = inputs.truth or inputs.image
    if source is None:
        return None
    folder = source.expanduser().absolute().parent.name
    says_nothing = source.stem.casefold() in _GENERIC_NAMES
    return folder if says_nothing and folder else source.stem


def _check_truth(request: ObjectRequest, config: PipelineConfig) -> None:
    if request.truth is not None:
        return
    for stage in ("isolate", "multiview", "assemble"):
        if config.choice(stage).kind == "groundtruth":
            raise ConfigError(
                f"{stage}.kind: 'groundtruth' needs a known scene; give one with --truth, or "
                "choose another profile"
            )
