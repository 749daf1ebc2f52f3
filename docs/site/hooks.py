"""What MkDocs calls while it builds the site: generated pages, navigation, links out of docs/.

Pages that are generated: commands, profiles, settings and licences, from the code; the texts of the
repository's root; and one page per source file that a text links to, so that the site needs no
address of a repository.
"""

from pathlib import Path
from typing import Any

import code_pages
import repository_links
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
IN_DEPTH, DECISIONS = "In depth", "Decisions"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the sections that list whatever pages there are."""
    nav: list[Any] = config.nav or []
    docs = Path(config.docs_dir)
    named = set(_pages_of(nav))
    _section(nav, IN_DEPTH).extend(
        page.name for page in sorted(docs.glob("*.md")) if page.name not in named
    )
    _section(nav, DECISIONS).extend(
        page.relative_to(docs).as_posix() for page in sorted((docs / "decisions").glob("*.md"))
    )
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from code and from texts outside docs/."""
    texts = {path: (ROOT / name).read_text(encoding="utf-8")
             for name, path in repository_links.ROOT_TEXTS.items()}  # fmt: skip
    linked = {page.src_uri: page.content_string for page in files.documentation_pages()}
    sources = repository_links.source_pages(ROOT, {**linked, **texts})
    for path, content in {**code_pages.pages(), **texts, **sources}.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links to files of the repository lead to their pages on the site."""
    if page.file.src_uri.startswith(repository_links.SOURCES):
        return markdown
    return repository_links.rewrite(markdown, page.file.src_uri)


def _pages_of(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    entries = nav.values() if isinstance(nav, dict) else nav
    return [page for entry in entries for page in _pages_of(entry)]


def _section(nav: list[Any], title: str) -> list[Any]:
    """The pages of a section, to be extended; sections lie at most two deep."""
    sections = [item for entry in nav if isinstance(entry, dict) for item in entry.items()]
    inner = [item for _, pages in sections if isinstance(pages, list)
             for entry in pages if isinstance(entry, dict) for item in entry.items()]  # fmt: skip
    return next(pages for name, pages in sections + inner if name == title)
