"""What the studio keeps of each object: what was asked, the plan, every try of a part, nudges."""

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from mmpart_core.intake.plan_file import PlannedRun
from mmpart_core.records import (
    MAX_SEED,
    AssembledObject,
    ObjectRequest,
    ObjectResult,
    PartFailure,
    PartPlan,
    PartResult,
    Record,
    Vector3,
)

State = Literal["draft", "planning", "planned", "running", "done", "stopped", "broken"]
Redone = Literal["plan", "isolate"]
# A moment in UTC and a random number; nothing else is ever taken for a path.
_OBJECT_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")


class ComponentRow(Record):
    """One line of the component list, as it stands in the form.

    Attributes:
        name: as typed.
        hidden: words for its hidden area, as typed.
        count: pieces, as typed.
        region: ``box 10 20 200 180`` or ``points 10,20 30,40``, as typed; empty for none.
        fault: what is wrong with the line, for the form.
    """

    name: str = Field(default="", max_length=400)
    hidden: str = Field(default="", max_length=4000)
    count: str = Field(default="1", max_length=20)
    region: str = Field(default="", max_length=4000)
    fault: str = ""


class Draft(Record):
    """The form of a new object.

    Attributes:
        name: what to call the object.
        rows: the component list.
        profile: a profile that comes with MMPart.
        settings: one ``stage.setting=value`` per line.
        seed: every random choice follows from it.
        elevation: degrees, where the user knows them; else empty.
        max_cost: dollars that a run may cost; empty for no bound.
    """

    name: str = Field(default="", max_length=400)
    rows: tuple[ComponentRow, ...] = Field(default=(), max_length=100)
    profile: str = Field(default="local", max_length=100)
    settings: str = Field(default="", max_length=20_000)
    seed: str = Field(default="0", max_length=20)
    elevation: str = Field(default="", max_length=20)
    max_cost: str = Field(default="", max_length=20)


class Try(Record):
    """One way in which a part was made, or was to be.

    Attributes:
        begun_at: the stage it was redone from.
        prompt: what the isolator is told.
        hidden: the user's words for the hidden area.
        seed: of the part's stages.
        part: what was made; None until it is, and where it failed.
        failure: why it was not made.
    """

    begun_at: Redone = "plan"
    prompt: str
    hidden: str = ""
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    part: PartResult | None = None
    failure: PartFailure | None = None


class Nudge(Record):
    """A placement that the user corrected; applied after every assembly.

    Attributes:
        move: object units along +X (front), +Y (left as seen from the front is -Y) and +Z (up).
        turn_deg: degrees about X, Y and Z, in this order, about the part's centre.
        scale: about the part's centre.
    """

    move: Vector3 = (0.0, 0.0, 0.0)
    turn_deg: Vector3 = (0.0, 0.0, 0.0)
    scale: float = Field(default=1.0, ge=0.05, le=20.0)

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return self != Nudge()


class KeptObject(Record):
    """One object of the studio; ``ObjectLibrary`` keeps it as one JSON file.

    Attributes:
        id: moment of its making and a random number; also its place in the store.
        created: UTC, ISO 8601.
        draft: the form.
        upload_px: width and height of the image as it was given, pixels.
        state: where it stands.
        request: the draft, checked.
        run: profile, settings and seed of the plan.
        plan: as the planner wrote it; the chosen tries' words take the place of its prompts.
        tries: per component, in the order they were made.
        chosen: per component, the position of the try that is in the object.
        nudges: per component.
        result: of the last run.
        corrected: its object with the nudges, measured anew; None where there are none.
        flow_runs: ids of its runs on the Prefect server, oldest first.
        trouble: why the last piece of work gave nothing; empty where it did.
    """

    id: str
    created: str
    draft: Draft
    upload_px: tuple[int, int]
    state: State = "draft"
    request: ObjectRequest | None = None
    run: PlannedRun | None = None
    plan: PartPlan | None = None
    tries: Mapping[str, tuple[Try, ...]] = {}
    chosen: Mapping[str, int] = {}
    nudges: Mapping[str, Nudge] = {}
    result: ObjectResult | None = None
    corrected: AssembledObject | None = None
    flow_runs: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def title(self) -> str:
        """What it is called."""
        return self.draft.name or "object"

    @property
    def shown(self) -> ObjectResult | None:
        """The last run's result as the files hold it: with the nudges."""
        if self.result is None or self.corrected is None:
            return self.result
        return self.result.model_copy(update={"assembled": self.corrected})

    def chosen_try(self, component: str) -> Try | None:
        """The try of a component that is in the object; None before there is any."""
        tries = self.tries.get(component, ())
        return tries[self.chosen.get(component, len(tries) - 1)] if tries else None


def is_object_id(text: str) -> bool:
    """Whether a text can be an id; nothing that has a meaning in paths can.

    Example:
        >>> is_object_id("20261123-041500-0a1b2c3d"), is_object_id("../x")
        (True, False)
    """
    return _OBJECT_ID.fullmatch(text) is not None
