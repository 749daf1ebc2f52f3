"""What a user gives, checked before anything starts."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from flows.inputs import Inputs, object_name, parse_camera, prepare_job
from flows.profiles import parse_setting
from mmpart_core.errors import ConfigError, InputError, MissingDependencyError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.intake.plan_file import plan_text
from mmpart_core.reconstruct.backends import nerfstudio
from mmpart_core.records import TRUTH_VIEW, InputView
from mmpart_core.stages import run_stage
from mmpart_core.storage.glb import GlbNode, encode_glb


def test_text_that_is_no_plan(image: Path, tmp_path: Path) -> None:
    for content in ("{}", "[]", "not JSON", '{"records": {"prompts": [3]}, "object": "x"}'):
        (tmp_path / "plan.json").write_text(content)
        with pytest.raises(InputError, match=r"plan\.json.*(plan file|not valid JSON|altered)"):
            prepare_job(
                Inputs(image=image, plan=tmp_path / "plan.json", store=str(tmp_path / "store"))
            )


def test_a_plan_whose_records_were_edited_is_no_plan(image: Path, tmp_path: Path) -> None:
    store, path = str(tmp_path / "store"), tmp_path / "plan.json"
    job = prepare_job(Inputs(image=image, parts=["hat", "head"], store=store))
    plan = run_stage("plan", {"request": job.request}, job.config.plan, job.store, 0)
    path.write_text(plan_text(job.request, plan, job.run))
    assert prepare_job(Inputs(image=image, plan=path, store=store)).plan == plan
    content = json.loads(path.read_text())
    content["records"]["prompts"][0]["index"] = 7
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="edit only prompts"):
        prepare_job(Inputs(image=image, plan=path, store=store))


@pytest.mark.skipif(importlib.util.find_spec("kaolin") is not None, reason="kaolin is installed")
def test_a_missing_package_is_named_before_any_work(image: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(MissingDependencyError, match=r"mesh.kind 'kaolin'.*NVIDIA's index"):
        prepare_job(
            Inputs(image=image, parts=["hat"], settings=["mesh.kind=kaolin"], store=str(store))
        )
    assert not store.exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("reconstruct.device=cuda", "reconstruct.device 'cuda': expected a device of this machine"),
        ("mesh.device=cuda:99", "mesh.device 'cuda:99': expected a device of this machine"),
        ("mesh.device=abacus", "mesh.device 'abacus': expected a device of this machine"),
    ],
)
def test_a_missing_device_is_named_before_any_work(
    setting: str, message: str, image: Path, tmp_path: Path
) -> None:
    if setting == "reconstruct.device=cuda" and torch.cuda.is_available():
        pytest.skip("says what happens without CUDA")
    store = tmp_path / "store"
    with pytest.raises(ConfigError, match=message):
        prepare_job(Inputs(image=image, parts=["hat"], settings=[setting], store=str(store)))
    assert not store.exists()


def test_a_missing_package_of_any_backend_is_named_before_any_work(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nerfstudio, "REQUIRES", ("torch", "nerfstudio_of_tomorrow"))
    store = tmp_path / "store"
    with pytest.raises(MissingDependencyError, match=r"needs nerfstudio_of_tomorrow.*make setup"):
        prepare_job(Inputs(image=image, parts=["hat"], store=str(store)))
    assert not store.exists()


def test_settings_are_yaml() -> None:
    assert parse_setting("a.b=true") == ("a.b", True)
    assert parse_setting("a.b=[1, 2]") == ("a.b", [1, 2])
    assert parse_setting("a.b=x=y") == ("a.b", "x=y")


@pytest.mark.parametrize("text", ["a.b=" + "{" * 5000, "a.b=&a [" + "*a, " * 3000, "x" * 5000])
def test_settings_that_cannot_be_read_are_named_in_a_short_message(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--set ('xxx|a\.b)") as caught:
        parse_setting(text)
    assert len(str(caught.value)) < 300


def test_settings_that_multiply_themselves_are_refused() -> None:
    doubled = ", ".join(f"&a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))
    with pytest.raises(ConfigError, match=r"^--set a\.b: .*more than 1,000,000 values"):
        parse_setting(f"a.b=[&a0 [0, 0], {doubled}]")


def test_camera_has_defaults() -> None:
    assert parse_camera(None, InputView()) == InputView()
    view = parse_camera(" azimuth = 40, fov=45", InputView())
    assert (view.azimuth_deg, view.elevation_deg, view.fov_deg) == (40.0, 20.0, 45.0)
    assert not view.elevation_known
    assert parse_camera("elevation=20", InputView()).elevation_known
    assert parse_camera(None, TRUTH_VIEW).elevation_known
    with pytest.raises(ConfigError, match="azimuth=30"):
        parse_camera("azimuth=fast", TRUTH_VIEW)


@pytest.mark.parametrize(
    ("camera", "of_scene", "of_photograph"),
    [
        (None, (30.0, 20.0), (0.0, 20.0)),
        ("elevation=0", (30.0, 0.0), (0.0, 0.0)),
        ("azimuth=0", (0.0, 20.0), (0.0, 20.0)),
    ],
)
def test_a_known_scene_is_seen_from_beside_its_front(
    camera: str | None,
    of_scene: tuple[float, float],
    of_photograph: tuple[float, float],
    image: Path,
    scene: Path,
    tmp_path: Path,
) -> None:
    store = str(tmp_path / "store")
    drawn = prepare_job(Inputs(truth=scene, camera=camera, store=store)).request.view
    taken = prepare_job(Inputs(image=image, parts=["hat"], camera=camera, store=store)).request.view
    assert (drawn.azimuth_deg, drawn.elevation_deg) == of_scene
    assert (taken.azimuth_deg, taken.elevation_deg) == of_photograph


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


def test_the_object_is_named_after_the_file_or_its_folder() -> None:
    assert object_name(Inputs(image=Path("/pictures/lamp/red-lamp.jpg"))) == "red-lamp"
    assert object_name(Inputs(image=Path("/pictures/lamp/Image.png"))) == "lamp"
    assert object_name(Inputs(truth=Path("/pictures/lamp/scene.glb"))) == "lamp"
    assert object_name(Inputs(image=Path("/image.png"))) == "image"
    assert object_name(Inputs(image=Path("/pictures/lamp/image.png"), name="desk lamp")) == (
        "desk lamp"
    )
    for bad in ("a/b", "a\\b", " ", "x" * 121):
        with pytest.raises(InputError, match=r"^--name"):
            object_name(Inputs(image=Path("x.png"), name=bad))


def test_a_plan_keeps_its_view(image: Path, tmp_path: Path) -> None:
    store, path = str(tmp_path / "store"), tmp_path / "plan.json"
    job = prepare_job(Inputs(image=image, parts=["hat"], camera="elevation=5", store=store))
    plan = run_stage("plan", {"request": job.request}, job.config.plan, job.store, 0)
    path.write_text(plan_text(job.request, plan, job.run))
    again = prepare_job(Inputs(image=image, plan=path, store=store))
    assert again.request == job.request
    same = prepare_job(Inputs(image=image, plan=path, camera="elevation=5", store=store))
    assert same.request == job.request
    with pytest.raises(InputError, match=r"--camera.*made for azimuth=0,elevation=5,fov=30"):
        prepare_job(Inputs(image=image, plan=path, camera="elevation=6", store=store))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A known scene of two nodes, base and ball."""
    path = tmp_path / "pair.glb"
    meshes = [trimesh.creation.box((1.0, 1.0, 0.5)), trimesh.creation.icosphere(1, 0.4)]
    meshes[1].apply_translation((0.0, 0.0, 0.6))
    path.write_bytes(
        encode_glb(
            [
                GlbNode(name, TriangleMesh(np.array(mesh.vertices), np.array(mesh.faces, np.int64)))
                for name, mesh in zip(("base", "ball"), meshes, strict=True)
            ]
        )
    )
    return path


def test_a_known_scene_can_be_planned_and_the_plan_run(scene: Path, tmp_path: Path) -> None:
    store, path = str(tmp_path / "store"), tmp_path / "plan.json"
    job = prepare_job(Inputs(truth=scene, parts=["ball = smooth"], store=store))
    assert job.request.view == TRUTH_VIEW
    assert [(each.name, each.hidden) for each in job.request.components] == [("ball", "smooth")]
    plan = run_stage("plan", {"request": job.request}, job.config.plan, job.store, 0)
    assert "smooth" in plan.prompts[0].prompt  # the user's words are in the prompt too
    path.write_text(plan_text(job.request, plan, job.run))
    again = prepare_job(Inputs(truth=scene, plan=path, store=store))
    assert (again.request, again.plan) == (job.request, plan)
    same = prepare_job(Inputs(truth=scene, plan=path, camera="elevation=20", store=store))
    assert same.request == job.request
    with pytest.raises(InputError, match=r"--camera.*made for azimuth=30,elevation=20,fov=30"):
        prepare_job(Inputs(truth=scene, plan=path, camera="azimuth=0", store=store))
    with pytest.raises(InputError, match="the plan says which parts"):
        prepare_job(Inputs(truth=scene, plan=path, parts=["ball"], store=store))
