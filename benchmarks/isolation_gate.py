"""Registration and the quality gate against known placements of the examples' parts.

    python -m benchmarks.isolation_gate [--trials N] [--only NAME] [--answers] [--pairs FOLDER]

Run from the repository's root. Every part of the five examples is drawn alone, whole, as its model
is known, then moved as an edit model moves it: shifted by up to 10 % of the image, scaled by 0.8 to
1.25, turned by up to 5 degrees, lit otherwise (each channel by 0.75 to 1.25, one side brighter).
No region hints are given. Per part: the largest error of a corner of its box over the part's size
(square root of its area), beside that of taking the picture as it was drawn; the confidence; the
CPU time. A placement more than 5 % of the part's size off counts as wrong.

With --answers: each part also as models get it right (drawn whole, moved and lit as above, on grey
ground) and wrong (``wrong_answers``), judged by the whole gate with boxes around what is seen of
each part, as a planner gives them. How many of each kind are accepted, and which checks reject; the
median of the gate's CPU seconds per picture, whole and by step, of those that go through all of it
(they are registered) and of those that the cheap checks stop.

With --pairs, a folder of real inputs and outputs of image models with ``pairs.csv`` (columns
``output`` and ``inputs``): what the gate says of each output and of each input sent back uncut.
"""

import argparse
import csv
import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from PIL import Image

from benchmarks.gate_clock import GateClock, gate_clock, medians
from benchmarks.isolation import FOLDER, Truth, example_truth, region_box
from examples.make_examples import EXAMPLES
from mmpart_core.errors import InputError
from mmpart_core.geometry import cameras
from mmpart_core.images import morphology
from mmpart_core.images.foreground import foreground_mask
from mmpart_core.isolate.canvas import SizeRule, fit_canvas
from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.protocol import IsolationTask
from mmpart_core.isolate.quality_gate import judge_answer
from mmpart_core.isolate.registration import register_part
from mmpart_core.isolate.visible_pixels import resampled
from mmpart_core.records import ImageRef, PartPrompt

WRONG = 0.05
LEAST_PX = 50


@dataclass(frozen=True)
class Found:
    """One placement: errors over the part's size, and what was said of it."""

    part: str
    error: float
    unmoved: float
    confidence: float
    seconds: float


def movement(random: np.random.Generator, side_px: int, center: tuple[float, float]) -> np.ndarray:
    """A similarity, pixels to pixels, as edit models move parts."""
    turn = np.deg2rad(random.uniform(-5.0, 5.0))
    scale = float(np.exp(random.uniform(np.log(0.8), np.log(1.25))))
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    angle, length = random.uniform(0.0, 2.0 * np.pi), random.uniform(0.0, 0.1) * side_px
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    shift = length * np.array([np.cos(angle), np.sin(angle)])
    matrix[:2, 2] = np.array(center) - linear @ np.array(center) + shift
    return matrix


def relit(rgba: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """In another light."""
    gain = random.uniform(0.75, 1.25, 3)
    ramp = 1.0 + 0.2 * random.choice([-1.0, 1.0]) * np.linspace(-0.5, 0.5, rgba.shape[1])
    lit = rgba.copy()
    lit[..., :3] = np.clip(np.rint(rgba[..., :3] * gain * ramp[None, :, None]), 0, 255)
    return lit


def score_example(name: str, trials: int, random: np.random.Generator) -> list[Found]:
    """All parts of one example, each moved several times."""
    truth = example_truth(name)
    source = np.asarray(Image.open(FOLDER / name / "image.png").convert("RGBA"))
    foreground = foreground_mask(source)
    found: list[Found] = []
    for part in truth.meshes:
        alone = truth.alone(part)
        rows, columns = np.nonzero(alone[..., 3] >= 128)
        if len(rows) < LEAST_PX:
            continue
        center = (float(columns.mean()), float(rows.mean()))
        corners = np.array(
            [[x, y, 1.0] for x in (columns.min(), columns.max()) for y in (rows.min(), rows.max())]
        )
        for _ in range(trials):
            moved = movement(random, source.shape[1], center)
            drawn = relit(resampled(alone, moved, source.shape[:2]), random)
            began = time.process_time()
            placed = register_part(drawn, source[..., :3], foreground, np.eye(3))
            seconds = time.process_time() - began
            errors = [
                float(np.linalg.norm((corners @ (back @ moved).T - corners)[:, :2], axis=1).max())
                / float(np.sqrt(len(rows)))
                for back in (placed.source_from_part, np.eye(3))
            ]
            found.append(Found(part, errors[0], errors[1], placed.confidence, seconds))
    return found


def report(name: str, found: list[Found]) -> None:
    """One line per part."""
    for part in dict.fromkeys(each.part for each in found):
        own = [each for each in found if each.part == part]
        errors = " ".join(f"{100 * each.error:5.1f}" for each in own)
        unmoved = statistics.fmean(100 * each.unmoved for each in own)
        sure = " ".join(f"{each.confidence:.2f}" for each in own)
        print(f"{name:14}{part:12} error {errors} %  (unmoved {unmoved:.0f} %)  confidence {sure}")


def summary(found: list[Found]) -> None:
    """Medians, wrong placements, and what confidence says of them."""
    errors = np.array([each.error for each in found])
    sure = np.array([each.confidence for each in found]) >= 0.5
    wrong = errors > WRONG
    print(
        f"{len(found)} placements: median error {100 * float(np.median(errors)):.2f} % of the "
        f"part's size, 90 % below {100 * float(np.percentile(errors, 90)):.1f} %, "
        f"{int(wrong.sum())} wrong (as drawn: "
        f"{sum(each.unmoved > WRONG for each in found)}); of {int(sure.sum())} that are trusted "
        f"{int((wrong & sure).sum())} are wrong, of {int((~sure).sum())} that are not "
        f"{int((wrong & ~sure).sum())}; {statistics.median(e.seconds for e in found):.1f} s of CPU "
        "time each"
    )


def on_grey(rgba: np.ndarray) -> np.ndarray:
    """An opaque picture on the ground that prompts ask for."""
    alpha = rgba[..., 3:] / 255.0
    rgb = np.rint(rgba[..., :3] * alpha + 210.0 * (1.0 - alpha)).astype(np.uint8)
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def answers(
    name: str, truth: Truth, source: np.ndarray, random: np.random.Generator
) -> Iterator[tuple[str, np.ndarray]]:
    """What a model may draw of a part: right, and in the ways that models get it wrong."""
    alone, whole = truth.alone(name), source.copy()
    height, width = source.shape[:2]
    rows, columns = np.nonzero(alone[..., 3] >= 128)
    center = (float(columns.mean()), float(rows.mean()))
    moved = movement(random, width, center)
    yield "right", on_grey(relit(resampled(alone, moved, (height, width)), random))
    yield "nothing done", source
    whole[..., 3] = np.where(foreground_mask(source), 255, 0)
    yield "only the ground removed", on_grey(whole)
    others = [other for other in truth.meshes if other != name]
    if others:
        yield "another part", on_grey(truth.alone(others[0]))
    across = np.eye(3)
    across[0, 2] = width - columns.max() + 0.3 * (columns.max() - columns.min())
    yield "cut off", on_grey(resampled(alone, across, (height, width)))
    back = np.eye(3)
    back[0, 2] = 2.0 * center[0] - width
    flipped = np.ascontiguousarray(alone[:, ::-1])
    yield "mirrored", on_grey(resampled(flipped, back, (height, width)))
    painted = alone.copy()
    noise = cv2.GaussianBlur(random.normal(size=(height, width, 3)), (0, 0), width / 60.0)
    painted[..., :3] = np.clip(
        alone[..., :3].astype(float)[..., ::-1] + 60.0 * noise / noise.std(), 0, 255
    )
    yield "painted anew", on_grey(painted)
    second = alone.copy()
    beside = int(0.12 * width)
    cv2.circle(second, (beside, height - beside), int(0.1 * width), (150, 90, 60, 255), -1)
    yield "with another thing", on_grey(second)


def pieces(truth: Truth, name: str) -> int:
    """How many pieces of a part are drawn, as a planner counts them."""
    return morphology.pieces(truth.alone(name)[..., 3] >= 128)[1]


def judge_answers(name: str, verdicts: dict[str, Counter[str]], clock: GateClock) -> None:
    """What the gate says of right and wrong answers for each part of an example."""
    truth, random = example_truth(name), np.random.default_rng(0)
    source = np.asarray(Image.open(FOLDER / name / "image.png").convert("RGBA"))
    foreground, visible = foreground_mask(source), truth.visible()
    height, width = source.shape[:2]
    names = tuple(part for part in truth.meshes if visible[part].sum() >= LEAST_PX)
    for index, part in enumerate(names):
        prompt = PartPrompt(
            component=part, prompt=part, index=index, names=names,
            counts=tuple(pieces(truth, each) for each in names),
            regions=tuple(region_box(visible[each]) for each in names),
            camera=cameras.orbit_camera(0.0, 20.0, 30.0, width),
            foreground=ImageRef(sha256="0" * 64, size=1, media="image/png", width=width,
                                height=height),
        )  # fmt: skip
        task = IsolationTask(source, foreground, prompt)
        for kind, answer in answers(part, truth, source, random):
            judged = clock.judge(answer, np.eye(3), task, EditorSettings())
            found = Counter(fault.check for fault in judged.faults) or Counter(["accepted"])
            verdicts.setdefault(kind, Counter()).update(found)
            verdicts[kind]["judged"] += 1


def report_answers(verdicts: dict[str, Counter[str]], clock: GateClock) -> None:
    """One line per kind of answer, and what the gate takes."""
    for kind, found in verdicts.items():
        reasons = ", ".join(
            f"{check} {count}" for check, count in found.most_common()
            if check not in ("judged", "accepted")
        )  # fmt: skip
        print(f"{kind:26} {found['accepted']:3} of {found['judged']:3} accepted   {reasons}")
    through = [each for each in clock.pictures if each["registration"]]
    stopped = [each for each in clock.pictures if not each["registration"]]
    for pictures, kind in ((through, "go through the gate"), (stopped, "are stopped early")):
        if pictures:
            print(f"{len(pictures)} pictures {kind}: median CPU time {medians(pictures)}")


def judge_pairs(folder: Path) -> None:
    """What the gate says of real answers."""
    for row in csv.DictReader((folder / "pairs.csv").read_text(encoding="utf-8").splitlines()):
        inputs = [name for name in row["inputs"].split("|") if name]
        for source in inputs[:1]:
            for answer in (row["output"], source):
                print(f"{answer:34} as a part of {source:26} {_verdict(folder, source, answer)}")


def _verdict(folder: Path, source_name: str, answer_name: str) -> str:
    source, answer = (
        np.asarray(Image.open(folder / name).convert("RGBA")) for name in (source_name, answer_name)
    )
    height, width = source.shape[:2]
    prompt = PartPrompt(
        component="object", prompt="only the object", index=0, regions=(None,), counts=(1,),
        names=("object",), camera=cameras.orbit_camera(0.0, 20.0, 30.0, width),
        foreground=ImageRef(sha256="0" * 64, size=1, media="image/png", width=width, height=height),
    )  # fmt: skip
    try:
        task = IsolationTask(source, foreground_mask(source), prompt)
    except InputError as error:
        return f"no object in the source: {error}"
    ground = fit_canvas(height, width, SizeRule(fixed=(answer.shape[1::-1],)), 1)
    placed = ground.source_from_answer(answer.shape[1], answer.shape[0])
    judged = judge_answer(answer, placed, task, EditorSettings())
    said = "; ".join(fault.told for fault in judged.faults)
    return f"score {judged.score:.2f}, {f'rejected: {said}' if said else 'accepted'}"


def main() -> None:
    """Measure placements, then judge real pairs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--only", choices=sorted(EXAMPLES), action="append")
    parser.add_argument("--answers", action="store_true")
    parser.add_argument("--pairs", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    found: list[Found] = []
    for name in options.only or EXAMPLES:
        own = score_example(name, options.trials, random)
        report(name, own)
        found += own
    if found:
        summary(found)
    if options.answers:
        verdicts: dict[str, Counter[str]] = {}
        with gate_clock() as clock:
            for name in options.only or EXAMPLES:
                judge_answers(name, verdicts, clock)
        report_answers(verdicts, clock)
    if options.pairs is not None:
        judge_pairs(options.pairs)


if __name__ == "__main__":
    main()
