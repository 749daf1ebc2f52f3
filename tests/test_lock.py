"""The lock: what it names is installed, and runs on the oldest Python that the README promises."""

import re
from importlib.metadata import distributions
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
DEBIAN_12 = "3.11.2"


def test_every_package_runs_on_the_python_of_debian_12() -> None:
    locked = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", LOCK.read_text(), re.MULTILINE)
    }
    wanted = {
        canonicalize_name(each.name): (each.version, each.metadata["Requires-Python"])
        for each in distributions()
        if canonicalize_name(each.name) in locked
    }
    assert len(wanted) > 300
    assert [
        f"{name} {version} {python}"
        for name, (version, python) in wanted.items()
        if version.partition("+")[0] == locked[name]
        and not SpecifierSet(python or "").contains(DEBIAN_12)
    ] == []
