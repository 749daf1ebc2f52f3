"""A plan is run as it was planned; what the command line changes is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.inputs import Inputs, Job, prepare_job
from flows.plan_output import check_replaceable, plan_path, write_plan
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.intake.plan_file import plan_text
from mmpart_core.stages import run_stage

ROOT = Path(__file__).resolve().parents[2]
LANTERN = ROOT / "examples" / "lantern" / "lantern.glb"
SETTINGS = ("reconstruct.preset=preview", "mesh.kind=marching_cubes", "input.max_side_px=80")


@pytest.fixture
def planned(image: Path, tmp_path: Path) -> tuple[Job, Path]:
    """A job with a profile, settings and a seed of its own, and its plan as a file."""
    job = prepare_job(
        Inputs(image=image, parts=["hat", "head"], settings=SETTINGS, seed=7,
               store=str(tmp_path / "store"))
    )  # fmt: skip
    plan = run_stage("plan", {"request": job.request}, job.config.plan, job.store, job.seed)
    path = tmp_path / "plan.json"
    path.write_text(plan_text(job.request, plan, job.run))
    return job, path


def again(planned: tuple[Job, Path], image: Path, **given: Any) -> Job:
    job, path = planned
    return prepare_job(Inputs(image=image, plan=path, store=job.store_url, **given))


def test_a_plan_is_run_with_its_profile_settings_and_seed(
    planned: tuple[Job, Path], image: Path
) -> None:
    job = again(planned, image)
    assert (job.request, job.config, job.run) == (planned[0].request, planned[0].config, job.run)
    assert (job.run.profile, job.run.settings, job.seed) == ("local", SETTINGS, 7)
    assert job.notes == ()
    same = again(planned, image, profile="local", settings=SETTINGS[:1], seed=7)
    assert (same.config, same.seed, same.notes) == (job.config, 7, ())


def test_that_the_elevation_is_known_may_be_said_after_planning(
    planned: tuple[Job, Path], image: Path
) -> None:
    assert not again(planned, image).request.view.elevation_known
    assert not again(planned, image, camera="azimuth=0").request.view.elevation_known
    said = again(planned, image, camera="elevation=20").request.view
    assert said == planned[0].request.view.model_copy(update={"elevation_known": True})


def test_what_is_given_beside_a_plan_takes_its_place_and_is_said(
    planned: tuple[Job, Path], image: Path
) -> None:
    job = again(planned, image, settings=["reconstruct.preset=cpu", "workers=1"], seed=0)
    assert job.config.choice("reconstruct").settings["preset"] == "cpu"
    assert job.config.choice("mesh").kind == "marching_cubes"
    assert (job.config.workers, job.seed) == (1, 0)
    assert job.notes == (
        "not as planned: --set reconstruct.preset=cpu (planned: preview), --set workers=1 "
        "(planned: as the profile has it), --seed 0 (planned: 7)",
    )


def test_another_back_end_comes_without_what_was_planned_for_the_first(
    image: Path, tmp_path: Path
) -> None:
    settings = ("reconstruct.steps=3", "mesh.max_faces=2400")
    first = prepare_job(
        Inputs(image=image, parts=["hat"], settings=settings, store=str(tmp_path / "store"))
    )
    plan = run_stage("plan", {"request": first.request}, first.config.plan, first.store, 0)
    (tmp_path / "plan.json").write_text(plan_text(first.request, plan, first.run))
    given = {"settings": ["mesh.kind=marching_cubes"]}
    job = again((first, tmp_path / "plan.json"), image, **given)
    assert job.run.settings == ("reconstruct.steps=3", "mesh.kind=marching_cubes")
    assert job.notes[0].endswith("without mesh.max_faces=2400")


def test_another_profile_keeps_the_planned_settings(
    planned: tuple[Job, Path], image: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"profile 'gone\.yaml'"):
        again(planned, image, profile="gone.yaml")
    source = ROOT / "deployments" / "profiles" / "local.yaml"
    own = tmp_path / "own.yaml"
    own.write_text(f"{source.read_text()}\nworkers: 3\n".replace("workers: 2\n", ""))
    job = again(planned, image, profile=str(own))
    assert (job.config.workers, job.config.choice("mesh").kind) == (3, "marching_cubes")
    assert job.notes == (f"not as planned: --profile {own} (planned: local)",)


def test_a_planned_setting_that_cannot_be_read_names_the_plan(
    planned: tuple[Job, Path], image: Path
) -> None:
    path = planned[1]
    path.write_text(path.read_text().replace("reconstruct.preset=preview", "preview"))
    with pytest.raises(ConfigError, match=r"^plan\.json, run\.settings 'preview': expected <stage"):
        again(planned, image)


UNREAD = (
    "the edited prompt of 'hat' will draw nothing else: isolate.kind 'regions' reads no prompts. "
    "Words are read by back-ends with an image-edit model; without one, give or change regions in "
    "the component list and plan again"
)


def edit_prompts(path: Path, *components: str) -> None:
    content = json.loads(path.read_text())
    for entry in content["prompts"]:
        if entry["component"] in components:
            entry["prompt"].append("Make it of wool.")
    path.write_text(json.dumps(content))


def test_edited_prompts_that_nothing_reads_are_said(planned: tuple[Job, Path], image: Path) -> None:
    edit_prompts(planned[1], "hat")
    assert again(planned, image).notes == (UNREAD,)
    reseeded = again(planned, image, seed=3).notes
    assert reseeded == ("not as planned: --seed 3 (planned: 7)", UNREAD)
    edit_prompts(planned[1], "head")
    assert again(planned, image).notes[0].startswith("the edited prompts of 'hat', 'head' will")


@pytest.mark.usefixtures("journal")
def test_edited_prompts_that_a_back_end_reads_need_no_note(
    planned: tuple[Job, Path], image: Path
) -> None:
    edit_prompts(planned[1], "hat")
    job = again(planned, image, settings=["isolate.kind=counting"])
    assert [note.partition(":")[0] for note in job.notes] == ["not as planned"]
    assert job.plan is not None
    assert "Make it of wool." in job.plan.prompts[0].prompt


def test_the_edited_prompts_of_a_known_scene_are_said(tmp_path: Path) -> None:
    given = Inputs(truth=LANTERN, parts=["frame"], store=str(tmp_path / "store"))
    job = prepare_job(given)
    plan = run_stage("plan", {"request": job.request}, job.config.plan, job.store, job.seed)
    path = tmp_path / "plan.json"
    path.write_text(plan_text(job.request, plan, job.run))
    planned = Inputs(truth=LANTERN, plan=path, store=given.store)
    assert prepare_job(planned).notes == ()
    edit_prompts(path, "frame")
    (note,) = prepare_job(planned).notes
    assert "'frame'" in note
    assert "isolate.kind 'groundtruth' reads no prompts" in note
    assert note.endswith("here the known scene says what is drawn")


def test_where_a_plan_is_written(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    assert plan_path("-", store) is None
    assert plan_path(str(tmp_path), store) == tmp_path / "plan.json"
    assert plan_path(f"{tmp_path}/new/", store) == tmp_path / "new" / "plan.json"
    assert plan_path(f"{tmp_path}/new/a.json", store) == tmp_path / "new" / "a.json"
    (tmp_path / "file").write_text("")
    (tmp_path / "full" / "plan.json").mkdir(parents=True)
    for output, message in (
        ("", "a file or folder of this machine expected"),
        ("s3://bucket/plan.json", "a file or folder of this machine expected"),
        (f"{store}/plan.json", "lies in the store"),
        (f"{tmp_path}/file/", "this is a file"),
        (f"{tmp_path}/file/plan.json", "this is a file"),
        (f"{tmp_path}/full", "'plan.json' in it is a folder"),
        ("/proc/plan.json", "nothing can be written"),
    ):
        with pytest.raises(ConfigError, match=message):
            plan_path(output, store)


def test_a_plan_replaces_only_itself(tmp_path: Path) -> None:
    path, text = tmp_path / "new" / "plan.json", '{"mmpart_plan": 2}\n'
    check_replaceable(path, None, overwrite=False)
    assert write_plan(path, text)
    assert not write_plan(path, text)
    check_replaceable(path, text, overwrite=False)
    for coming in (text.replace("2", "3"), None):
        with pytest.raises(ConfigError, match=r"another plan, or one that was edited.*--overwrite"):
            check_replaceable(path, coming, overwrite=False)
    path.write_text("notes")
    with pytest.raises(ConfigError, match="holds no plan"):
        check_replaceable(path, text, overwrite=False)
    check_replaceable(path, text, overwrite=True)
    assert write_plan(path, text)
    assert path.read_text() == text
    with pytest.raises(InputError, match="cannot be written"):
        write_plan(path / "below.json", text)
