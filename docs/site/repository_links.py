"""Links between the repository's files, on a site that holds them all.

Texts link to each other and to code by relative paths, so that they can be read where they lie. On
the site ``docs/x.md`` is ``x.md``, the texts of the root are under ``project/``, and every other
file or folder that is linked to has a page under ``source/``.
"""

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

DOCS, SOURCES = "docs/", "source/"
ROOT_TEXTS = {
    "README.md": "project/readme.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
}
_LINK = re.compile(r"(?P<before>\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?P<after>[^)]*\))")
_FENCE = re.compile(r"^\s*(```|~~~)")
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}


def repository_path(page: str) -> str:
    """Where the text of a page lies in the repository.

    Example:
        >>> repository_path("project/architecture.md"), repository_path("manifest.md")
        ('ARCHITECTURE.md', 'docs/manifest.md')
    """
    return {there: name for name, there in ROOT_TEXTS.items()}.get(page, DOCS + page)


def site_path(path: str) -> str:
    """Where a file of the repository is on the site.

    Example:
        >>> site_path("docs/manifest.md"), site_path("flows/cli.py")
        ('manifest.md', 'source/flows/cli.py.md')
    """
    if path.startswith(DOCS) and not path.startswith("docs/site"):
        return path.removeprefix(DOCS)
    return ROOT_TEXTS.get(path, f"{SOURCES}{path}.md")


def rewrite(markdown: str, page: str) -> str:
    """Turn a page's links to files of the repository into links within the site."""

    def replaced(link: re.Match[str]) -> str:
        if _is_outside(link["target"]):
            return link[0]
        there = site_path(_resolved(link["target"], page))
        target = posixpath.relpath(there, posixpath.dirname(page) or ".")
        return f"{link['before']}{target}{link['anchor'] or ''}{link['after']}"

    return "\n".join(
        line if fenced else _LINK.sub(replaced, line) for line, fenced in _lines(markdown)
    )


def source_pages(root: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """A page for each file and folder outside docs/ that texts link to.

    Args:
        root: of the repository.
        texts: page -> its Markdown.

    Returns:
        Page -> Markdown. What does not exist has none, so that a strict build names the link.
    """
    found: dict[str, str] = {}
    for page, markdown in texts.items():
        for path in map(lambda target: _resolved(target, page), _targets(markdown)):
            there = site_path(path)
            if there.startswith(SOURCES) and (root / path).exists():
                found[there] = _shown(root / path, path)
    return found


def _targets(markdown: str) -> Iterator[str]:
    for line, fenced in _lines(markdown):
        for link in () if fenced else _LINK.finditer(line):
            if not _is_outside(link["target"]):
                yield link["target"]


def _is_outside(target: str) -> bool:
    return bool(re.match(r"[a-z]+:|/", target))


def _resolved(target: str, page: str) -> str:
    folder = posixpath.dirname(repository_path(page))
    return posixpath.normpath(posixpath.join(folder, target))


def _lines(markdown: str) -> Iterator[tuple[str, bool]]:
    inside = False
    for line in markdown.split("\n"):
        at_fence = bool(_FENCE.match(line))
        yield line, inside or at_fence
        inside ^= at_fence


def _shown(path: Path, name: str) -> str:
    if path.is_dir():
        entries = sorted(entry.name for entry in os.scandir(path) if entry.name[0] not in "._")
        return "\n".join([f"# {name}/", "", *(f"- `{entry}`" for entry in entries), ""])
    text = path.read_text(encoding="utf-8")
    language = _LANGUAGES.get(path.suffix, "text")
    return f"# {name}\n\n~~~~~~{language}\n{text}\n~~~~~~\n"
