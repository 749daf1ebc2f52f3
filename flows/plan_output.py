"""Where ``mmpart plan`` writes: a new file, or the same plan; nothing that was edited is lost."""

import json
import sys
from pathlib import Path

from flows.output_folder import check_place
from mmpart_core.errors import ConfigError, InputError

PLAN_NAME = "plan.json"
STDOUT = "-"


def plan_path(output: str, store_url: str) -> Path | None:
    """The file that a plan goes to, checked as far as it can be before there is a plan.

    Args:
        output: a file; a folder that exists or ends with a slash, for ``plan.json`` in it; ``-``
            for stdout.
        store_url: the store, which must not be mixed with results.

    Returns:
        None for stdout.

    Raises:
        ConfigError: it cannot be written there; says what to do.
    """
    if output == STDOUT:
        return None
    if not output.strip() or "://" in output:
        raise ConfigError(
            f"--output '{output}': a file or folder of this machine expected; write -o {PLAN_NAME}"
        )
    path = Path(output).expanduser()
    if path.is_dir() or output.endswith("/"):
        path /= PLAN_NAME
        if path.is_dir():
            raise ConfigError(
                f"--output '{output}': '{PLAN_NAME}' in it is a folder, a file expected; choose "
                "another place"
            )
    check_place(str(path.parent), store_url, "--output")
    return path


def check_replaceable(path: Path, coming: str | None, overwrite: bool) -> None:
    """Refuse to write over a plan that differs, or over anything else.

    Args:
        path: from ``plan_path``.
        coming: the plan that would be written; None where it is not known.
        overwrite: write over it all the same.

    Raises:
        ConfigError: it holds something else than this plan.
    """
    if overwrite or not path.is_file():
        return
    try:
        found = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"--output '{path}': cannot be read ({error.strerror})") from error
    if coming is not None and found == coming.encode():
        return
    what = "another plan, or one that was edited" if _is_plan(found) else "no plan"
    raise ConfigError(
        f"--output '{path}': holds {what}, a new file or the same plan expected; choose another "
        "file, or replace what is there with --overwrite"
    )


def _is_plan(content: bytes) -> bool:
    try:
        data = json.loads(content)
    except ValueError:
        return False
    return isinstance(data, dict) and "mmpart_plan" in data


def write_plan(path: Path | None, text: str) -> bool:
    """Write a plan, and the folders above it.

    Args:
        path: from ``plan_path``; None for stdout.
        text: the plan.

    Returns:
        False where the file held exactly this already.

    Raises:
        InputError: the file cannot be written.
    """
    if path is None:
        sys.stdout.write(text)
        return True
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"plan '{path}': cannot be written ({error.strerror})") from error
    return True
