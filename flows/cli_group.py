"""How the command line refuses what it cannot read: one line, as for every other mistake."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer import TyperException
from typer.core import TyperGroup

from mmpart_core.errors import MMPartError

UNUSABLE = 2
# Typer passes on what pydantic says of a value.
_PYDANTIC = (
    (": Value error, ", ": "),
    (": Input should be ", ": it must be "),
    (", unable to parse string as an integer", ""),
    (", unable to parse string as a number", ""),
)


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
            given = sys.argv[1:] if args is None else args
            typer.echo(f"{_line(error)}{_dash_advice(given)}", err=True)
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
    for theirs, ours in _PYDANTIC:
        message = message.replace(theirs, ours)
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "mmpart"
    said = f"mmpart: {message[:1].lower()}{message[1:]}"
    if said.endswith("?"):
        return f"{said} See '{command} --help'"
    return f"{said}; see '{command} --help'"


def _dash_advice(args: Sequence[str]) -> str:
    """What to write for a file that looks like an option; empty where there is none."""
    file = next((each for each in args if each.startswith("-") and Path(each).is_file()), "")
    return f"; the file is given as ./{file}" if file else ""
