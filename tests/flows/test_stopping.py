"""Ctrl-C and SIGTERM on the real command, with the server it starts for itself."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from flows.embedded_server import EmbeddedServer
from flows.stopping import Stopped, exit_status, interruptible
from mmpart_core.backends import STAGES

pytestmark = [pytest.mark.xdist_group("prefect")]
PACKAGES = Path(__file__).resolve().parents[1] / "packages"


class Command:
    """``mmpart generate`` in a process group of its own.

    Attributes:
        seen: what it wrote to stderr so far.
    """

    def __init__(self, folder: Path, home: Path, image: bytes, sleep: str) -> None:
        (folder / "pair.png").write_bytes(image)
        profile = {stage: {"kind": "counting"} for stage in STAGES}
        (folder / "counting.yaml").write_text(yaml.safe_dump(profile))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
        arguments = ["generate", "pair.png", "--part", "hat", "--profile", "counting.yaml"]
        self.folder = folder
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *arguments],
            cwd=folder,
            env={
                **kept,
                "PYTHONPATH": str(PACKAGES),
                "PREFECT_HOME": str(home),
                "MMPART_COUNTING_SLEEP": sleep,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def read_until(self, text: str) -> None:
        """Read its stderr up to a line with a text."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.seen += line
            if text in line:
                return
        raise AssertionError(f"'{text}' was never said: {self.seen}")

    def end(self) -> int:
        """Exit status."""
        assert self.process.stderr is not None
        self.seen += self.process.stderr.read()
        return self.process.wait(timeout=60)

    def stages_stored(self) -> set[str]:
        """The stages whose records are in the store."""
        return {path.parent.name for path in self.folder.glob(".mmpart/records/*/*.json")}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for Prefect whose database is made once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def start(tmp_path: Path, home: Path, picture: bytes, journal: Any) -> Iterator[Any]:
    """Starts the command; whatever is left of it is ended with the test."""
    started: list[Command] = []

    def begin(sleep: str) -> Command:
        started.append(Command(tmp_path, home, picture, sleep))
        return started[-1]

    yield begin
    for command in started:
        if command.process.poll() is None:
            command.process.kill()
        command.process.communicate()


def servers_of(home: Path) -> list[int]:
    """Ids of the processes that run a server on a Prefect folder."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            variables = (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"embedded_server" in words and f"PREFECT_HOME={home}".encode() in variables:
            found.append(int(folder.name))
    return found


def wait_for_no_server(home: Path, seconds: float) -> list[int]:
    """The servers that are left after some time; returns as soon as there are none."""
    deadline = time.monotonic() + seconds
    while (left := servers_of(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.long
def test_sigterm_to_the_group_lets_the_work_at_hand_end(start: Any, home: Path) -> None:
    command = start("multiview:1")
    command.read_until("counting: multiview goes on")
    assert len(servers_of(home)) == 1
    command.process.send_signal(signal.SIGTERM)  # timeout(1) sends it twice: to the command,
    os.killpg(command.process.pid, signal.SIGTERM)  # and to its group
    assert command.end() == 143, command.seen
    assert "Traceback" not in command.seen
    assert command.seen.count("Stopping") == 1
    assert command.seen.rstrip().endswith("the same command goes on from there.")
    assert {"plan", "isolate"} <= command.stages_stored()
    assert "mesh" not in command.stages_stored()
    assert wait_for_no_server(home, 5) == []


@pytest.mark.long
def test_sigterm_leaves_work_that_takes_longer(start: Any, home: Path) -> None:
    command = start("multiview:3600")  # longer than any test may take
    command.read_until("counting: multiview goes on")
    command.process.send_signal(signal.SIGTERM)
    assert command.end() == 143, command.seen
    assert "Traceback" not in command.seen
    assert command.seen.rstrip().endswith("the same command goes on from there.")
    assert {"plan", "isolate"} == command.stages_stored()
    assert wait_for_no_server(home, 10) == []
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        states = [row[0] for row in database.execute("SELECT state_type FROM flow_run")]
    assert "RUNNING" not in states
    assert "CRASHED" in states


def test_a_server_does_not_outlive_who_started_it(home: Path) -> None:
    program = (
        "import os, time; from flows.embedded_server import EmbeddedServer; "
        "server = EmbeddedServer(dict(os.environ)); print(server.pid, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) in servers_of(home)
        process.kill()
    assert wait_for_no_server(home, 10) == []


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    server = EmbeddedServer({**os.environ, "PREFECT_HOME": str(tmp_path / "file")})
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/health", timeout=60)
    server.kill()
    assert "Error" in server.last_words()
    assert "startup failed" not in server.last_words()
    server.stop()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_raises_and_handlers_come_back(number: signal.Signals, status: int) -> None:
    said: list[str] = []
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    def wait() -> None:
        with interruptible(said.append, "Stopped.", lambda: None):
            signal.raise_signal(number)
            raise AssertionError("the signal was not heard")

    with pytest.raises(Stopped) as raised:
        wait()
    assert raised.value.status == exit_status(raised.value) == status
    assert exit_status(KeyboardInterrupt()) == 130
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert len(said) == 1
    assert said[0].startswith("Stopping")
