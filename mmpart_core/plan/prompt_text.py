"""Prompt texts that lie beside the code as Markdown files."""

import hashlib
from importlib import resources
from string import Template

from mmpart_core.errors import ConfigError

_FOLDER = resources.files("mmpart_core.plan") / "prompts"


def read_prompt(name: str) -> str:
    """The text of ``plan/prompts/<name>.md``, without the white space around it.

    Raises:
        ConfigError: no such file in the installed package.
    """
    try:
        return (_FOLDER / f"{name}.md").read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise ConfigError(
            f"prompt '{name}': plan/prompts/{name}.md expected in the installed package, not "
            "found; install the project again"
        ) from error


def prompt_digest(*names: str) -> str:
    """Eight hexadecimal digits that change when one of the texts does; part of a VERSION.

    Raises:
        ConfigError: as ``read_prompt``.
    """
    texts = "\0".join(read_prompt(name) for name in names)
    return hashlib.sha256(texts.encode()).hexdigest()[:8]


def fill_prompt(name: str, **values: str) -> str:
    """A prompt text with ``${name}`` places filled; values are taken as they are.

    Raises:
        ConfigError: as ``read_prompt``, or the text names a place that is not given.
    """
    try:
        return Template(read_prompt(name)).substitute(values)
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"prompt '{name}': places {', '.join(sorted(values))} are known, the text asks for "
            f"{error}; correct plan/prompts/{name}.md (a literal dollar sign is $$)"
        ) from error
