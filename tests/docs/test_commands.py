"""Every command that README and docs/ show is one that the command line takes; cheap ones run."""

import importlib
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer import TyperException
from typer.testing import CliRunner

from flows.profiles import find_config
from mmpart_core.intake.component_files import read_entries
from mmpart_core.storage.fsspec_store import FsspecStore

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^ *```(?P<language>[a-z]*)[^\n]*\n(?P<code>.*?)^ *```$", re.M | re.S)
SHELL = ("", "sh", "bash", "console")
CHEAP = (
    'mmpart plan photo.png --part "hat" --part "man = the head under the hat is bald"',
    "mmpart plan photo.png --components components.yaml -o plan.json",
    "mmpart write-views burger.glb views --held-out 6",
    "mmpart export out/toy-robot --format obj",
    "mmpart export out/toy-robot --format urdf --size 0.3 --density 500",
    "mmpart store usage",
    "mmpart store verify",
    "mmpart store prune --older-than 30d --dry-run",
)
FOR_TRUTH = "groundtruth"


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, languages: tuple[str, ...]) -> Iterator[str]:
    """The code of a page's blocks in these languages."""
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["language"] in languages:
            yield block["code"]


def commands(page: Path) -> list[list[str]]:
    """The words of each command of a page's shell blocks, comments left out."""
    lines = [
        line.strip().removeprefix("$ ")
        for code in blocks(page, SHELL)
        for line in code.replace("\\\n", " ").splitlines()
    ]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


SHOWN = [(named(page), words) for page in PAGES for words in commands(page)]


def of_program(*programs: str) -> list[Any]:
    return [
        pytest.param(page, words, id=f"{page}-{' '.join(words)}"[:160])
        for page, words in SHOWN
        if words[0] in programs
    ]


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    """What the command ``mmpart`` starts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    module = importlib.import_module(project["project"]["scripts"]["mmpart"].partition(":")[0])
    return module.app


@pytest.fixture
def beside_the_page(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with the files that the page shows (blocks that begin with ``# name.yaml``)."""
    monkeypatch.chdir(tmp_path)
    page = ROOT / request.getfixturevalue("page")
    for code in blocks(page, ("yaml",)):
        if name := re.match(r"# ([\w-]+\.yaml)\b", code):
            (tmp_path / name[1]).write_text(code, encoding="utf-8")
    return tmp_path


def parsed(app: typer.Typer, words: list[str]) -> dict[str, Any]:
    """A command's values, as the command line reads them; nothing is run."""
    command: Any = typer.main.get_command(app)
    names = [words[0]]
    arguments = words[1:]
    while hasattr(command, "commands"):
        assert arguments, f"{' '.join(words)}: a command expected"
        names.append(arguments[0])
        known = command.commands
        assert arguments[0] in known, f"{' '.join(words)}: expected one of {', '.join(known)}"
        command, arguments = known[arguments[0]], arguments[1:]
    try:
        return command.make_context(" ".join(names), list(arguments)).params
    except TyperException as error:
        pytest.fail(f"{' '.join(words)}: {error.format_message()}")


def test_there_are_commands_to_check() -> None:
    assert len(of_program("mmpart")) > 40
    assert {words[1] for _, words in SHOWN if words[0] == "mmpart"} > {
        "generate", "plan", "doctor", "evaluate", "attribute", "compare", "write-views"
    }  # fmt: skip


@pytest.mark.parametrize(("page", "words"), of_program("mmpart"))
@pytest.mark.usefixtures("beside_the_page", "documented_backend")
def test_the_command_line_takes_the_command(page: str, words: list[str], app: typer.Typer) -> None:
    given = parsed(app, words)
    assert isinstance(given, dict)
    if words[1] in ("generate", "plan", "evaluate", "attribute", "batch"):
        profile = given.get("profile") or (FOR_TRUTH if given.get("truth") else "local")
        settings = [each for each in given.get("settings") or () if not each.endswith("=...")]
        assert find_config(profile, settings).workers >= 1


def test_a_wrong_command_is_caught(app: typer.Typer) -> None:
    for wrong in ("mmpart generate x.png --sed 3", "mmpart make x.png", "mmpart plan x.png y.yaml"):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            parsed(app, wrong.split())


@pytest.mark.parametrize("page", [named(page) for page in PAGES])
def test_commands_within_sentences_have_these_options(page: str, app: typer.Typer) -> None:
    groups: dict[str, Any] = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    text = BLOCK.sub("", (ROOT / page).read_text(encoding="utf-8"))
    for inline in re.findall(r"`mmpart ([^`\n]+)`", text):
        words = inline.split()
        command = groups.get(words[0])
        if words[0].startswith("--"):
            continue
        assert command is not None, f"`mmpart {inline}`"
        for name in words[1:]:
            if name in getattr(command, "commands", {}):
                command = command.commands[name]
        options = {name for each in getattr(command, "params", ())
                   for name in (*each.opts, *each.secondary_opts)} | {"--help"}  # fmt: skip
        used = {word.partition("=")[0] for word in words[1:] if word.startswith("-")}
        assert used <= options, f"`mmpart {inline}`: {used - options}"


@pytest.mark.parametrize(("page", "words"), of_program("make"))
def test_make_has_the_target(page: str, words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.M))
    assert {word for word in words[1:] if "=" not in word} <= targets


@pytest.mark.parametrize(("page", "words"), of_program("python"))
def test_python_has_the_module(page: str, words: list[str]) -> None:
    module = ROOT.joinpath(*words[words.index("-m") + 1].split("."))
    assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file()


@pytest.mark.parametrize("page", [named(page) for page in PAGES])
@pytest.mark.usefixtures("beside_the_page")
def test_files_that_a_page_shows_can_be_read(page: str, tmp_path: Path) -> None:
    for path in tmp_path.glob("*.yaml"):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "components" in data:
            assert read_entries(path)
        else:
            assert find_config(str(path)).workers >= 1


@pytest.mark.parametrize("command", CHEAP)
def test_the_command_runs(
    command: str, app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(command)
    assert any(words == shown[: len(words)] for _, shown in SHOWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMPART_STORE", str(tmp_path / "store"))
    shutil.copy(ROOT / "examples" / "hat-on-head" / "image.png", tmp_path / "photo.png")
    shutil.copy(ROOT / "examples" / "hat-on-head" / "components.yaml", tmp_path)
    FsspecStore(str(tmp_path / "store")).put(b"something that was made", "text/plain")
    (tmp_path / "out" / "toy-robot").mkdir(parents=True)
    shutil.copy(
        ROOT / "examples" / "lantern" / "lantern.glb", tmp_path / "out" / "toy-robot" / "object.glb"
    )
    shutil.copy(ROOT / "examples" / "lantern" / "lantern.glb", tmp_path / "burger.glb")
    done = CliRunner().invoke(app, words[1:])
    assert done.exit_code == 0, done.output
