"""The site builds strictly, without a network, and needs nothing from elsewhere when it is read."""

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mmpart_core import backends

ROOT = Path(__file__).resolve().parents[2]
# As `mkdocs build`, on a machine that no socket leaves.
OFFLINE = """
import socket, sys
def refuse(*_):
    sys.exit("the build asked for the network")
socket.socket.connect = socket.getaddrinfo = refuse
from mkdocs.__main__ import cli
cli()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; links, anchors and navigation are checked by the strict build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-c", OFFLINE, "build", "--quiet", "--strict", "--site-dir"]
    done = subprocess.run([*command, str(folder)], cwd=ROOT, capture_output=True, text=True,
                          check=False, env={"NO_MKDOCS_2_WARNING": "1", "PATH": ""})  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return folder


class Loads(HTMLParser):
    """What a page loads by itself, and the texts of its headings."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.images_without_words = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        if tag in ("script", "img", "iframe", "source", "video"):
            self.loads.append(given.get("src", ""))
        if tag == "link" and given.get("rel") in ("stylesheet", "preconnect", "icon", "preload"):
            self.loads.append(given.get("href", ""))
        if tag == "img" and not given.get("alt"):
            self.images_without_words += 1


def read(page: Path) -> Loads:
    parser = Loads()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        assert [url for url in read(page).loads if "//" in url.partition("?")[0]] == [], page


def test_pictures_have_words(site: Path) -> None:
    assert [page for page in site.rglob("*.html") if read(page).images_without_words] == []


def test_the_reference_has_every_back_end_and_setting(site: Path) -> None:
    text = (site / "reference" / "settings.html").read_text(encoding="utf-8")
    for stage in backends.STAGES:
        for kind in backends.available_kinds(stage):
            if kind == "counting":
                continue
            assert f'id="{stage}-{kind}"' in text
            for name in backends.find_module(stage, kind).Settings.model_fields:
                assert f"<code>{stage}.{name}</code>" in text


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("records", "mmpart_core.records.shape.Placement"),
        ("stages", "mmpart_core.assemble.stage.assemble_object"),
        ("stages", "mmpart_core.isolate.protocol.ImageEditor.isolate"),
        ("errors", "mmpart_core.errors.RefusedError"),
        ("evaluation", "evaluation.functional.chamfer.chamfer_distance"),
        ("pipeline", "mmpart_core.keys.stage_key"),
    ],
)
def test_docstrings_are_there(site: Path, page: str, name: str) -> None:
    assert name in read(site / "reference" / "api" / f"{page}.html").ids


def test_it_can_be_searched(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"] for entry in index["docs"] if "--max-cost" in entry["text"]}
    assert any(location.startswith("recipes.html") for location in found)


def test_no_machine_is_named(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert str(ROOT) not in text, page
        assert str(Path.home()) + "/" not in text, page
