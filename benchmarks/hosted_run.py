"""What the ``openai`` profile asks, takes, costs and gives, against the strict model server.

    PYTHONPATH=tests/model_server python -m benchmarks.hosted_run [--objects lantern] [--set ...]
        [--only undisturbed|disturbed]

The objects are the examples with a known scene. The server checks each request against the
published contract and answers what is true: plans with the true boxes, edits with the true parts on
the canvas that was asked for. Two measurements of each object.

Undisturbed: plan and isolate in this process; printed are requests, seconds, cost, CPU time of
isolating (of which the server takes none) and how much of it the quality gate is, by step, and how
well each isolated part covers the true one (intersection over union of their pixels).

Disturbed: the real command, ``mmpart evaluate --generate``, in a process of its own, as often as it
takes. The server throttles, fails, drops, dawdles, refuses, cuts off, blocks, and gives blank,
opaque and small pictures. Printed are exit statuses, failures survived, breaches of the contract,
cost told beside a sum by hand, seconds by stage, where the key was found in all that the runs left,
and the scores, beside those of the same profile with the true isolator.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from hosted_scenario import run_scenario  # pyright: ignore[reportMissingImports]  (tests)
from known_scene import (  # pyright: ignore[reportMissingImports]  (tests/model_server)
    OF_EDIT_USD,
    OF_PLAN_USD,
    KnownScene,
)
from pydantic import SecretStr
from strict_openai import ModelServer  # pyright: ignore[reportMissingImports]

from benchmarks.gate_clock import GateClock, gate_clock, medians
from evaluation.reporting.tables import read_rows
from evaluation.rows import ScoreRow
from flows.profiles import find_config
from mmpart_core import pipeline
from mmpart_core.config import PipelineConfig, validate_config
from mmpart_core.direct_runner import StageRunner, direct_runner
from mmpart_core.errors import StageFailedError
from mmpart_core.hosted import secrets
from mmpart_core.intake.truth import request_from_truth
from mmpart_core.isolate import tries
from mmpart_core.records import TRUTH_VIEW, IsolatedPart, ObjectRequest, PartPlan, StageRun
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
KEY_VARIABLE = "MMPART_BENCHMARK_KEY"
TRUE = ("plan.kind=template", "isolate.kind=groundtruth")
# Transparent pictures are asked for, so that an opaque one is a fault of the answer.
SETTINGS = ("isolate.background=transparent", "reconstruct.preset=preview")
SHOWN = ("f_0.05", "chamfer", "volume_iou", "centroid_error_pct")


def hosted_config(server: ModelServer) -> PipelineConfig:
    """The ``openai`` profile, on the strict server."""
    there = {"base_url": server.base_url, "api_key_variable": KEY_VARIABLE}
    moved = {f"{stage}.{name}": value for stage in ("plan", "isolate")
             for name, value in there.items()}  # fmt: skip
    return validate_config(find_config("openai").model_dump(), "openai", moved)


def undisturbed(name: str) -> None:
    """Plan and isolate in this process, printed."""
    store = MemoryStore()
    scene = EXAMPLES / name / f"{name}.glb"
    request = request_from_truth(scene, view=TRUTH_VIEW, store=store)
    known = KnownScene(scene.read_bytes())
    with ModelServer() as server:
        secrets.provide_key(KEY_VARIABLE, SecretStr(server.api_key))
        server.answer("/responses", known.plan)
        server.answer("/images/edits", known.edit)
        run = direct_runner(hosted_config(server), store, seed=0)
        plan, planned = pipeline.make_plan(request, run)
        began = time.thread_time()
        with gate_clock() as clock, mock.patch.object(tries, "judge_answer", clock.judge):
            parts, runs = isolated(plan, request, run)
        isolating_s = time.thread_time() - began
        runs.insert(0, planned)
        calls = {path: len(server.calls(path)) for path in ("/responses", "/images/edits")}
        breaches = server.violations
    told = sum(each.cost_usd for each in runs)
    by_hand = known.plans * OF_PLAN_USD + known.edits * OF_EDIT_USD
    print(f"{name}, undisturbed: {len(parts)} of {len(request.components)} parts isolated, "
          f"{_seconds(runs)}; requests {calls}; breaches {len(breaches)}")  # fmt: skip
    print(f"  cost told ${told:.6f}, by hand ${by_hand:.6f}")
    print(f"  {_share_of_gate(clock, isolating_s)}")
    print(f"  IoU with the true part: {_covered(parts, known, store)}")


def isolated(
    plan: PartPlan, request: ObjectRequest, run: StageRunner
) -> tuple[dict[str, IsolatedPart], list[StageRun]]:
    """All parts that could be isolated, and what each took; failures are printed."""
    runs, parts = list[StageRun](), dict[str, IsolatedPart]()
    for prompt in plan.prompts:
        try:
            inputs = {"image": request.image, "prompt": prompt}
            parts[prompt.component], taken = run("isolate", prompt.component, inputs)
            runs.append(taken)
        except StageFailedError as error:
            print(f"  {error}")
            runs += error.runs
    return parts, runs


def _share_of_gate(clock: GateClock, isolating_s: float) -> str:
    gate_s = sum(each["whole"] for each in clock.pictures)
    return (
        f"CPU time of isolating {isolating_s:.1f} s, of the gate {gate_s:.1f} s "
        f"({100 * gate_s / isolating_s:.0f} %), of which a picture takes {medians(clock.pictures)}"
    )


def _seconds(runs: Sequence[StageRun]) -> str:
    stages = dict.fromkeys(each.stage for each in runs)
    return ", ".join(
        f"{stage} {sum(each.seconds for each in runs if each.stage == stage):.1f} s"
        for stage in stages
    )


def _covered(parts: dict[str, IsolatedPart], known: KnownScene, store: MemoryStore) -> str:
    told: list[str] = []
    for name, part in parts.items():
        drawn = codecs.get_image(store, part.rgba)[..., 3] >= 128
        true = np.asarray(known.alone[name])[..., 3] >= 128
        told.append(f"{name} {(drawn & true).sum() / max((drawn | true).sum(), 1):.3f}")
    return ", ".join(told) or "none"


def disturbed(name: str, settings: Sequence[str]) -> None:
    """The whole pipeline through the command, with failures, and its scores; printed."""
    glb = (EXAMPLES / name / f"{name}.glb").read_bytes()
    given = (*SETTINGS, *settings)
    with tempfile.TemporaryDirectory(prefix="mmpart-hosted-") as folder:
        found = run_scenario(Path(folder), name, glb, given)
        true = true_rows(Path(folder), [each for each in given if not each.startswith("isolate.")])
    seconds = ", ".join(f"{stage} {taken:.1f}" for stage, taken in found.seconds.items())
    print(f"{name}, disturbed: exit statuses {found.statuses}, {found.wall_s:.0f} s in all")
    print(f"  seconds of work: {seconds}")
    print(f"  requests {found.requests}; breaches {len(found.violations)}")
    print(f"  {len(found.survived)} failures survived: {', '.join(found.survived)}")
    print(f"  cost told ${found.told_usd:.6f}, by hand ${found.given_usd:.6f}")
    print(f"  the key is in {len(found.holding_key)} of {found.searched} files")
    print(f"  scores: {_scores(found.rows)}")
    print(f"  with the true plan and isolator: {_scores(true)}")


def true_rows(folder: Path, settings: Sequence[str]) -> list[ScoreRow]:
    """Scores of the same profile without hosted models."""
    words = [word for each in (*TRUE, *settings) for word in ("--set", each)]
    subprocess.run(
        [str(Path(sys.executable).with_name("mmpart")), "evaluate", "data", "--generate",
         "--profile", "openai", "--output", "out-true", "--store", "store", "--report",
         "report-true", "--no-appearance", "--pool", "here", "--quiet", *words],
        cwd=folder, check=False,
    )  # fmt: skip
    return read_rows(folder / "report-true")


def _scores(rows: Sequence[ScoreRow]) -> str:
    """Means over the parts that are scored."""
    parts = [row for row in rows if row.level == "part"]
    made = [row for row in parts if row.state == "scored"]
    told = [f"{len(made)} of {len(parts)} parts"]
    for metric in SHOWN:
        values = [row.values[metric] for row in made if metric in row.values]
        if values:
            told.append(f"{metric} {sum(values) / len(values):.3f}")
    return ", ".join(told)


def main() -> None:
    """Measure the examples with a known scene."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--objects", nargs="*", default=[])
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--only", choices=["undisturbed", "disturbed"])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for name in options.objects or sorted(each.parent.name for each in EXAMPLES.glob("*/*.glb")):
        if options.only != "disturbed":
            undisturbed(name)
        if options.only != "undisturbed":
            disturbed(name, options.settings)


if __name__ == "__main__":
    main()
