"""The command: what it refuses, and what it lists."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.profiles import find_config, profile_names
from mmpart_core.backends import STAGES

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
        (["IMAGE", "--part", "hat", "--profile", "nosuch"], "expected one of groundtruth, local,"),
        (["IMAGE", "--part", "hat", "--profile", "Local"], "did you mean 'local'?"),
        (["IMAGE", "--part", "hat", "--part", "hat"], "part 'hat': the name 'hat' is there twice"),
        (["IMAGE", "--part", "hat", "--output", ""], "--output '': a folder or address expected"),
        (["IMAGE", "--part", "hat", "--store", ""], "store '': a folder or address expected"),
        (["scene.glb", "--part", "hat"], "give a known scene with --truth scene.glb"),
        (["IMAGE", "--part", "hat", "--profile", "missing.yaml"], "cannot be read"),
        (["IMAGE", "--part", "hat", "--set", "reconstruct.depth=3"], "reconstruct.depth"),
        (["IMAGE", "--part", "hat", "--set", "reconstruct.depth=3"], "no such setting"),
        (
            ["IMAGE", "--part", "hat", "--set", "reconstruct.steps=many"],
            "reconstruct.steps: a whole number expected, got 'many'",
        ),
        (
            ["IMAGE", "--part", "hat", "--set", "reconstruct.steps=-1"],
            "0 to 50000 expected, got -1",
        ),
        (
            ["IMAGE", "--part", "hat", "--set", "reconstruct.preset=fast"],
            "'preview' or 'nerfacto' expected, got 'fast'",
        ),
        (["IMAGE", "--part", "hat", "--set", "paint.depth=3"], "no such setting"),
        (["IMAGE", "--part", "hat", "--name", "a/b"], "--name: name 'a/b' holds '/'"),
        (["IMAGE", "--part", "hat", "--output", "IMAGE/below"], "above it is a file"),
        (["IMAGE", "--part", "hat", "--store", "s", "--output", "s/out"], "in the store"),
        (["IMAGE", "--part", "hat", "--output", "."], "no result of MMPart (pair.png)"),
        (["IMAGE", "--part", "hat", "--set", "reconstruct.steps"], "<stage>.<setting>=<value>"),
        (["IMAGE", "--part", "hat", "--set", "mesh.kind=[1"], "--set mesh.kind, line 1: not valid"),
        (["IMAGE", "--part", "hat", "--set", "mesh.kind=clay"], "no back-end 'clay'"),
        (["IMAGE", "--part", "hat", "--camera", "tilt=3"], "azimuth=30,elevation=20,fov=30"),
        (
            ["IMAGE", "--part", "hat", "--camera", "elevation=200"],
            "'elevation=200': elevation: more than -90 and less than 90 expected, got 200\n",
        ),
        (["IMAGE", "--part", "hat", "--camera", "azimuth=inf"], "is not <name>=<degrees>"),
        (["IMAGE", "--part", "hat", "--camera", "fov=20,fov=30"], "fov is there twice"),
        (["IMAGE", "--part", "hat", "--camera", ""], "write azimuth=30"),
        (
            ["IMAGE", "--part", "hat", "--set", "reconstruct.steps="],
            "reconstruct.steps: a whole number expected, got nothing",
        ),
        (["IMAGE", "--part", "hat", "--set", "reconstruct.stepps=3"], "did you mean 'steps'?"),
        (["IMAGE", "--part", "hat", "--set", "steps=3"], "did you mean 'reconstruct.steps'?"),
        (["IMAGE", "--part", "hat", "--set", "recontruct.steps=3"], "'reconstruct.steps'?"),
        (["IMAGE", "--part", "hat", "--set", "worker=3"], "did you mean 'workers'?"),
        (["IMAGE", "--part", "hat", "--set", "input.side=9"], "input.side: no such setting"),
        (["IMAGE", "--part", "hat", "--set", "input.max_sid_px=9"], "mean 'max_side_px'?"),
        (["IMAGE", "--part", "hat", "--set", "workers=0"], "workers: 1 to 256 expected, got 0"),
        (["IMAGE", "--part", "hat", "--set", "mesh=3"], "'mesh': no such setting; expected"),
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
    arguments: list[str], message: str, image: Path, refused: Callable[..., str]
) -> None:
    given = (text.replace("IMAGE", str(image)) for text in arguments)
    assert message in refused("generate", *given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "x.png", "--seed", "abc"], "--seed 'abc': a whole number from 0 to"),
        (["generate", "x.png", "--seed", "-1"], "--seed '-1': a whole number from 0 to"),
        (["generate", "x.png", "--seed", str(2**32)], "a whole number from 0 to 4294967295"),
        (["generate", "x.png", "--paint"], "no such option: --paint"),
        (["generate", "x.png", "--part"], "--part"),
        (["generate", "x.png", "y.png"], "y.png"),
        (["batch", ".", "--limit", "x"], "'--limit': it must be a valid integer; see"),
        (["export", ".", "--format", "obj", "--size", "x"], "'--size': it must be a valid number;"),
        (["export", ".", "--format", "usdz", "--size", "0"], "it must be greater than or equal to"),
        (["generate", "-x.png", "--part", "hat"], "; the file is given as ./-x.png"),
        (["export", ".", "--format", "stl"], "'--format': 'stl' is not one of 'obj'"),
        (["generated"], "no such command 'generated'. Did you mean 'generate'? See '"),
    ],
)
def test_a_line_that_cannot_be_read_is_one_message_and_status_2(
    arguments: list[str], message: str, refused: Callable[..., str]
) -> None:
    Path("-x.png").touch()
    assert message in refused(*arguments)


def test_only_an_unknown_setting_brings_the_list_of_settings(image: Path, mmpart: Any) -> None:
    wrong = mmpart("generate", image, "--part", "hat", "--set", "reconstruct.steps=many")
    assert "settings of" not in wrong.stderr
    unknown = mmpart("generate", image, "--part", "hat", "--set", "reconstruct.nosuch=1")
    assert "(settings of reconstruct 'nerfstudio': " in unknown.stderr
    assert "window_px" not in unknown.stderr  # another stage's


def test_help_lists_shared_and_own_options(mmpart: Any) -> None:
    for command, own in (("generate", "--overwrite"), ("plan", "--output")):
        result = mmpart(command, "--help")
        assert result.exit_code == 0
        assert "--part" in result.stdout
        assert own in result.stdout
    assert mmpart("generate", "--help").stdout.count("--seed") == 1


@pytest.mark.parametrize("name", profile_names())
def test_profiles_are_complete(name: str) -> None:
    config = find_config(name)
    assert all(config.choice(stage).kind for stage in STAGES)


def test_profiles_lists_every_setting_once_in_80_columns(mmpart: Any) -> None:
    listed = mmpart("profiles").stdout
    lines = [line.rstrip() for line in listed.splitlines()]
    assert max(map(len, lines)) <= 80
    assert "--set stage.setting=value" in listed
    config = find_config("local")
    for stage in STAGES:
        choice = config.choice(stage)
        assert f"\n  {stage}: {choice.kind}. " in listed
        for name in choice.settings:
            assert any(line.startswith(f"    {name} = ") for line in lines), name
    assert listed.count("    max_faces = 10000 ") == 1
    assert listed.count("'preview' is") == 1
    assert "  mesh: flexicubes, as in local" in listed
    assert "Or mesh.kind=kaolin, marching_cubes." in " ".join(listed.split())
    assert "    workers = 2 " in listed


def test_one_profile_is_shown_with_what_it_changes(tmp_path: Path, mmpart: Any) -> None:
    source = Path(__file__).resolve().parents[2] / "deployments" / "profiles" / "local.yaml"
    own = tmp_path / "own.yaml"
    changed = "settings: {max_faces: 500}\n  kind: flexicubes"
    own.write_text(source.read_text().replace("kind: flexicubes", changed))
    listed = mmpart("profiles", own).stdout
    assert "max_faces = 500" in listed
    assert "Default: 10000." in listed
    assert "groundtruth" not in listed.partition("plan:")[0]


def test_a_profile_that_there_is_not_is_not_shown(refused: Callable[..., str]) -> None:
    said = refused("profiles", "nosuch")
    assert said.startswith("mmpart: profile 'nosuch': no such profile; expected one of ")
    meant = refused("profiles", "lokal")
    assert "no such profile; did you mean 'local'? expected one of " in meant


def test_the_version_is_printed(mmpart: Any) -> None:
    assert mmpart("version").stdout.strip().count(".") == 2
