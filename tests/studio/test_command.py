"""``mmpart studio`` with what it cannot use: told in one line, before anything is started."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from studio.command import app


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--store", "a-file"], "store 'a-file': cannot write"),
        # pragma: allowlist nextline secret
        (["--store", "s3://user:word@bucket/x"], "its address holds a user"),
        (["--host", "192.0.2.1"], "choose an address of this machine"),
        (["--port", "TAKEN"], "choose another --port, or 0"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_started(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("a-file").touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        given = [taken if each == "TAKEN" else each for each in arguments]
        done = CliRunner().invoke(app, ["studio", *given])
    assert done.exit_code == 2
    assert done.stderr.startswith("mmpart: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
