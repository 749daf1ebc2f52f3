"""The examples on disk are what the script makes, and are fit to be used."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from mmpart_core.geometry import truth_scene
from mmpart_core.images import foreground
from mmpart_core.intake.components import read_components

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NAMES = ("desk-lamp", "hat-on-head", "lantern", "mug-with-lid", "toy-robot")


def components(name: str, file: str = "components.yaml") -> list[dict]:
    return yaml.safe_load((EXAMPLES / name / file).read_text(encoding="utf-8"))["components"]


def make(out: Path, *names: str) -> None:
    chosen = [argument for name in names for argument in ("--only", name)]
    command = [sys.executable, "-m", "examples.make_examples", "--out", str(out), *chosen]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("remade")
    make(out, "desk-lamp", "mug-with-lid")
    return out


@pytest.mark.parametrize("name", ["desk-lamp", "mug-with-lid"])
def test_files_are_what_the_script_makes(remade: Path, name: str):
    for file in ("image.png", "components.yaml", "components-nohints.yaml"):
        assert (remade / name / file).read_bytes() == (EXAMPLES / name / file).read_bytes(), file


def test_known_scene_is_what_the_script_makes(tmp_path: Path):
    code = (
        "import sys, pathlib; from examples import make_examples, models; "
        "make_examples.write_known_scene(models.lantern(), pathlib.Path(sys.argv[1]))"
    )
    made = tmp_path / "lantern.glb"
    subprocess.run([sys.executable, "-c", code, str(made)], cwd=ROOT, check=True)
    assert made.read_bytes() == (EXAMPLES / "lantern" / "lantern.glb").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_small_and_show_the_object_whole(name: str):
    data = (EXAMPLES / name / "image.png").read_bytes()
    assert len(data) < 300_000
    rgba = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    assert rgba.shape == (768, 768, 4)
    mask = foreground.foreground_mask(rgba)
    assert 0.05 < mask.mean() < 0.7
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert not border.any()


@pytest.mark.parametrize("name", NAMES)
def test_lists_are_readable_and_differ_in_hints_only(name: str):
    hinted = read_components(EXAMPLES / name / "components.yaml")
    plain = read_components(EXAMPLES / name / "components-nohints.yaml")
    assert all(each.region is not None for each in hinted)
    assert all(each.region is None for each in plain)
    assert [(each.name, each.hidden, each.count) for each in hinted] == [
        (each.name, each.hidden, each.count) for each in plain
    ]


@pytest.mark.parametrize("name", NAMES)
def test_hinted_points_lie_on_the_object(name: str):
    rgba = np.asarray(Image.open(EXAMPLES / name / "image.png").convert("RGBA"))
    mask = foreground.foreground_mask(rgba)
    for each in components(name):
        for x, y in each["region"].get("points", []):
            assert mask[int(y * 768), int(x * 768)], (each["name"], x, y)


def test_known_scene_has_the_listed_components():
    data = (EXAMPLES / "lantern" / "lantern.glb").read_bytes()
    scene = truth_scene.read_truth(data, "lantern")
    assert list(scene.names) == [each["name"] for each in components("lantern")]
    # The handle is on top and the base at the bottom: the file is upright after conversion.
    assert scene.part("handle").vertices[:, 2].min() > scene.part("base").vertices[:, 2].max()
