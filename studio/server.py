"""Serves the studio: one process, a Prefect server beside it where none is configured."""

import errno
import secrets
import socket

import uvicorn
from prefect.settings import PREFECT_API_URL

from flows.cli_prefect import prefect_session, report_crash
from flows.inputs import check_store_address
from flows.stopping import Telling, interruptible
from mmpart_core.errors import ConfigError
from mmpart_core.storage.opening import open_store
from studio.app import create_app
from studio.guard import LOOPBACK

_STOPPED = "Stopped. What was finished is kept in the store."


def check_store(url: str) -> None:
    """Refuse a store that cannot be written, before anything is started.

    Raises:
        ConfigError: its address cannot be used.
        StorageError: it cannot be reached or written.
    """
    check_store_address(url)
    open_store(url).probe()


def serve(
    store_url: str,
    host: str,
    port: int,
    max_upload_bytes: int,
    tell: Telling,
    verbose: bool = False,
) -> None:
    """Answer until Ctrl-C or SIGTERM; the work at hand is finished first.

    Args:
        store_url: folder or fsspec address.
        host: where to listen; beyond loopback the address holds a secret.
        port: 0 for any that is free.
        max_upload_bytes: of an image.
        tell: writes a line for the user.
        verbose: Prefect's log on the terminal.

    Raises:
        ConfigError: the port is taken, or no Prefect server can be had.
        StorageError: the store cannot be used.
    """
    listener = _listen(host, port)
    address, bound = listener.getsockname()[:2]
    local = address in LOOPBACK
    token = "" if local else secrets.token_urlsafe(24)
    configured = bool(PREFECT_API_URL.value())
    with listener, interruptible(tell, _STOPPED, report_crash):
        tell("Starting Prefect ...")
        with prefect_session(verbose, None):
            app = create_app(
                store_url,
                hosts=LOOPBACK if local else ("*",),
                token=token,
                max_upload_bytes=max_upload_bytes,
                prefect_ui=configured,
            )
            shown = f"[{address}]" if ":" in address else address
            tell(f"http://{shown}:{bound}/{f'?token={token}' if token else ''}")
            config = uvicorn.Config(app, log_level="info" if verbose else "warning", lifespan="off")
            try:
                uvicorn.Server(config).run(sockets=[listener])
            finally:
                app.state.studio.workshop.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        # create_server adds the address to what the system says.
        reason = (error.strerror or str(error)).partition(" (while ")[0]
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        advice = (
            "another --port, or 0 for any that is free" if taken else "an address of this machine"
        )
        raise ConfigError(
            f"--host {host} --port {port}: cannot listen there ({reason}); choose {advice}"
        ) from error
