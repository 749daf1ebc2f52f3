"""The command: whole runs with and without a Prefect server."""

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from flows.doctor import check_package
from mmpart_core.errors import MissingDependencyError

pytestmark = [pytest.mark.xdist_group("prefect")]
PACKAGES = Path(__file__).resolve().parents[1] / "packages"


@pytest.mark.usefixtures("prefect")
def test_whole_run_then_cached_then_incomplete(
    image: Path, counting_profile: Path, tmp_path: Path, journal: Any, mmpart: Any
) -> None:
    out = tmp_path / "out"
    common = ["--profile", counting_profile, "--store", tmp_path / "store", "--output", out]
    parts = ["--part", "hat", "--part", "man = bald"]
    first = mmpart("generate", image, *parts, *common)
    assert first.exit_code == 0, first.output
    assert "hat: isolate made in" in first.stderr
    assert str(out / "object.glb") in first.stdout
    assert (out / "object.glb").read_bytes()[:4] == b"glTF"
    assert json.loads((out / "manifest.json").read_text())
    second = mmpart("generate", image, *parts, *common)
    assert "hat: isolate cached" in second.stderr
    assert "made in" not in second.stderr
    assert "4 of 4" in second.stdout
    assert "silhouette IoU" in second.stdout
    assert "fit the image badly (silhouette IoU below 0.80): '" in second.stderr.splitlines()[-1]
    assert "complete: 2 parts; " in second.stdout
    table = second.stdout.partition(str(out))[0]
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 80
    silent = mmpart("generate", image, *parts, *common, "--quiet")
    assert (silent.exit_code, silent.stdout, silent.stderr) == (0, "", "")
    journal.break_down("isolate", "man")
    broken = mmpart("generate", image, *parts, *common, "--refresh", "isolate:man", "--quiet")
    assert broken.exit_code == 3
    assert broken.stderr.startswith("man: isolate failed: isolate of man: out of order")
    assert (out / "object.glb").is_file()
    assert not (out / "parts" / "man.glb").exists()
    log = (out / "mmpart.log").read_text()
    assert log.count("run begins: ") == 4
    assert "packages: mmpart " in log
    assert "isolate of hat: started" in log
    assert "isolate of hat: ended, made, " in log
    assert "isolate of hat: ended, cached, " in log
    assert "isolate of man: failed, BackendError: isolate of man: out of order" in log
    assert log.rstrip().splitlines()[-1].partition("mmpart ")[2].startswith("run ended after")
    assert str(tmp_path) not in "".join(line for line in log.splitlines() if " mmpart " in line)


def joined(text: str) -> str:
    """Text without the terminal's line breaks."""
    return " ".join(text.split())


@pytest.mark.usefixtures("prefect")
def test_plan_says_what_would_run_and_can_be_edited(
    image: Path, counting_profile: Path, tmp_path: Path, journal: Any, mmpart: Any
) -> None:
    common = ["--profile", counting_profile, "--store", tmp_path / "store"]
    plan_file = tmp_path / "plan.json"
    dry = mmpart("plan", image, "--part", "hat", "--part", "man = bald", "-o", plan_file, *common)
    assert dry.exit_code == 0, dry.output
    assert "plain man. bald" in dry.stdout
    assert "9 of 9 pieces of work to do" in dry.stdout
    assert "cost stated by their back-ends: $0.08; planning cost $0.01" in joined(dry.stdout)
    assert [call[0] for call in journal.taken()] == ["plan"]
    assert f"{plan_file}: written; run it with: mmpart generate" in dry.stdout
    assert plan_file.read_text().count("counting.yaml") == 1
    parts = ["--part", "hat", "--part", "man = bald"]
    unchanged = mmpart("plan", image, *parts, "-o", plan_file, *common)
    assert f"{plan_file}: unchanged" in unchanged.stdout
    other = mmpart("plan", image, *parts, "--seed", "4", "-o", plan_file, *common)
    assert other.exit_code == 2
    assert "holds another plan, or one that was edited" in other.stderr
    assert "Starting" not in other.stderr
    printed = mmpart("plan", image, *parts, "-o", "-", *common)
    assert json.loads(printed.stdout) == json.loads(plan_file.read_text())
    assert "plain man. bald" in printed.stderr
    edited = plan_file.read_text().replace("plain hat", "woollen hat")
    plan_file.write_text(edited)
    refused = mmpart("plan", image, *parts, "-o", plan_file, *common)
    assert refused.exit_code == 2
    assert plan_file.read_text() == edited
    made = mmpart("generate", image, "--plan", plan_file, "-o", tmp_path / "out", *common[2:])
    assert made.exit_code == 0, made.output
    assert "not as planned" not in made.stderr
    assert "edited prompt" not in made.stderr
    reseeded = ["--plan", plan_file, "--seed", "9", "-o", tmp_path / "out", *common[2:]]
    assert (
        "note: not as planned: --seed 9 (planned: 0)" in mmpart("generate", image, *reseeded).stderr
    )
    assert "seed 9" in (tmp_path / "out" / "mmpart.log").read_text().rpartition("run begins")[2]
    assert ("plan", "pair") not in journal.taken()
    manifest = (tmp_path / "out" / "manifest.json").read_text()
    assert "woollen hat" in manifest
    offline = ["--plan", plan_file, "--set", "isolate.kind=regions", "-o", tmp_path / "regions"]
    unread = mmpart("generate", image, *offline, *common[2:])
    assert unread.exit_code == 0, unread.output
    assert "note: the edited prompt of 'hat' will draw nothing else" in unread.stderr
    assert "woollen hat" in (tmp_path / "regions" / "manifest.json").read_text()
    again = mmpart("plan", image, "--part", "hat", "--part", "man = bald", *common)
    assert "5 of 9 pieces of work to do" in again.stdout
    assert "cost stated by their back-ends: $0.04; planning was cached" in joined(again.stdout)


@pytest.mark.usefixtures("prefect")
def test_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmpart: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret-value")
    result = mmpart("doctor", "--store", tmp_path / "store")
    assert result.exit_code == 0, result.output
    assert "The local profile can run here." in result.stdout
    assert "a-secret-value" not in result.output
    shown = {line.split()[1] for line in result.stdout.splitlines() if line.startswith("works ")}
    assert {"pandas", "openai", "diffusers", "transformers", "scipy", "prefect", "torch"} <= shown
    assert "pytest" not in shown  # only developers need it
    (tmp_path / "file").write_text("in the way")
    broken = mmpart("doctor", "--store", tmp_path / "file")
    assert broken.exit_code == 1
    assert "cannot run here: store" in broken.stdout


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        ("no-such-package", "not installed"),
        ("numpy<1", f"{version('numpy')}, <1 expected"),
    ],
)
def test_the_doctor_sees_packages_that_will_not_do(wanted: str, fault: str) -> None:
    check = check_package(Requirement(wanted))
    assert (check.status, check.found, check.needed) == ("broken", fault, True)
    assert check.advice


@pytest.mark.usefixtures("prefect")
def test_a_backend_that_cannot_be_used_ends_a_run_that_has_begun_with_1(
    image: Path, counting_profile: Path, tmp_path: Path, journal: Any, mmpart: Any
) -> None:
    journal.break_down("isolate", "hat", MissingDependencyError)
    common = ["--part", "hat", "--profile", counting_profile, "--store", tmp_path / "store"]
    result = mmpart("generate", image, *common, "--output", tmp_path / "out")
    assert result.exit_code == 1, result.output
    assert result.stderr.rstrip().endswith("mmpart: isolate of hat: out of order")
    assert "broke off" in (tmp_path / "out" / "mmpart.log").read_text()
    journal.reset()
    again = mmpart("generate", image, *common, "--output", tmp_path / "out")
    assert again.exit_code == 0, again.output
    assert "plan cached" in again.stderr  # what was finished before is kept


@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("", "nothing stands out"),
        (
            ", region: {box: [0, 0, 0.1, 0.1]}",
            "the box region of 'sky' holds nothing of the object",
        ),
    ],
    ids=["no object", "region beside it"],
)
@pytest.mark.parametrize("command", ["plan", "generate"])
def test_an_image_without_what_is_asked_for_is_status_2(
    command: str, region: str, message: str, tmp_path: Path, mmpart: Any
) -> None:
    picture = np.full((96, 128, 3), 230, dtype=np.uint8)
    if region:
        picture[30:80, 40:100] = (180, 40, 30)
    Image.fromarray(picture).save(tmp_path / "plain.png")
    entries = ["{name: ball}", f"{{name: sky{region}}}"]
    (tmp_path / "list.yaml").write_text("".join(f"- {entry}\n" for entry in entries))
    target = tmp_path / ("plan.json" if command == "plan" else "out")
    result = mmpart(
        *(command, tmp_path / "plain.png", "--components", tmp_path / "list.yaml"),
        *("--store", tmp_path / "store", "--output", target),
    )
    assert result.exit_code == 2, result.output
    assert message in result.stderr.splitlines()[-1]
    assert result.stdout == ""
    assert not (target / "manifest.json").exists()
    assert not target.is_file()


def test_unreachable_server_is_status_2(
    image: Path, counting_profile: Path, tmp_path: Path, journal: Any
) -> None:
    result = run_mmpart(
        ["generate", image, "--part", "hat", "--profile", counting_profile],
        tmp_path,
        PREFECT_API_URL="http://127.0.0.1:9/api",
    )
    assert result.returncode == 2
    assert "Prefect server http://127.0.0.1:9/api: cannot be reached" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_run_without_a_server(
    image: Path, counting_profile: Path, tmp_path: Path, journal: Any
) -> None:
    arguments = ["generate", image, "--part", "hat", "--profile", counting_profile]
    result = run_mmpart(arguments, tmp_path, PREFECT_HOME=str(tmp_path / "prefect"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "object.glb").is_file()
    assert len(list((tmp_path / ".mmpart").glob("records/*/*.json"))) == 6
    assert "INFO" not in result.stderr
    assert "Finished in state" in (tmp_path / "out" / "mmpart.log").read_text()


def test_ctrl_c_keeps_what_is_finished(
    image: Path, counting_profile: Path, tmp_path: Path, journal: Any, prefect: str
) -> None:
    arguments = ["generate", image, "--part", "hat", "--profile", counting_profile]
    seen = ""
    environment = {"PREFECT_API_URL": prefect, "MMPART_COUNTING_SLEEP": "multiview:3"}
    with start_mmpart(arguments, tmp_path, **environment) as process:
        assert process.stderr is not None
        for line in process.stderr:
            seen += line
            if "counting: multiview goes on" in line:
                process.send_signal(signal.SIGINT)
                break
        seen += process.stderr.read()
        assert process.wait(timeout=60) == 130, seen
    assert "What was finished is kept" in seen
    assert "Traceback" not in seen
    records = sorted(path.parent.name for path in (tmp_path / ".mmpart").glob("records/*/*.json"))
    assert {"isolate", "plan"} <= set(records)
    assert "mesh" not in records


def start_mmpart(arguments: list[Any], folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start the command in a process of its own, where the counting package is installed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(PACKAGES), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_mmpart(
    arguments: list[Any], folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    process = start_mmpart(arguments, folder, **environment)
    stdout, stderr = process.communicate(timeout=280)
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)
