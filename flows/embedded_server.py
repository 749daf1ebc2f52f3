"""A Prefect server for one run, in a process of its own, where no server is configured.

Prefect would start one by itself when its first client is made. Ours is started before Prefect
is even imported, so that both sides load at the same time; it listens on a socket that is open
from the start, so that nothing polls; it is in a session of its own, so that a signal to the
terminal's processes reaches the run first; and it ends when the run ends, however that ends:
it reads a pipe whose other end only the run holds.
"""

import gc
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

STOP_TIMEOUT_S = 5.0
START_TIMEOUT_S = 180.0  # the first start on a machine migrates a database
_AN_ERROR = re.compile(r"[\w.]+(Error|Exception)(\b|:)")  # how a traceback ends
_IRI_GRAMMAR = "rfc3987_syntax"
_embedded: set[str] = set()


class EmbeddedServer:
    """A server that was started, and may not answer yet.

    Args:
        environment: of the server's process.
        show_log: its log goes to this process's stderr; otherwise it is kept for ``last_words``.
    """

    def __init__(self, environment: dict[str, str], show_log: bool = False) -> None:
        self._log = None if show_log else tempfile.TemporaryFile()  # noqa: SIM115
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
            _embedded.add(self.url)
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                # -P: the folder that the command runs in may hold modules with names of packages
                [sys.executable, "-P", "-m", "flows.embedded_server", str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=self._log or sys.stderr,
                stderr=self._log or sys.stderr,
                pass_fds=[listener.fileno()],
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Id of its process."""
        return self._process.pid

    def last_words(self) -> str:
        """The last error it wrote, else its last line, for a message; empty where there is none."""
        if self._log is None:
            return ""
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").split("\n")]
        errors = [line for line in lines if _AN_ERROR.match(line)]
        return next((line for line in reversed(errors or lines) if line), "")

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it and wait for its end; again does nothing.

        Args:
            timeout_s: how long it may take to write what it holds; then it is killed.
        """
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        if self._log is not None:
            self._log.close()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


def has_pages() -> bool:
    """Whether flows run on a server of the user's own, whose pages somebody may look at."""
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value() not in (None, *_embedded)


@contextmanager
def no_iri_grammar() -> Generator[None]:
    """Within: jsonschema is imported without the package that checks internationalised addresses.

    That package builds 30 parsers when it is imported, more than a second of work; Prefect's
    schemas know no such addresses, and jsonschema does without where it is not installed.
    ``None`` is Python's own way to say that a module shall not be found.
    """
    modules = cast(dict[str, Any], sys.modules)
    if _IRI_GRAMMAR in modules:
        yield
        return
    modules[_IRI_GRAMMAR] = None
    try:
        yield
    finally:
        del modules[_IRI_GRAMMAR]


def serve(listener: socket.socket) -> None:
    """Answer on a socket until stdin ends.

    Args:
        listener: bound and listening.
    """
    gc.disable()  # what is imported is made of objects that all stay
    ending = _Ending()
    import uvicorn

    with no_iri_grammar():
        from prefect.server.api.server import create_app

        from flows.embedded_sqlite import embedded_sqlite
    app: Any = create_app(ephemeral=True)
    gc.freeze()
    gc.enable()
    config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    ending.server = server
    with embedded_sqlite():
        server.run(sockets=[listener])


class _Ending:
    """Waits for the end of stdin; then the server ends, or the process while it has none yet."""

    def __init__(self) -> None:
        self.server: Any = None
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        sys.stdin.buffer.read()
        if self.server is None:
            os._exit(0)
        self.server.should_exit = True


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
