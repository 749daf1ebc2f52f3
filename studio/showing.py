"""Objects and runs as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmpart_core.backends import find_module
from mmpart_core.errors import MMPartError
from mmpart_core.isolate.protocol import reads_prompts
from mmpart_core.output import wording
from mmpart_core.output.part_facts import PartFacts, gather_parts
from mmpart_core.records import ObjectResult, StageName
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.live import LiveRun, Piece
from studio.objects import KeptObject, Nudge, Try
from studio.pictures import pictures_of
from studio.work import config_of

STAGE_WORDS: dict[StageName, str] = {
    "plan": "Plan",
    "isolate": "Isolate",
    "multiview": "Views",
    "reconstruct": "Reconstruct",
    "mesh": "Mesh",
    "assemble": "Assemble",
}
_STATE_WORDS = {
    "draft": "not planned yet",
    "planning": "being planned",
    "planned": "plan to review",
    "running": "being made",
    "stopped": "stopped",
    "broken": "broke off",
}
_INTERRUPTED = (
    "The studio ended while this was going on. What was finished is kept: start again, and it "
    "goes on from there."
)


@dataclass(frozen=True)
class LiveRow:
    """One part, or the whole object, in a run.

    Attributes:
        label: what it is called.
        pieces: its stages in order.
    """

    label: str
    pieces: tuple[Piece, ...]

    @property
    def trouble(self) -> str:
        """Why it was not made; empty where nothing failed."""
        return next((piece.message for piece in self.pieces if piece.message), "")

    @property
    def pictures(self) -> list[str]:
        """Digests of all pictures so far."""
        return [picture for piece in self.pieces for picture in piece.pictures]


def live_rows(live: LiveRun) -> list[LiveRow]:
    """A run as it stands, the whole object first."""
    found: dict[str | None, list[Piece]] = {}
    for piece in live.pieces():
        found.setdefault(piece.component, []).append(piece)
    return [LiveRow(name or "Whole object", tuple(pieces)) for name, pieces in found.items()]


@dataclass(frozen=True)
class ShownTry:
    """A try of a part.

    Attributes:
        position: in the list of its part.
        kept: what is kept of it.
        pictures: digests: the isolated part, and its mesh.
        same_as: position of an earlier try that was drawn alike, or None.
    """

    position: int
    kept: Try
    pictures: tuple[str, ...]
    same_as: int | None


@dataclass(frozen=True)
class ShownPart:
    """A part of a finished object.

    Attributes:
        facts: what is known of it.
        tries: in the order they were made.
        chosen: position of the one that is in the object.
        views: digests of its six views.
        nudge: the user's correction of its placement.
        summary: size and fit where it stands now, or why it is not there.
    """

    facts: PartFacts
    tries: tuple[ShownTry, ...]
    chosen: int
    views: tuple[str, ...]
    nudge: Nudge
    summary: str

    @property
    def chosen_try(self) -> Try:
        """The try that is in the object."""
        return self.tries[self.chosen].kept

    @property
    def next_seed(self) -> int:
        """A seed that was not tried yet."""
        return max(each.kept.seed for each in self.tries) + 1


def shown_parts(kept: KeptObject, store: FsspecStore) -> list[ShownPart]:
    """The parts of an object that was run.

    Raises:
        StorageError: the store cannot be read.
    """
    result = kept.shown
    if result is None:
        return []
    return [
        ShownPart(
            facts=facts,
            tries=_shown_tries(kept.tries.get(facts.name, ()), store),
            chosen=kept.chosen.get(facts.name, len(kept.tries.get(facts.name, ())) - 1),
            views=pictures_of(facts.result.views, store) if facts.result else (),
            nudge=kept.nudges.get(facts.name, Nudge()),
            summary=wording.part_summary(facts),
        )
        for facts in gather_parts(result)
    ]


def _shown_tries(tries: Sequence[Try], store: FsspecStore) -> tuple[ShownTry, ...]:
    shown: list[ShownTry] = []
    for position, each in enumerate(tries):
        pictures: tuple[str, ...] = ()
        same = None
        if each.part is not None:
            pictures = (
                *pictures_of(each.part.isolated, store),
                *pictures_of(each.part.mesh, store),
            )
            same = next((s.position for s in shown if s.pictures == pictures), None)
        shown.append(ShownTry(position, each, pictures, same))
    return tuple(shown)


def status_words(kept: KeptObject, live: LiveRun | None) -> str:
    """Where an object stands, in a few words."""
    if live is not None:
        return live.title
    result = kept.shown
    if kept.state == "done" and result is not None:
        return wording.status(result, gather_parts(result))
    if kept.state in ("planning", "running"):
        return "interrupted"
    return _STATE_WORDS.get(kept.state, kept.state)


def trouble_of(kept: KeptObject, live: LiveRun | None) -> str:
    """Why there is nothing, or nothing new; empty where all is well, or in work."""
    if live is not None:
        return ""
    return _INTERRUPTED if kept.state in ("planning", "running") else kept.trouble


def ignores_words(kept: KeptObject) -> bool:
    """Whether the isolator reads no prompts, so that other words change nothing."""
    try:
        kind = config_of(kept).choice("isolate").kind
        return not reads_prompts(find_module("isolate", kind).BACKEND)
    except MMPartError:
        return False


def whole_failures(result: ObjectResult) -> list[str]:
    """What failed that concerns no single part."""
    return [
        f"{STAGE_WORDS[failure.stage]} failed: {failure.message}"
        for failure in result.failures
        if failure.component is None
    ]


def whole_stages(kept: KeptObject) -> tuple[StageName, ...]:
    """Stages of the whole object that a run has, after planning."""
    views: tuple[StageName, ...] = ("multiview",) if config_of(kept).whole_object_views else ()
    return (*views, "assemble")


def part_names(kept: KeptObject) -> list[str]:
    """Names of the components that were planned."""
    return [each.name for each in kept.request.components] if kept.request else []
