"""The ``mmpart`` command with ``mmpart studio`` and ``mmpart view`` in it."""

import os
from typing import Annotated

import typer
from rich.console import Console

from flows.cli import app
from flows.cli_group import UNUSABLE
from flows.cli_options import Store, Verbose
from flows.cli_prefect import import_prefect
from flows.cli_run import errors_end, errors_end_with
from flows.inputs import DEFAULT_STORE, STORE_VARIABLE
from flows.stopping import exit_status

DEFAULT_PORT = 7860


@app.command("studio")
def open_studio(
    store: Store = None,
    host: Annotated[
        str, typer.Option(help="Where to listen. Beyond this machine the address holds a secret.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0 takes any that is free.")
    ] = DEFAULT_PORT,
    max_upload_mb: Annotated[
        int, typer.Option(min=1, max=2000, help="Larger images are refused.")
    ] = 40,
    verbose: Verbose = False,
) -> None:
    """Open the studio: a web page to make, look at and correct objects."""
    console = Console(stderr=True)
    import_prefect(verbose)
    from studio.server import check_store, serve

    def tell(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    url = _store_url(store)
    with errors_end_with(UNUSABLE, console):
        check_store(url)
    try:
        with errors_end(console):
            serve(url, host, port, max_upload_mb * 1_000_000, tell, verbose)
    except KeyboardInterrupt as stop:
        raise typer.Exit(exit_status(stop)) from stop


@app.command("view")
def view_object(
    wanted: Annotated[
        str,
        typer.Argument(metavar="OBJECT", help="Its folder, or what it is called in the studio."),
    ],
    store: Store = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser on it.")
    ] = True,
) -> None:
    """Show a made object's page in the browser, on this machine only; Ctrl-C ends."""
    from studio.viewing import view

    with errors_end(Console(stderr=True)):
        view(wanted, _store_url(store), port, browser)


def _store_url(store: str | None) -> str:
    return store if store is not None else os.environ.get(STORE_VARIABLE) or DEFAULT_STORE


def main() -> None:
    """Entry point of the ``mmpart`` command."""
    app()


if __name__ == "__main__":
    main()
