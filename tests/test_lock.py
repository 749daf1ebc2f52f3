"""The lock: its packages run on the oldest Python that the README promises, without a compiler."""

import re
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
DEBIAN_12 = "3.11.2"
# The lock says why of two; setuptools comes with every environment.
LEFT_OUT = {"opencv-python", "pyliblzfse", "setuptools"}


@pytest.fixture(scope="module")
def locked() -> list[Distribution]:
    """What is installed in the version that the lock names."""
    lines = re.findall(r"^([\w.-]+)==(\S+)$", LOCK.read_text(), re.MULTILINE)
    versions = {canonicalize_name(name): version for name, version in lines}
    found = [
        each
        for each in distributions()
        if each.version.partition("+")[0] == versions.get(canonicalize_name(each.name))
    ]
    assert len(found) > 0.9 * len(versions)
    return found


def test_every_package_runs_on_the_python_of_debian_12(locked: list[Distribution]) -> None:
    newer = {
        each.name: python
        for each in locked
        for python in re.findall(r"^Requires-Python: (.+)$", text_of(each, "METADATA"), re.M)
        if not SpecifierSet(python).contains(DEBIAN_12)
    }
    assert newer == {}


def test_what_packages_want_on_the_python_of_debian_12_is_there(locked: list[Distribution]) -> None:
    there = {canonicalize_name(each.name) for each in locked} | LEFT_OUT
    environment = {"python_full_version": DEBIAN_12, "extra": ""}
    missing = {
        f"{each.name}: {wanted}"
        for each in locked
        for wanted in map(Requirement, each.requires or [])
        if wanted.marker is None or wanted.marker.evaluate(environment)
        if canonicalize_name(wanted.name) not in there
    }
    assert missing == set()


def test_no_package_takes_a_compiler(locked: list[Distribution]) -> None:
    """A wheel that was built here is for ``linux_*``, a published one for ``manylinux_*``."""
    built = [
        each.name for each in locked if re.search(r"-linux_\w+$", text_of(each, "WHEEL"), re.M)
    ]
    assert built == []


def text_of(package: Distribution, name: str) -> str:
    """A file of a package's metadata."""
    return package.read_text(name) or ""
