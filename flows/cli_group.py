"""How the command line refuses what it cannot read: one line, as for every other mistake."""

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer import TyperException
from typer.core import TyperGroup

from mmpart_core.errors import MMPartError

UNUSABLE = 2


class OneLineGroup(TyperGroup):
    """A group of commands whose usage errors are one line on stderr, with exit status 2."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command; see ``TyperGroup.main``."""
        try:
            status = super().main(
                args, prog_name, complete_var, False, windows_expand_args, **extra
            )
        except (TyperException, MMPartError) as error:
            if not standalone_mode:
                raise
            typer.echo(_line(error), err=True)
            sys.exit(UNUSABLE)
        if standalone_mode:
            sys.exit(status if isinstance(status, int) else 0)
        return status


def _line(error: Any) -> str:
    if isinstance(error, MMPartError):
        return f"mmpart: {error}"
    if type(error).__name__ == "NoArgsIsHelpError":
        return str(error.format_message())
    message = " ".join(str(error.format_message()).split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "mmpart"
    said = f"mmpart: {message[:1].lower()}{message[1:]}"
    if said.endswith("?"):
        return f"{said} See '{command} --help'"
    return f"{said}; see '{command} --help'"
