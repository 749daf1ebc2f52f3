"""Files are whole or absent, also where the process that writes them is killed."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mmpart_core.storage.whole_files import write_whole

# The kernel kills whoever writes more than it may, in the middle.
KILLED_AT_WORK = """
import resource, signal, sys
from pathlib import Path
from mmpart_core.storage.whole_files import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_whole(Path(sys.argv[1]), bytes(5000))
"""


@pytest.fixture(params=["nameless", "named"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE")
    return tmp_path


def test_a_file_appears_and_is_replaced(folder: Path) -> None:
    path = folder / "deep" / "file"
    for content in (b"first", b"", b"last one"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_file_is_as_others_may_read_it(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(folder / "file", b"x")
    finally:
        os.umask(before)
    assert (folder / "file").stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_written_leaves_the_older_one_alone(folder: Path) -> None:
    path = folder / "file"
    write_whole(path, b"older")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write_whole(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"older"
    assert [each.name for each in folder.iterdir()] == ["file"]


def test_a_process_that_is_killed_at_work_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_AT_WORK, str(tmp_path / "file")]
    killed = subprocess.run(command, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGXFSZ, killed.stderr
    assert list(tmp_path.iterdir()) == []
