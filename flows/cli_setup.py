"""``mmpart setup``: a Prefect server made ready for MMPart's deployments."""

import os
from typing import Annotated

import typer
from rich.console import Console

from flows.cli_group import UNUSABLE
from flows.cli_options import Verbose
from flows.cli_prefect import import_prefect, reachable_server
from flows.cli_run import errors_end_with
from mmpart_core.errors import ConfigError


def setup(
    secrets: Annotated[
        bool,
        typer.Option(
            "--secrets",
            help="Also keep OPENAI_API_KEY, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of this "
            "environment as Secret blocks on the server, where it has none of that name.",
        ),
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Work pools, limits and automations on the Prefect server; may be repeated."""
    console = Console(stderr=True)
    with errors_end_with(UNUSABLE, console):
        _check_server_is_named()
        import_prefect(verbose)
        from prefect.client.orchestration import get_client

        from flows.server_setup import set_up

        with reachable_server(verbose), get_client(sync_client=True) as client:
            made = set_up(client, secrets)
    out = Console(highlight=False)
    for line in made or ["Everything was there."]:
        out.print(line if not made else f"created {line}", soft_wrap=True)
    if secrets and not any(line.startswith("secret ") for line in made):
        out.print(_no_secret(), soft_wrap=True)


def _no_secret() -> str:
    from flows.server_setup import SECRET_VARIABLES
    from tasks._hosted import secret_block_name

    given = [name for name in SECRET_VARIABLES if os.environ.get(name)]
    if not given:
        return f"No secret was kept: this environment has none of {', '.join(SECRET_VARIABLES)}."
    blocks = ", ".join(f"secret/{secret_block_name(name)}" for name in given)
    return (
        f"No secret was kept: the server has {blocks}, which stay as they are; to replace one, "
        "delete it ('prefect block delete NAME') and run this again."
    )


def _check_server_is_named() -> None:
    """A server that lives only as long as this command would be set up for nothing."""
    if not os.environ.get("PREFECT_API_URL"):
        raise ConfigError(
            "setup: PREFECT_API_URL names no Prefect server; start one with 'prefect server "
            "start' and set it, such as PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
