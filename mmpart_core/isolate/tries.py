"""Draws a part until a picture is accepted; each rejection's reasons go into the next prompt."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from mmpart_core import errors
from mmpart_core.errors import BackendError
from mmpart_core.isolate.background_removal import Matting
from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.gate_checks import Fault
from mmpart_core.isolate.part_checker import CheckerAnswer, PartChecker
from mmpart_core.isolate.protocol import DrawnTry, Isolation, IsolationTask
from mmpart_core.isolate.quality_gate import Judged, judge_answer, with_fault
from mmpart_core.records import ImagePlacement

_OPAQUE = 128  # alpha from which a pixel is the part's: half of 255
_UNSURE = 0.6  # confidence below which the user is told


@dataclass(frozen=True)
class DrawOrder:
    """What a model is asked for.

    Attributes:
        prompt: the planner's words, and what earlier tries taught.
        seeds: one per picture.
    """

    prompt: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class DrawnPictures:
    """What came back.

    Attributes:
        pictures: straight alpha.
        source_from_answer: per picture, its pixels to the source's if the part was left in place.
        cost_usd: of the call.
    """

    pictures: tuple[UInt8[np.ndarray, "h w 4"], ...]
    source_from_answer: tuple[Float[np.ndarray, "3 3"], ...]
    cost_usd: float = 0.0


@dataclass(frozen=True)
class _Candidate:
    drawn: DrawnTry
    judged: Judged
    source_from_answer: Float[np.ndarray, "3 3"]


def isolate_by_tries(
    task: IsolationTask,
    seed: int,
    draw: Callable[[DrawOrder], DrawnPictures],
    settings: EditorSettings,
    matting: Matting | None = None,
    checker: PartChecker | None = None,
) -> Isolation:
    """Draw a part until one picture passes the gate; the best that does is taken.

    Args:
        task: what to draw.
        seed: the seeds of all pictures follow from it.
        draw: asks the model.
        settings: how often, and what is accepted.
        matting: for opaque pictures.
        checker: is asked about pictures that pass the gate, best first.

    Raises:
        BackendError: no picture was accepted; the message says why not, ``cost_usd`` what it cost,
            ``drawn`` has the pictures.
        MMPartError: what ``draw`` or the checker raises, with cost and pictures of earlier tries.
    """
    tried: list[_Candidate] = []
    paid = 0.0
    faults: tuple[Fault, ...] = ()
    for attempt in range(settings.tries):
        order = DrawOrder(_prompt(task, faults), _seeds(seed, attempt, settings.candidates))
        with errors.cost_told(paid), _pictures_told(tried):
            drawn = draw(order)
        paid += drawn.cost_usd
        found = _judged(drawn, order, _added(faults), task, settings, matting)
        with errors.cost_told(paid), _pictures_told([*tried, *found]):
            found, spent = _checked(found, task, checker)
        paid += spent
        tried += found
        accepted = [each for each in found if not each.judged.faults]
        if accepted:
            taken = max(accepted, key=lambda each: each.judged.score)
            return _isolation(taken, tried, paid, settings.tries)
        faults = max(found, key=lambda each: each.judged.score).judged.faults
    with errors.cost_told(paid), _pictures_told(tried):
        raise BackendError(_none_accepted(task.prompt.component, tried))


@contextmanager
def _pictures_told(tried: Sequence[_Candidate]) -> Generator[None]:
    """Within: an error of a back-end also holds the pictures that were drawn before it."""
    try:
        yield
    except BackendError as error:
        error.drawn = tuple(each.drawn for each in tried)
        raise


def _judged(
    drawn: DrawnPictures,
    order: DrawOrder,
    added: str,
    task: IsolationTask,
    settings: EditorSettings,
    matting: Matting | None,
) -> list[_Candidate]:
    share = drawn.cost_usd / max(len(drawn.pictures), 1)
    found: list[_Candidate] = []
    for picture, placed, seed in zip(
        drawn.pictures, drawn.source_from_answer, order.seeds, strict=False
    ):
        judged = judge_answer(picture, placed, task, settings, matting)
        told = tuple(fault.told for fault in judged.faults)
        drawn_try = DrawnTry(picture, judged.score, told, added, seed, share)
        found.append(_Candidate(drawn_try, judged, placed))
    if not found:
        raise BackendError(
            f"part '{task.prompt.component}': the model gave no picture, at least one expected; "
            "try again with another seed"
        )
    return found


def _checked(
    found: list[_Candidate], task: IsolationTask, checker: PartChecker | None
) -> tuple[list[_Candidate], float]:
    """The best of those that pass the gate are shown to the checker until it accepts one."""
    if checker is None:
        return found, 0.0
    spent = 0.0
    looked = list(found)
    passing = [i for i, each in enumerate(found) if not each.judged.faults]
    for index in sorted(passing, key=lambda i: -found[i].judged.score):
        comparison = found[index].judged.comparison
        if comparison is None:
            continue
        with errors.cost_told(spent):
            answer = checker.check_part(task, comparison.rgba)
        spent += answer.cost_usd
        looked[index] = _with_answer(found[index], answer)
        if answer.fault is None:
            break
    return looked, spent


def _with_answer(candidate: _Candidate, answer: CheckerAnswer) -> _Candidate:
    judged, drawn = candidate.judged, candidate.drawn
    cost = drawn.cost_usd + answer.cost_usd
    if answer.fault is None:
        return replace(candidate, drawn=replace(drawn, checked=True, cost_usd=cost))
    judged = with_fault(judged, answer.fault)
    told = (*drawn.faults, answer.fault.told)
    drawn = replace(drawn, checked=True, cost_usd=cost, faults=told, score=judged.score)
    return replace(candidate, judged=judged, drawn=drawn)


def _isolation(
    taken: _Candidate, tried: Sequence[_Candidate], paid: float, tries: int
) -> Isolation:
    judged = taken.judged
    seen, placed = judged.comparison, judged.registration
    if seen is None or placed is None:
        raise BackendError("isolate: a picture was accepted without a part in it; report this")
    drawn = seen.rgba[..., 3] >= _OPAQUE
    rows = placed.source_from_part.tolist()
    return Isolation(
        rgba=seen.rgba,
        visible=seen.visible,
        imagined=drawn & ~seen.visible,
        warnings=_warnings(judged, len({each.drawn.added for each in tried}), tries),
        cost_usd=paid,
        placement=ImagePlacement(
            source_from_isolated=(tuple(rows[0]), tuple(rows[1]), tuple(rows[2])),
            confidence=placed.confidence,
            shift=judged.shift,
            zoom=judged.zoom,
            turn_deg=judged.turn_deg,
        ),
        tries=tuple(replace(each.drawn, taken=each is taken) for each in tried),
    )


def _warnings(judged: Judged, rounds: int, tries: int) -> tuple[str, ...]:
    placed = judged.registration
    said: list[str] = []
    if placed is not None and placed.confidence < _UNSURE:
        said.append(
            f"its place in the source image is unsure (confidence {placed.confidence:.2f}): the "
            "assembled part may be off; give it a region, or change the seed"
        )
    if rounds > 1:
        said.append(f"drawn {rounds} times of {tries} until a picture was accepted")
    return tuple(said)


def _added(faults: tuple[Fault, ...]) -> str:
    if not faults:
        return ""
    advice = "; ".join(dict.fromkeys(fault.advice for fault in faults))
    return f"An earlier attempt was rejected. This time: {advice}."


def _prompt(task: IsolationTask, faults: tuple[Fault, ...]) -> str:
    added = _added(faults)
    return f"{task.prompt.prompt}\n\n{added}" if added else task.prompt.prompt


def _seeds(seed: int, attempt: int, count: int) -> tuple[int, ...]:
    state = np.random.SeedSequence([seed, attempt]).generate_state(count)
    return tuple(int(value) % 2**31 for value in state)


def _none_accepted(component: str, tried: Sequence[_Candidate]) -> str:
    reasons = "; ".join(
        f"try {number}: {', '.join(each.drawn.faults)}" for number, each in enumerate(tried, 1)
    )
    return (
        f"part '{component}': none of {len(tried)} pictures of it can be used ({reasons}); "
        "describe the part more closely, give it a region, change the seed, raise isolate.tries, "
        "or choose another model"
    )
