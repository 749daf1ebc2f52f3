"""The form of a new object -> a checked request; every mistake is told at its line."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.budget import check_priced, parse_max_cost
from flows.camera import parse_camera
from flows.inputs import Job
from flows.profiles import find_config, profile_names
from mmpart_core.config import PipelineConfig, check_usable
from mmpart_core.errors import ConfigError, InputError, MMPartError
from mmpart_core.intake.components import ComponentEntry, check_components, parse_entry
from mmpart_core.intake.names import clean_name
from mmpart_core.intake.plan_file import PlannedRun
from mmpart_core.intake.request import build_request
from mmpart_core.quoting import quoted
from mmpart_core.records import MAX_SEED, InputView
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.objects import ComponentRow, Draft

# Needs a known scene, which the form does not take.
_LEFT_OUT = ("groundtruth",)
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?")
_REGION_KINDS = ("box", "points", "polygon")


@dataclass(frozen=True)
class Checked:
    """What came of checking a draft.

    Attributes:
        job: ready to run; None where something is wrong.
        draft: the draft with each line's fault.
        fault: what is wrong beside the lines; empty where nothing is.
    """

    job: Job | None
    draft: Draft
    fault: str = ""


def studio_profiles() -> list[str]:
    """The profiles that the form offers."""
    return [name for name in profile_names() if name not in _LEFT_OUT]


def check_draft(draft: Draft, upload: bytes, store: FsspecStore) -> Checked:
    """Check a form, and store the image for its run.

    Args:
        draft: as it was sent.
        upload: the image.
        store: where runs keep what they make.

    Raises:
        StorageError: the store cannot be written.
    """
    entries, rows = _entries(draft.rows)
    told = draft.model_copy(update={"rows": rows})
    if any(row.fault for row in rows):
        return Checked(None, told, "Some components cannot be used; see their lines.")
    try:
        return Checked(_job(draft, entries, upload, store), told)
    except (ConfigError, InputError) as error:
        return Checked(None, told, str(error))


def _entries(
    rows: tuple[ComponentRow, ...],
) -> tuple[list[ComponentEntry], tuple[ComponentRow, ...]]:
    """The lines that are not empty, as components, and all of these with their faults."""
    entries: list[ComponentEntry] = []
    told: list[ComponentRow] = []
    filled = [row for row in rows if row.name.strip() or row.hidden.strip() or row.region.strip()]
    for number, row in enumerate(filled, start=1):
        where = f"component {number}"
        try:
            entry = parse_entry(_entry_data(row, where), where, Path())
            check_components([*entries, entry], where)
        except MMPartError as error:
            fault = str(error).removeprefix(f"{where}: ")
            told.append(row.model_copy(update={"fault": fault}))
        else:
            entries.append(entry)
            told.append(row.model_copy(update={"fault": ""}))
    return entries, tuple(told)


def _entry_data(row: ComponentRow, where: str) -> dict[str, Any]:
    count = row.count.strip()
    data: dict[str, Any] = {
        "name": row.name,
        "hidden": row.hidden.replace("\r\n", "\n").strip(),
        "count": int(count) if count.isdecimal() and len(count) < 4 else count or 1,
    }
    region = parse_region_text(row.region, where)
    return data if region is None else {**data, "region": region}


def parse_region_text(text: str, where: str = "region") -> dict[str, Any] | None:
    """``box 10 20 200 180``, ``points 10,20 30,40`` or ``polygon ...`` as component lists have it.

    Args:
        text: the words; empty for no region.
        where: for messages.

    Raises:
        InputError: another form.

    Example:
        >>> parse_region_text("points 4,5 6,7")
        {'points': [[4.0, 5.0], [6.0, 7.0]]}
    """
    words = text.strip()
    if not words:
        return None
    kind, _, rest = words.replace(":", " ").partition(" ")
    numbers = [float(found) for found in _NUMBER.findall(rest)]
    rubbish = re.sub(r"[\s,;()\[\]]", "", _NUMBER.sub("", rest))
    if kind not in _REGION_KINDS or rubbish or (kind != "box" and len(numbers) % 2):
        raise InputError(
            f"{where}: region {quoted(text)}; 'box <left> <top> <right> <bottom>' or 'points "
            "<x>,<y> <x>,<y>' expected, in pixels of the image or fractions of it"
        )
    if kind == "box":
        return {"box": numbers}
    pairs = [[x, y] for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    return {kind: pairs}


def _job(draft: Draft, entries: list[ComponentEntry], upload: bytes, store: FsspecStore) -> Job:
    config, run = chosen_run(draft)
    max_cost_of(draft, config)
    elevation = draft.elevation.strip()
    view = parse_camera(f"elevation={elevation}" if elevation else None, InputView())
    request = build_request(
        upload,
        entries,
        store=store,
        name=clean_name(draft.name or "object", "name"),
        view=view,
        input_config=config.input,
    )
    return Job(request, config, store.url, run)


def chosen_run(draft: Draft) -> tuple[PipelineConfig, PlannedRun]:
    """The configuration that a form asks for, and how it was asked for.

    Raises:
        ConfigError: a profile that is not offered, a setting that does not fit, or no seed.
    """
    config = chosen_planner(draft)
    check_usable(config)
    run = PlannedRun(profile=draft.profile, settings=_settings(draft), seed=int(draft.seed.strip()))
    return config, run


def chosen_planner(draft: Draft) -> PipelineConfig:
    """The configuration that a form asks for; whether all of it can be used here is not asked.

    Raises:
        ConfigError: as ``chosen_run``.
    """
    if draft.profile not in studio_profiles():
        raise ConfigError(
            f"profile {quoted(draft.profile)}: one of {', '.join(studio_profiles())} expected"
        )
    seed = draft.seed.strip()
    if not (seed.isascii() and seed.isdecimal() and int(seed[:20]) <= MAX_SEED):
        raise ConfigError(f"seed {quoted(draft.seed)}: a whole number to {MAX_SEED} expected")
    return find_config(draft.profile, _settings(draft))


def _settings(draft: Draft) -> tuple[str, ...]:
    return tuple(line.strip() for line in draft.settings.splitlines() if line.strip())


def max_cost_of(draft: Draft, config: PipelineConfig) -> float | None:
    """What a run may cost; None for no bound.

    Raises:
        ConfigError: no number, or models whose price is not known.
    """
    text = draft.max_cost.strip()
    if not text:
        return None
    try:
        dollars = parse_max_cost(text)
        check_priced(config, dollars)
    except ConfigError as error:
        raise ConfigError(str(error).replace("--max-cost", "budget")) from error
    return dollars
