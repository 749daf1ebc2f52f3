"""What the planner sees in an image, as lines for the component list."""

from dataclasses import dataclass

from flows.suggest_components import suggest_components
from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.intake.image import image_size, read_image
from mmpart_core.intake.names import comparable, slug
from mmpart_core.plan.suggestion_answer import SuggestedComponent, Suggestions
from mmpart_core.plan.suggestions import check_suggests
from mmpart_core.storage import codecs
from studio.drafting import chosen_planner, max_cost_of
from studio.library import ObjectLibrary
from studio.objects import ComponentRow, Draft, KeptObject


@dataclass(frozen=True)
class SuggestedRow:
    """One suggestion, as a line of the list would have it.

    Attributes:
        row: the line.
        listed: whether a component of this name is in the list already.
    """

    row: ComponentRow
    listed: bool


@dataclass(frozen=True)
class SuggestedRows:
    """What a planner sees, as lines.

    Attributes:
        subject: what the object is.
        rows: the most important first.
        cost_usd: what was paid for it.
    """

    subject: str
    rows: tuple[SuggestedRow, ...]
    cost_usd: float


def suggest_rows(library: ObjectLibrary, kept: KeptObject, draft: Draft) -> SuggestedRows:
    """Ask the planner of a form's profile what it sees; the budget of the form holds.

    Args:
        library: where the image is.
        kept: the object.
        draft: its form as it stands.

    Raises:
        ConfigError: the planner does not look at images, or cannot be used here.
        InputError: the image cannot be used.
        RefusedError, BackendError, BudgetError: no usable answer; says what to do.
        StorageError: the store cannot be used.
    """
    config = _usable(draft)
    upload = library.upload(kept.id)
    if upload is None:
        raise InputError(f"object '{kept.title}': its image is gone; start a new object")
    image = codecs.put_image(library.store, read_image(upload, config.input.max_side_px))
    found = suggest_components(
        name=slug(draft.name),
        image=image,
        planner=config.plan,
        store=library.store.url,
        seed=int(draft.seed),
        max_cost_usd=max_cost_of(draft, config),
    )
    return rows_of(found, draft, image_size(upload))


def _usable(draft: Draft) -> PipelineConfig:
    config = chosen_planner(draft)
    try:
        check_suggests(config.plan.kind)
    except ConfigError as error:
        raise ConfigError(f"profile '{draft.profile}': {error}") from error
    backends.check_usable("plan", config.plan.kind, config.plan.settings)
    return config


def rows_of(found: Suggestions, draft: Draft, size_px: tuple[int, int]) -> SuggestedRows:
    """Suggestions as lines; boxes in pixels of the image, as they are drawn by hand.

    Args:
        found: by a planner.
        draft: the form, whose components are not listed twice.
        size_px: width and height of the image as it was given.
    """
    there = {comparable(row.name) for row in draft.rows}
    rows = tuple(
        SuggestedRow(_row(each, size_px), comparable(each.name) in there)
        for each in found.components
    )
    return SuggestedRows(found.subject, rows, found.cost_usd)


def _row(each: SuggestedComponent, size_px: tuple[int, int]) -> ComponentRow:
    sides = (*size_px, *size_px)
    box = [round(share * side) for share, side in zip(each.box, sides, strict=True)]
    return ComponentRow(
        name=each.name,
        hidden=each.hidden,
        count=str(each.pieces),
        region=f"box {' '.join(map(str, box))}" if box[0] < box[2] and box[1] < box[3] else "",
    )
