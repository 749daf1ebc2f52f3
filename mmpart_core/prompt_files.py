"""Texts for models that lie beside the code as Markdown files, in a folder of each stage's own."""

import hashlib
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from string import Template

from mmpart_core.errors import ConfigError


@dataclass(frozen=True)
class PromptFolder:
    """A folder of texts, ``<name>.md`` each.

    Attributes:
        files: the folder, within an installed package or anywhere.
        place: what messages call it, for instance ``plan/prompts``.
    """

    files: Traversable
    place: str

    def read(self, name: str) -> str:
        """One text, without the white space around it.

        Raises:
            ConfigError: no such file in the installed package.
        """
        try:
            return (self.files / f"{name}.md").read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise ConfigError(
                f"prompt '{name}': {self.place}/{name}.md expected in the installed package, not "
                "found; install the project again"
            ) from error

    def digest(self, *names: str) -> str:
        """Eight hexadecimal digits that change when one of the texts does; part of a VERSION.

        Raises:
            ConfigError: as ``read``.
        """
        texts = "\0".join(self.read(name) for name in names)
        return hashlib.sha256(texts.encode()).hexdigest()[:8]

    def fill(self, name: str, **values: str) -> str:
        """A text with ``${name}`` places filled; values are taken as they are.

        Raises:
            ConfigError: as ``read``, or the text names a place that is not given.
        """
        try:
            return Template(self.read(name)).substitute(values)
        except (KeyError, ValueError) as error:
            raise ConfigError(
                f"prompt '{name}': places {', '.join(sorted(values))} are known, the text asks for "
                f"{error}; correct {self.place}/{name}.md (a literal dollar sign is $$)"
            ) from error
