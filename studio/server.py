"""Serves the studio: one process, a Prefect server beside it where none is configured."""

import secrets
import socket

import uvicorn
from prefect.settings import PREFECT_API_URL

from flows.cli_prefect import prefect_session, report_crash
from flows.inputs import check_store_address
from flows.stopping import Telling, interruptible
from mmpart_core.errors import ConfigError
from studio.app import create_app
from studio.guard import LOOPBACK

_STOPPED = "Stopped. What was finished is kept in the store."


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
    check_store_address(store_url)
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
        raise ConfigError(
            f"--host {host} --port {port}: cannot listen there ({error.strerror}); choose another "
            "--port, or 0 for any that is free"
        ) from error
