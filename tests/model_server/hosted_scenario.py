"""The real command on a known object with hosted models that fail in every way, and what it left.

``mmpart evaluate --generate`` runs in a process of its own, with a Prefect of its own, against the
strict server, as often as it takes: a refused plan fails the object, a blocked picture fails its
part, and the same command goes on from what was finished. Everything it leaves is then searched for
the key.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from known_scene import OF_PLAN_USD, PLAN_TOKENS, KnownScene
from strict_openai import (
    ModelServer,
    Reply,
    dropped,
    incomplete,
    moderation_blocked,
    rate_limited,
    refusal,
    server_error,
    slow,
)

from evaluation.reporting.tables import read_rows
from evaluation.rows import ScoreRow

KEY_VARIABLE = "MMPART_SCENARIO_KEY"
PLANTED = "sk-proj-PlantedKey4Search9876543210fedcbaZYX"  # pragma: allowlist secret
TIMEOUT_S = 12.0
BROKEN_OFF_S = 1500.0


Scripted = tuple[str, Reply]
"""A failure with its name."""


@dataclass(frozen=True)
class Outcome:
    """What came of an object.

    Attributes:
        statuses: exit status of each command.
        told: what the commands wrote.
        requests: well-formed requests by endpoint.
        survived: failures and spoiled pictures on the way, by name.
        violations: what broke the contract.
        told_usd: cost by the manifests.
        given_usd: what the answers cost that the server gave, summed by hand.
        seconds: of work by stage, by the manifests.
        wall_s: of all commands.
        holding_key: files that hold the key.
        searched: how many files were searched.
        rows: scores after the last command.
    """

    statuses: tuple[int, ...]
    told: str
    requests: dict[str, int]
    survived: tuple[str, ...]
    violations: tuple[str, ...]
    told_usd: float
    given_usd: float
    seconds: dict[str, float]
    wall_s: float
    holding_key: tuple[str, ...]
    searched: int
    rows: list[ScoreRow]


@dataclass
class _Tally:
    """What is summed over the commands."""

    statuses: list[int] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)
    told_usd: float = 0.0
    by_hand_usd: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)


def run_scenario(
    folder: Path, name: str, glb: bytes, settings: Sequence[str], *, refused: bool = True
) -> Outcome:
    """Make and score an object while the server fails in every way.

    Args:
        folder: an empty one.
        name: of the object.
        glb: the true object, one named node per part.
        settings: of the ``openai`` profile, as ``--set`` takes them.
        refused: begin with a plan that is refused, which takes one command more.
    """
    (folder / "data").mkdir()
    (folder / "data" / f"{name}.glb").write_bytes(glb)
    known, tally = KnownScene(glb), _Tally()
    started = time.perf_counter()
    with ModelServer(api_key=PLANTED) as server:
        server.answer("/responses", known.plan)
        server.answer("/images/edits", known.edit)
        if refused:
            _script(server, "/responses", [_refused()], tally)
            _run(folder, name, server, settings, tally)
        _script(server, "/responses", _failing_plans(), tally)
        _script(server, "/images/edits", _failing_edits(), tally)
        known.spoil("blank", "opaque", "half size")  # the first is drawn again
        _run(folder, name, server, settings, tally)
        _run(folder, name, server, settings, tally)
        calls = {path: len(server.calls(path)) for path in ("/responses", "/images/edits")}
        violations = tuple(server.violations)
    wall_s = time.perf_counter() - started
    holding, searched = search_for_key(folder)
    return Outcome(
        statuses=tuple(tally.statuses),
        told=b"\n".join(tally.told).decode(),
        requests=calls,
        survived=(*tally.survived, *(f"{each} picture" for each in known.spoilt)),
        violations=violations,
        told_usd=tally.told_usd,
        given_usd=known.given_usd + tally.by_hand_usd,
        seconds=tally.seconds,
        wall_s=wall_s,
        holding_key=holding,
        searched=searched,
        rows=read_rows(folder / "report"),
    )


def _refused() -> Scripted:
    usage = {"input_tokens": PLAN_TOKENS[0], "output_tokens": PLAN_TOKENS[1]}
    return "refusal", Reply(200, refusal(**usage))


def _failing_plans() -> list[Scripted]:
    usage = {"input_tokens": PLAN_TOKENS[0], "output_tokens": PLAN_TOKENS[1]}
    echo = f"Something failed. Authorization: Bearer {PLANTED}"
    body = {"error": {"message": echo, "type": "server_error", "param": None, "code": None}}
    return [
        ("429 with retry-after", rate_limited(0.05)),
        ("500 that repeats the key", Reply(500, body)),
        ("incomplete", Reply(200, incomplete(**usage))),
    ]


def _failing_edits() -> list[Scripted]:
    return [
        ("500", server_error()),
        ("dropped connection", dropped()),
        ("429 without a time", rate_limited(None)),
        ("no answer in time", slow(TIMEOUT_S + 1.0)),
        ("moderation", moderation_blocked()),
    ]


def _script(server: ModelServer, path: str, replies: Sequence[Scripted], tally: _Tally) -> None:
    server.fail(path, *[reply for _, reply in replies])
    tally.survived += [what for what, _ in replies]
    # An answer that cannot be used is paid for all the same.
    tally.by_hand_usd += OF_PLAN_USD * sum(reply.status == 200 for _, reply in replies
                                           if reply.body is not None)  # fmt: skip


def _run(
    folder: Path, name: str, server: ModelServer, settings: Sequence[str], tally: _Tally
) -> None:
    """One command, and what its manifest says."""
    there = {"base_url": server.base_url, "api_key_variable": KEY_VARIABLE,
             "timeout_s": TIMEOUT_S, "attempts": 6}  # fmt: skip
    hosted = [f"{stage}.{key}={value}" for stage in ("plan", "isolate")
              for key, value in there.items()]  # fmt: skip
    given = [word for each in (*hosted, *settings) for word in ("--set", each)]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("mmpart")), "evaluate", "data", "--generate",
         "--profile", "openai", "--output", "out", "--store", "store", "--report", "report",
         "--no-appearance", "--pool", "here", "--verbose", *given],
        env=_environment(folder), cwd=folder, capture_output=True, check=False,
        timeout=BROKEN_OFF_S,
    )  # fmt: skip
    tally.statuses.append(done.returncode)
    tally.told += [done.stdout, done.stderr]
    manifest = json.loads((folder / "out" / name / "manifest.json").read_text())
    runs = [*manifest["stages"], *(run for part in manifest["parts"] for run in part["stages"])]
    tally.told_usd += sum(run["cost_usd"] for run in runs)
    for run in runs:
        if not run["cached"]:
            seconds = tally.seconds.get(run["stage"], 0.0)
            tally.seconds[run["stage"]] = seconds + run["seconds"]


def _environment(folder: Path) -> Mapping[str, str]:
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")},
        KEY_VARIABLE: PLANTED,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "OPENAI_LOG": "debug",
        "DO_NOT_TRACK": "1",
    }


def search_for_key(folder: Path) -> tuple[tuple[str, ...], int]:
    """Files below a folder that hold the planted key, and how many were searched.

    Databases are searched as files and by their rows, which may be spread over pages.
    """
    files = [each for each in folder.rglob("*") if each.is_file()]
    holding = [str(each) for each in files if PLANTED.encode() in each.read_bytes()]
    for database in (each for each in files if each.suffix == ".db"):
        with sqlite3.connect(database) as opened:
            if PLANTED in "\n".join(opened.iterdump()):
                holding.append(f"{database} (its rows)")
    return tuple(holding), len(files)
