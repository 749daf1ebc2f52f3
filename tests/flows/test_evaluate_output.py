"""Where the measuring commands may write, what they publish, and options that have no effect."""

import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.objects import GroundTruthObject
from flows.attribution_rungs import build_rungs
from flows.evaluate_dataset import pair_loader
from flows.evaluation_facts import command_line, report_command
from flows.evaluation_job import EvaluationJob, Generation, Round
from flows.evaluation_output import check_outputs
from flows.log_file import LOG_FILE, open_log
from flows.profiles import find_config
from flows.truth_requests import request_of_object
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.records import InputView
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.memory_store import MemoryStore
from tests.flows.conftest import OBJECTS, box, write_glb

pytestmark = [pytest.mark.xdist_group("prefect")]

KEY = "plantedbyatest42"
COMMON = ["--no-appearance", "--protocol", "sam3dpart", "--store", "store", "--quiet"]


@pytest.fixture
def here(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a data set of two objects in ``data``."""
    monkeypatch.chdir(dataset.parent)
    return dataset.parent


@pytest.fixture
def evaluated(mmpart: Any, counting_profile: Path) -> Callable[..., Any]:
    """Runs ``mmpart evaluate data --generate`` with the counting back-ends."""
    return lambda *more: mmpart(
        "evaluate", "data", "--generate", "--profile", counting_profile, "--size-px", 96,
        *COMMON, *more,
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.usefixtures("prefect")
def test_a_result_of_the_same_name_is_not_lost_and_a_second_run_goes_on(
    here: Path, evaluated: Any, mmpart: Any, counting_profile: Path, journal: Any
) -> None:
    pixels = np.zeros((96, 96, 4), dtype=np.uint8)
    pixels[20:70, 20:70] = [200, 40, 40, 255]
    (here / "lamp.png").write_bytes(encode_png(pixels))
    common = ["--profile", counting_profile, "--store", "store", "--quiet"]
    made = mmpart("generate", "lamp.png", "--part", "shade", *common, "-o", "out/lamp")
    assert made.exit_code == 0, made.output
    before = {path: path.read_bytes() for path in (here / "out").rglob("*") if path.is_file()}
    journal.taken()
    refused = evaluated("-o", "out")
    assert refused.exit_code == 2
    assert "--output 'out/lamp': holds another object ('lamp' from another" in refused.stderr
    assert "such as 'out-2'" in refused.stderr
    assert (journal.taken(), (here / "report").exists()) == ([], False)
    first = evaluated()
    assert first.exit_code == 0, first.output
    assert sorted(path.name for path in (here / "out" / "data").iterdir()) == ["lamp", "post"]
    assert all(path.read_bytes() == content for path, content in before.items())
    journal.taken()
    second = evaluated()
    assert (second.exit_code, journal.taken()) == (0, []), second.output
    other = evaluated("--camera", "azimuth=60,elevation=20")
    assert other.exit_code == 2
    assert "from another image" in other.stderr
    replaced = evaluated("-o", "out", "--overwrite")
    assert replaced.exit_code == 0, replaced.output
    parts = json.loads((here / "out" / "lamp" / "manifest.json").read_text())["parts"]
    assert [part["component"] for part in parts] == ["base", "shade"]


@pytest.mark.long
@pytest.mark.usefixtures("prefect", "journal")
def test_a_key_among_the_settings_is_published_nowhere(
    here: Path, evaluated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["--set", f"isolate.api_key={KEY}", "--set", "reconstruct.radius=0.4"]
    monkeypatch.setattr("sys.argv", ["mmpart", "evaluate", str(here / "data"), *more])
    result = evaluated(*more)
    assert result.exit_code == 0, result.output
    files = [path for name in ("report", "out") for path in (here / name).rglob("*")]
    texts = {path: path.read_bytes() for path in files if path.is_file()}
    assert [path for path, content in texts.items() if KEY.encode() in content] == []
    run = texts[Path(here / "report" / "run.json")].decode()
    assert str(here) not in run
    made = json.loads(run)["job"]["rounds"][0]["generation"]["config"]
    assert made["isolate"] == {
        "backend": made["isolate"]["backend"],
        "settings": {"price_usd": 0.04},
    }
    assert made["reconstruct"]["settings"] == {"radius": 0.4}
    page = texts[Path(here / "report" / "index.html")].decode()
    assert "<code>mmpart evaluate '…/data' --set reconstruct.radius=0.4</code>" in html.unescape(
        page
    )


def test_a_command_as_it_is_published(
    job_of: Callable[..., EvaluationJob], journal: Any, counting_profile: Path, tmp_path: Path
) -> None:
    made = Generation(config=find_config(str(counting_profile)))
    job = job_of(Round(predictions="out", generation=made))
    arguments = [
        "evaluate", str(tmp_path / "data"), "--set", f"isolate.api_key={KEY}",
        f"--set=isolate.api_key={KEY}", "--set", "isolate.price_usd=2", "--name", "isolate.api_key",
        "--scheduler", f"tcp://user:{KEY}@host:1",
    ]  # fmt: skip
    assert command_line(arguments, job) == (
        "mmpart evaluate '…/data' --set isolate.price_usd=2 --name isolate.api_key "
        "--scheduler tcp://host:1"
    )
    assert report_command.get() == ""
    assert "command" not in EvaluationJob.model_fields


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "made", "--profile", "groundtruth"], "--profile: is for predictions that"),
        (["-p", "made", "--profile", "local"], "--profile: is for predictions that"),
        (["--generate", "--frame", "truth"], "--frame: is for predictions that are there"),
        (["-p", "made", "--up", "z"], "--up z: has no effect, all predictions in 'made' are GLB"),
        (["-p", "own", "--frame", "unit_box"], "--frame: has no effect, all predictions in 'own'"),
        (["-p", "made", "--pool", "here", "--workers", "4"], "--workers 4: has no use with --pool"),
        (["-p", "made", "--scheduler", "tcp://a:1", "--workers", "4"], "has workers of its own"),
        (["-p", "made", "--set", "mesh.kind=kaolin"], "--set: is for"),
        (["-p", "made", "--camera", "azimuth=0"], "--camera: is for"),
        (["-p", "made", "-o", "out"], "--output: is for"),
        (["-p", "made", "--seed", "3"], "--seed: is for"),
        (["-p", "made", "--size-px", "96"], "--size-px: is for"),
        (["--generate", "--up", "z"], "--up: is for predictions that are there"),
        (["-p", "made", "--pool", "here", "--scheduler", "tcp://a:1"], "--pool here"),
        (["-p", "made", "--pool", "processes", "--scheduler", "tcp://a:1"], "--pool processes"),
        (["-p", "made", "--report", "store/report"], "--report 'store/report': is or lies in"),
        (["-p", "made", "--report", "made"], "--report 'made': holds files that are no result"),
        (["-p", "made", "--report", "/proc/report"], "--report '/proc/report': nothing can be"),
        (["--generate", "-o", "store/out"], "--output 'store/out/lamp': is or lies in the store"),
        (["--generate", "-o", "made/lamp.glb"], "'lamp.glb' above it is a file"),
    ],
)
def test_what_has_no_effect_and_what_cannot_be_written_is_refused(
    arguments: list[str], message: str, here: Path, refused: Callable[..., str]
) -> None:
    write_glb(here / "made" / "lamp.glb", OBJECTS["lamp"])
    (here / "store").mkdir()
    (here / "own" / "lamp").mkdir(parents=True)
    (here / "own" / "lamp" / "manifest.json").write_text("{}")
    assert message in refused("evaluate", "data", "--store", "store", *arguments)


def test_foreign_files_on_a_rung_are_refused(
    job_of: Callable[..., EvaluationJob], tmp_path: Path
) -> None:
    base = Generation(config=find_config("local"), keep_truth=True, size_px=96)
    job = job_of(*build_rungs(base, ["isolate"], tmp_path / "out"))
    check_outputs(job, tmp_path / "out", overwrite=False)
    (tmp_path / "out" / "1-isolate" / "post").mkdir(parents=True)
    (tmp_path / "out" / "1-isolate" / "post" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"1-isolate/post': holds files .*notes\.txt"):
        check_outputs(job, tmp_path / "out", overwrite=False)
    check_outputs(job, tmp_path / "out", overwrite=True)
    # nothing will be written for an object that cannot be read
    (tmp_path / "data" / "post.glb").write_bytes(b"broken")
    check_outputs(job, tmp_path / "out", overwrite=False)


def test_an_object_that_was_not_made_is_not_shown_by_an_earlier_runs_result(
    job_of: Callable[..., EvaluationJob], tmp_path: Path
) -> None:
    for name, parts in OBJECTS.items():
        write_glb(tmp_path / "out" / f"{name}.glb", parts)
    chosen = Round(predictions=str(tmp_path / "out"))
    load = pair_loader(job_of(chosen), chosen, {"post": "not made"})
    lamp, post = load("data", "lamp")[1], load("data", "post")[1]
    assert lamp is not None
    assert post is not None
    assert (set(lamp.parts), set(post.parts)) == ({"base", "shade"}, set())
    assert set(post.failures.values()) == {"not made"}


def test_messages_on_true_objects_name_the_object() -> None:
    cube = box((0, 0, 0), (1, 1, 1))
    for parts, message in (
        ({f"part {index}": cube for index in range(65)}, "object 'tower': 65 usable parts"),
        ({"x" * 121: cube}, r"object 'tower': the part name 'xx.* has 121 characters"),
    ):
        with pytest.raises(InputError, match=message) as raised:
            request_of_object(
                GroundTruthObject("tower", parts), InputView(), "none", MemoryStore(),
                size_px=64, keep_truth=False,
            )  # fmt: skip
        assert "scene.glb" not in str(raised.value)
        assert "--only" in str(raised.value)


def test_a_log_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / LOG_FILE).mkdir()
    with pytest.raises(ConfigError, match=r"mmpart\.log': cannot be written \(Is a directory\)"):
        open_log(tmp_path, "%(message)s")
