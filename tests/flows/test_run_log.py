"""The log of a run that breaks off says why."""

from pathlib import Path

import pytest

from flows.inputs import Inputs, prepare_job
from flows.run_log import RunLog
from mmpart_core.errors import StorageError


@pytest.mark.parametrize("error", [StorageError("the store went away"), ZeroDivisionError("zero")])
def test_an_error_is_logged_with_its_class(error: Exception, image: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    job = prepare_job(Inputs(image=image, parts=["hat"], store=store))
    with pytest.raises(type(error)), RunLog(tmp_path / "out", job, 0):
        raise error
    log = (tmp_path / "out" / "mmpart.log").read_text()
    assert f"s: {type(error).__name__}: {error}" in log
    assert ("Traceback" in log) == isinstance(error, ZeroDivisionError)


def test_a_trace_holds_no_machine_paths_and_no_secrets(image: Path, tmp_path: Path) -> None:
    job = prepare_job(Inputs(image=image, parts=["hat"], store=str(tmp_path / "store")))
    cause = OSError(f"cannot read {tmp_path}/weights/net.pt")
    planted = "hf_" + "Q" * 20
    with pytest.raises(ZeroDivisionError), RunLog(tmp_path / "out", job, 0):
        raise ZeroDivisionError(f"token={planted}") from cause
    log = (tmp_path / "out" / "mmpart.log").read_text()
    assert "OSError: cannot read …/net.pt" in log
    assert f'File "…/{Path(__file__).name}", line' in log
    assert "\nZeroDivisionError: token=[removed]\n" in log
    for leak in (tmp_path.name, planted, str(Path(__file__).parent), str(tmp_path)):
        assert leak not in log
