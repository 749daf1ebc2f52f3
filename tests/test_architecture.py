"""The picture of the folders is kept true."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("studio", "flows", "tasks", "mmpart_core", "evaluation", "deployments")
# Folders that the picture describes as a whole: one metric, loader, section or back-end per file.
WHOLE = ("evaluation/functional/", "evaluation/loaders/", "evaluation/reporting/", "/backends/")


def tree() -> str:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return text.split("## 2. Folder tree\n```\n")[1].split("\n```")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_is_in_the_picture(package: str) -> None:
    words = set(re.findall(r"\w+\*?(?=\.py)|\w+", tree()))
    families = tuple(word[:-1] for word in words if word.endswith("_*"))
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")]
    absent = [
        module
        for module in modules
        if not any(folder in module for folder in WHOLE)
        and (stem := Path(module).stem) not in {"__init__", *words}
        and not stem.startswith(families)
    ]
    assert modules
    assert not absent, f"name them in the folder tree of ARCHITECTURE.md: {absent}"


def test_every_file_in_the_picture_is_there() -> None:
    named = set(re.findall(r"(?<![\w/*])(\w+\.py)\b", tree()))
    folders = (*PACKAGES, "tests")
    there = {path.name for folder in folders for path in (ROOT / folder).rglob("*.py")}
    assert named
    assert not named - there, "these are gone: take them out of ARCHITECTURE.md"
