"""The back-end that the how-to shows, installed as a package would be."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-a-back-end.md"


@pytest.fixture
def documented_backend(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Installs it for one test, under the entry point that the page gives; its kind."""
    text = PAGE.read_text(encoding="utf-8")
    code = re.search(r"^```python title=[^\n]*\n(.*?)^```$", text, re.M | re.S)
    entry = re.search(r'^\[project\.entry-points\."(.+?)"\]\n(\w+) = "(.+?)"$', text, re.M)
    assert code is not None
    assert entry is not None
    group, kind, module = entry.groups()
    folder = tmp_path_factory.mktemp("documented")
    package = folder.joinpath(*module.split(".")).with_suffix(".py")
    package.parent.mkdir(parents=True)
    package.write_text(code[1], encoding="utf-8")
    metadata = folder / "my_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{kind} = {module}\n")
    monkeypatch.syspath_prepend(folder)
    return kind
