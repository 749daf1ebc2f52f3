"""``mmpart export`` and ``mmpart view`` on an object's folder."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import trimesh
from typer.testing import CliRunner

from flows.cli_export import serve_folder
from mmpart_core.errors import ConfigError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage.glb import GlbNode, encode_glb
from studio.command import app


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An object's folder, with what the commands look at."""
    box = trimesh.creation.box((1.0, 1.0, 1.0))
    node = GlbNode("the seat", TriangleMesh(box.vertices.copy(), box.faces.copy()))
    folder = tmp_path / "stool"
    folder.mkdir()
    (folder / "object.glb").write_bytes(encode_glb([node]))
    (folder / "index.html").write_text("<p>a stool</p>")
    (folder / "manifest.json").write_text('{"name": "old stool"}')
    (tmp_path / "secret.txt").write_text("not yours")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("kind", "file", "words"),
    [("obj", "old-stool.obj", "o the_seat"), ("urdf", "old-stool.urdf", 'link name="the seat"')],
)
def test_an_object_is_written_beside_it(made: Path, kind: str, file: str, words: str) -> None:
    status, said = run("export", made, "--format", kind)
    assert status == 0, said
    assert words in (made.parent / f"stool-{kind}" / file).read_text(encoding="utf-8")
    assert "1 parts" in said


def test_files_that_are_there_are_not_written_over(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "notes.txt").write_text("keep")
    status, said = run("export", made, "--format", "obj", "--output", target)
    assert status != 0
    assert "--overwrite" in said
    assert run("export", made, "--format", "obj", "-o", target, "--overwrite")[0] == 0
    assert (target / "notes.txt").read_text() == "keep"


def test_a_folder_without_an_object_is_refused(tmp_path: Path) -> None:
    for command in (("export", tmp_path, "--format", "obj"), ("view", tmp_path, "--no-browser")):
        status, said = run(*command)
        assert status != 0
        assert "the folder of a made object expected" in " ".join(said.split())


@pytest.fixture
def address(made: Path) -> Iterator[str]:
    """Where the object's page is served."""
    with serve_folder(made, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_page_is_served_on_this_machine_only(address: str) -> None:
    with urllib.request.urlopen(f"{address}/index.html", timeout=10) as answer:
        assert answer.read() == b"<p>a stool</p>"


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/link.txt"])
def test_nothing_outside_the_folder_is_served(address: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address + path, timeout=10)
    assert refused.value.code == 404
    refused.value.close()


def test_a_port_that_is_taken_is_told(made: Path) -> None:
    with serve_folder(made, 0) as server, pytest.raises(ConfigError, match="give another, or 0"):
        serve_folder(made, server.server_port)
