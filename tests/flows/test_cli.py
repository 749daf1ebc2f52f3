"""The command: exit status and messages; a whole run with and without a Prefect server."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app
from flows.inputs import (
    Inputs,
    find_config,
    parse_camera,
    parse_setting,
    prepare_job,
    profile_names,
)
from mmpart_core.backends import STAGES
from mmpart_core.errors import ConfigError, InputError, MissingDependencyError
from mmpart_core.intake.plan_file import write_plan
from mmpart_core.stages import run_stage

pytestmark = [pytest.mark.xdist_group("prefect")]
PACKAGES = Path(__file__).resolve().parents[1] / "packages"


@pytest.fixture
def counting_profile(tmp_path: Path) -> Path:
    """A profile file that names the counting back-ends."""
    path = tmp_path / "counting.yaml"
    path.write_text(yaml.safe_dump({stage: {"kind": "counting"} for stage in STAGES}))
    return path


@pytest.fixture
def image(tmp_path: Path, picture: bytes) -> Path:
    """An image file."""
    path = tmp_path / "pair.png"
    path.write_bytes(picture)
    return path


def mmpart(*arguments: Any) -> Any:
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


ADDRESS = "s3://me:pass@bucket/x"  # pragma: allowlist secret


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.png", "--part", "hat"], "image 'missing.png': no such file"),
        (["IMAGE"], "no components; name each part"),
        ([], "no image; give one"),
        (["IMAGE", "--part", "hat", "--part", "Hat"], "Hat"),
        (["IMAGE", "--part", " = bald"], "part"),
        (["IMAGE", "--components", "missing.yaml"], "missing.yaml"),
        (["IMAGE", "--part", "hat", "--profile", "nosuch"], "expected one of groundtruth, local"),
        (["IMAGE", "--part", "hat", "--profile", "missing.yaml"], "cannot be read"),
        (["IMAGE", "--part", "hat", "--set", "reconstruct.depth=3"], "reconstruct.depth"),
        (["IMAGE", "--part", "hat", "--set", "paint.depth=3"], "no such setting"),
        (["IMAGE", "--part", "hat", "--set", "reconstruct.steps"], "<stage>.<setting>=<value>"),
        (["IMAGE", "--part", "hat", "--set", "reconstruct.steps=[1"], "not a YAML value"),
        (["IMAGE", "--part", "hat", "--set", "mesh.kind=clay"], "no back-end 'clay'"),
        (["IMAGE", "--part", "hat", "--camera", "tilt=3"], "azimuth=30,elevation=20,fov=30"),
        (["IMAGE", "--part", "hat", "--camera", "elevation=90"], "less than 90"),
        (["IMAGE", "--part", "hat", "--refresh", "isolate:shoe"], "no part 'shoe'"),
        (["IMAGE", "--part", "hat", "--refresh", "paint"], "one of plan, isolate"),
        (["IMAGE", "--part", "hat", "--profile", "groundtruth"], "give one with --truth"),
        (["IMAGE", "--truth", "scene.glb"], "its own image"),
        (["--truth", "missing.glb"], "missing.glb"),
        (["IMAGE", "--plan", "missing.json"], "missing.json"),
        (["IMAGE", "--plan", "plan.json", "--part", "hat"], "the plan says which parts"),
        (["IMAGE", "--part", "hat", "--output", "IMAGE"], "a folder expected"),
        (["IMAGE", "--part", "hat", "--store", "nosuch://x"], "nosuch://x"),
        (["IMAGE", "--part", "hat", "--store", "IMAGE/below"], "cannot write"),
        (["IMAGE", "--part", "hat", "--store", ADDRESS], "store 's3://bucket/x': its address"),
        (["IMAGE", "--part", "../hat"], "slashes"),
    ],
)
def test_unusable_input_is_one_message_and_status_2(
    arguments: list[str],
    message: str,
    image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = mmpart("generate", *(text.replace("IMAGE", str(image)) for text in arguments))
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stderr.startswith("mmpart: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_text_that_is_no_plan(image: Path, tmp_path: Path) -> None:
    for content in ("{}", "[]", "not JSON", '{"records": {"prompts": [3]}, "object": "x"}'):
        (tmp_path / "plan.json").write_text(content)
        with pytest.raises(InputError, match="not a plan"):
            prepare_job(
                Inputs(image=image, plan=tmp_path / "plan.json", store=str(tmp_path / "store"))
            )


def test_a_plan_whose_records_were_edited_is_no_plan(image: Path, tmp_path: Path) -> None:
    store, path = str(tmp_path / "store"), tmp_path / "plan.json"
    job = prepare_job(Inputs(image=image, parts=["hat", "head"], store=store))
    plan = run_stage("plan", {"request": job.request}, job.config.plan, job.store, 0)
    write_plan(path, job.request, plan)
    assert prepare_job(Inputs(image=image, plan=path, store=store)).plan == plan
    content = json.loads(path.read_text())
    content["records"]["prompts"][0]["index"] = 7
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="only its prompts may be edited"):
        prepare_job(Inputs(image=image, plan=path, store=store))


@pytest.mark.parametrize("option", [["--paint"], ["--seed", "-1"], ["--seed", str(2**32)]])
def test_options_that_cannot_be_read_are_status_2(option: list[str]) -> None:
    assert mmpart("generate", "photo.png", *option).exit_code == 2


@pytest.mark.skipif(importlib.util.find_spec("kaolin") is not None, reason="kaolin is installed")
def test_a_missing_package_is_named_before_any_work(image: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(MissingDependencyError, match=r"mesh.kind 'kaolin'.*NVIDIA's index"):
        prepare_job(
            Inputs(image=image, parts=["hat"], settings=["mesh.kind=kaolin"], store=str(store))
        )
    assert not store.exists()


def test_settings_are_yaml() -> None:
    assert parse_setting("a.b=true") == ("a.b", True)
    assert parse_setting("a.b=[1, 2]") == ("a.b", [1, 2])
    assert parse_setting("a.b=x=y") == ("a.b", "x=y")


def test_camera_has_defaults() -> None:
    assert parse_camera(None).fov_deg == 30.0
    view = parse_camera(" azimuth = 30, fov=45")
    assert (view.azimuth_deg, view.elevation_deg, view.fov_deg) == (30.0, 20.0, 45.0)
    with pytest.raises(ConfigError, match="azimuth=30"):
        parse_camera("azimuth=fast")


@pytest.mark.parametrize("name", profile_names())
def test_profiles_are_complete(name: str) -> None:
    config = find_config(name)
    assert all(config.choice(stage).kind for stage in STAGES)


def test_profiles_and_version_are_printed() -> None:
    assert "local: plan=template isolate=regions" in mmpart("profiles").stdout
    assert mmpart("version").stdout.strip().count(".") == 2


def test_store_comes_from_the_environment(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = Inputs(image=image, parts=["hat"])
    assert prepare_job(inputs).store_url == ".mmpart"
    monkeypatch.setenv("MMPART_STORE", str(tmp_path / "elsewhere"))
    job = prepare_job(inputs)
    assert job.store.has(job.request.image)
    assert (tmp_path / "elsewhere" / "blobs").is_dir()


@pytest.mark.usefixtures("prefect")
def test_whole_run_then_cached_then_incomplete(
    image: Path, counting_profile: Path, tmp_path: Path, journal: Any
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
    silent = mmpart("generate", image, *parts, *common, "--quiet")
    assert (silent.exit_code, silent.stdout, silent.stderr) == (0, "", "")
    journal.break_down("isolate", "man")
    broken = mmpart("generate", image, *parts, *common, "--refresh", "isolate:man", "--quiet")
    assert broken.exit_code == 3
    assert broken.stderr.startswith("man: isolate failed: isolate of man: out of order")
    assert (out / "object.glb").is_file()
    assert not (out / "parts" / "man.glb").exists()


def joined(text: str) -> str:
    """Text without the terminal's line breaks."""
    return " ".join(text.split())


@pytest.mark.usefixtures("prefect")
def test_plan_says_what_would_run_and_can_be_edited(
    image: Path, counting_profile: Path, tmp_path: Path, journal: Any
) -> None:
    common = ["--profile", counting_profile, "--store", tmp_path / "store"]
    plan_file = tmp_path / "plan.json"
    dry = mmpart("plan", image, "--part", "hat", "--part", "man = bald", "-o", plan_file, *common)
    assert dry.exit_code == 0, dry.output
    assert "plain man. bald" in dry.stdout
    assert "9 of 9 pieces of work to do" in dry.stdout
    assert "cost stated by their back-ends: $0.08; planning cost $0.01" in joined(dry.stdout)
    assert [call[0] for call in journal.taken()] == ["plan"]
    edited = plan_file.read_text().replace("plain hat", "woollen hat")
    plan_file.write_text(edited)
    made = mmpart("generate", image, "--plan", plan_file, "-o", tmp_path / "out", *common)
    assert made.exit_code == 0, made.output
    assert ("plan", "pair") not in journal.taken()
    manifest = (tmp_path / "out" / "manifest.json").read_text()
    assert "woollen hat" in manifest
    again = mmpart("plan", image, "--part", "hat", "--part", "man = bald", *common)
    assert "5 of 9 pieces of work to do" in again.stdout
    assert "cost stated by their back-ends: $0.04; planning was cached" in joined(again.stdout)


@pytest.mark.usefixtures("prefect")
def test_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret-value")
    result = mmpart("doctor", "--store", tmp_path / "store")
    assert result.exit_code == 0, result.output
    assert "The local profile can run here." in result.stdout
    assert "a-secret-value" not in result.output
    (tmp_path / "file").write_text("in the way")
    broken = mmpart("doctor", "--store", tmp_path / "file")
    assert broken.exit_code == 1
    assert "cannot run here: store" in broken.stdout


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
            if "hat: isolate made" in line:
                time.sleep(0.3)
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
