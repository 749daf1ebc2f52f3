"""Prompt texts that lie beside the code as Markdown files; see ``PromptFolder``."""

from importlib import resources

from mmpart_core.prompt_files import PromptFolder

_FOLDER = resources.files("mmpart_core.plan") / "prompts"


def read_prompt(name: str) -> str:
    """The text of ``plan/prompts/<name>.md``, without the white space around it.

    Raises:
        ConfigError: no such file in the installed package.
    """
    return _prompts().read(name)


def prompt_digest(*names: str) -> str:
    """Eight hexadecimal digits that change when one of the texts does; part of a VERSION.

    Raises:
        ConfigError: as ``read_prompt``.
    """
    return _prompts().digest(*names)


def fill_prompt(name: str, **values: str) -> str:
    """A prompt text with ``${name}`` places filled; values are taken as they are.

    Raises:
        ConfigError: as ``read_prompt``, or the text names a place that is not given.
    """
    return _prompts().fill(name, **values)


def _prompts() -> PromptFolder:
    return PromptFolder(_FOLDER, "plan/prompts")
