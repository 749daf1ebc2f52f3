"""What ``make`` would do, and what it says where the system lacks something."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from flows.doctor import check_python

ROOT = Path(__file__).resolve().parents[1]
MISSING = ROOT / ".ci" / "system-packages"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def commands_of(target: str) -> list[str]:
    """The lines that ``make`` would run, loops over examples unrolled."""
    printed = subprocess.run(
        ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.replace("\\\n", " ")
    loop = re.search(r"for name in (.+?); do (.+?) done", printed)
    assert loop is not None
    unrolled = [loop[2].replace("$name", name) for name in loop[1].split()]
    return [*unrolled, *printed.replace(loop[0], "").splitlines()]


@pytest.mark.parametrize("option", ["output", "name"])
def test_no_two_objects_of_demo_all_share_a_folder_or_a_name(option: str) -> None:
    made = [line for line in commands_of("demo-all") if " generate " in line]
    values = [re.findall(rf"--{option} (\S+)", line) for line in made]
    assert len(made) == len(list((ROOT / "examples").glob("*/components.yaml"))) + 1
    assert all(len(found) == 1 for found in values)
    assert len({found[0] for found in values}) == len(made)


def folder_of(tmp_path: Path, programs: tuple[str, ...]) -> Path:
    """A folder for PATH that holds programs which do nothing."""
    for name in programs:
        program = tmp_path / name
        program.write_text("#!/bin/sh\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return tmp_path


@pytest.mark.parametrize(
    ("purpose", "programs", "missing"),
    [
        ("test", ("git", "node", "npm", "chromium"), ""),
        ("test", ("git", "node", "npm", "google-chrome"), ""),
        ("test", ("git", "node", "npm"), "chromium"),
        ("test", ("git", "node", "chromium"), "nodejs npm"),
        ("test", (), "git nodejs npm chromium"),
        ("setup", ("python3",), ""),
        ("setup", (), "python3 python3-venv"),
    ],
)
def test_what_the_system_lacks_is_named_with_the_command(
    purpose: str, programs: tuple[str, ...], missing: str, tmp_path: Path
) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    said = subprocess.run(
        [bash, str(MISSING), purpose],
        env={"PATH": str(folder_of(tmp_path, programs))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == (1 if missing else 0), said.stderr
    assert said.stdout == (
        f"Missing: {missing}. On Debian or Ubuntu: sudo apt-get install {missing}\n"
        if missing
        else ""
    )


def test_another_python_is_refused_with_a_way_to_get_ours(tmp_path: Path) -> None:
    other = folder_of(tmp_path, ("python3.14",)) / "python3.14"
    other.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.14.0' && exit 0\n"
                     'case "$2" in *ensurepip*) exit 0;; *) exit 1;; esac\n')  # fmt: skip
    said = subprocess.run(
        ["make", "setup", f"PYTHON={other}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT, env={**os.environ, "MAKEFLAGS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 2
    assert "Python 3.11 is needed, Python 3.14.0 found" in said.stdout
    assert "make setup PYTHON=" in said.stdout
    assert not (tmp_path / "venv").exists()


def test_the_doctor_agrees_with_the_promised_python() -> None:
    assert 'requires-python = ">=3.11,<3.12"' in (ROOT / "pyproject.toml").read_text()
    assert check_python().status == "works"
