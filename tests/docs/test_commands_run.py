"""Every command that README and docs/ show is run as it stands, page by page, from top to bottom.

What is added makes it take seconds (coarse settings) or points it at a server of this machine. What
needs something that no test machine has is named, with the reason, in ``shown_commands``.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from strict_openai import ModelServer, response

from tests.docs.shown_commands import BUCKET, COARSE, coarse, why_not
from tests.docs.test_commands import ROOT, SHOWN
from tests.flows.conftest import box, mmpart, write_glb

__all__ = ["mmpart"]

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.long, pytest.mark.timeout(1200)]
RUN = [(page, words) for page, words in SHOWN if not why_not(words)]
FIGURE = {
    "hat": box((-0.9, -0.9, 1.1), (0.9, 0.9, 1.6)),
    "head": box((-0.6, -0.6, 0.0), (0.6, 0.6, 1.1)),
}
HOSTED = ("plan", "isolate")
PREVIEW = '["reconstruct.preset=preview"]'


@pytest.fixture(scope="module")
def figure(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A head with a hat, whose parts hosted models draw as they are."""
    from known_scene import KnownScene

    path = tmp_path_factory.mktemp("figure") / "figure.glb"
    write_glb(path, FIGURE)
    return KnownScene(path.read_bytes())


@pytest.fixture
def models(figure: Any, model_server: ModelServer) -> ModelServer:
    """Answers plans, suggestions and edits that are true of the figure."""

    def answer(request: Any) -> Any:
        plan = figure.plan(request)
        if "appearance" in json.dumps(request.body["text"]):
            return plan
        parts = json.loads(plan["output"][-1]["content"][0]["text"])["parts"]
        listed = [{"name": each["component"], "pieces": 1, "hidden": "", "box": each["box"]}
                  for each in parts]  # fmt: skip
        return response(json.dumps({"object": "figure", "components": listed}))

    model_server.answer("/responses", answer)
    model_server.answer("/images/edits", figure.edit)
    return model_server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one page has made, the others find."""
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture
def folder(
    figure: Any,
    store: str,
    models: ModelServer,
    prefect: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Where a reader stands: a photo, a list of components, a manifest, true objects."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMPART_STORE", store)
    monkeypatch.setenv("PREFECT_API_URL", prefect)
    monkeypatch.setenv("OPENAI_API_KEY", models.api_key)
    Image.fromarray(figure.whole).save(tmp_path / "photo.png")
    (tmp_path / "photos").mkdir()
    shutil.copy("photo.png", "photos/figure.png")
    parts = json.loads(figure.plan(None)["output"][-1]["content"][0]["text"])["parts"]
    listed = [{"name": each["component"], "region": {"box": list(each["box"].values())}}
              for each in parts]  # fmt: skip
    (tmp_path / "components.yaml").write_text(json.dumps({"components": listed}))
    manifest = "id,image,components\nfigure,photo.png,components.yaml\n"
    for name in ("manifest.csv", "dataset.csv"):
        (tmp_path / name).write_text(manifest)
    for name in ("DATASET", "OBJECTS"):
        write_glb(tmp_path / name / "figure.glb", FIGURE)
    write_glb(tmp_path / "burger.glb", FIGURE)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def make_room(words: list[str]) -> None:
    """What a reader has by now, as the page says in words."""
    if words[1] == "suggest":
        Path("components.yaml").unlink()
    if words[1] == "evaluate" and "--predictions" in words:
        write_glb(Path("out/figure/object.glb"), FIGURE)
    if words[1] == "export" and not Path(words[2], "object.glb").exists():
        write_glb(Path(words[2], "object.glb"), FIGURE)
    if words[1] == "compare":
        for name in words[2:4]:
            shutil.copytree("report", name)


def added(words: list[str], server: ModelServer) -> list[str]:
    """Options that make a command take seconds, and its models those of this machine."""
    if words[1] not in ("generate", "plan", "batch", "suggest") and not (
        words[1] == "attribute" or "--generate" in words
    ):
        return []
    if "openai" not in words:
        return coarse(words)
    other = {word.partition(".kind=")[0] for word in words if ".kind=" in word}
    hosted = [stage for stage in HOSTED if stage not in other]
    settings = (f"base_url={server.base_url}", "api_key_variable=OPENAI_API_KEY")
    here = [part for stage in hosted for each in settings for part in ("--set", f"{stage}.{each}")]
    return [*here, *(coarse(words) if words[1] in ("generate", "plan", "batch") else ())]


@pytest.mark.parametrize("page", sorted({page for page, _ in RUN}))
@pytest.mark.usefixtures("s3_server", "documented_backend", "folder")
def test_the_commands_of_a_page_run(
    page: str, mmpart: Callable[..., Any], models: ModelServer
) -> None:
    for words in (words for shown, words in RUN if shown == page):
        make_room(words)
        given = [BUCKET.sub("s3://bucket/", word) for word in words[1:]]
        done = mmpart(*given, *added(words, models))
        assert done.exit_code == 0, f"{' '.join(words)}\n{done.output}"


@pytest.mark.usefixtures("folder")
def test_the_method_runs_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "how-to" / "python.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python[^\n]*\n(.*?)^```$", text, re.M | re.S)
    assert PREVIEW in code
    quick = [f"{name}={value}" for name, value in COARSE.items()]
    exec(compile(code.replace(PREVIEW, repr(quick)), "make.py", "exec"), {})
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["hat", "head"]
    assert Path("out/photo/object.glb").read_bytes()[:4] == b"glTF"


def test_most_commands_are_run() -> None:
    ours = [words for _, words in SHOWN if words[0] == "mmpart"]
    assert len(RUN) >= 0.7 * len(ours)
