"""What goes wrong with the store of a data set while it is made; see ``disturbances``."""

from pathlib import Path
from typing import Any

from mmpart_core.errors import StorageError
from tests.faults.disturbances import BEFORE, STAGE, held
from tests.faults.servers import SmallDisk
from tests.faults.trial import Mark, Trial


def fill_disk(trial: Trial, disk: SmallDisk) -> Mark:
    """The store's disk is full; it gets room, run again. Gives how far the first run came."""
    broken_off(trial, "No space left")
    mark = trial.mark()
    disk.grow()
    trial.run()
    return mark


def broken_off(trial: Trial, words: str, **changes: Any) -> None:
    """Run; the store must fail."""
    try:
        trial.run(**changes)
    except StorageError as error:
        if words not in str(error):
            raise
    else:
        raise AssertionError("the run went on without its store")


def lose_store(trial: Trial, flaky: Any, fault: str = "drop") -> None:
    """The store in S3 fails from some time on, at work, until the run has ended. Run again.

    Args:
        trial: its store is behind ``flaky``.
        flaky: a ``FlakyS3``.
        fault: what becomes of each request; the store goes away, or takes the key no longer (403).
    """

    def leave() -> None:
        with held(trial):
            trial.wait_for(STAGE, BEFORE + 1)
            flaky.always = fault

    trial.beside(leave, lambda: broken_off(trial, "cannot"))
    flaky.always = ""
    trial.mark()
    trial.run()


def storm(flaky: Any) -> None:
    """S3 refuses, dawdles and breaks off, half way through what is sent, in every third answer."""
    faults = ["503", "", "", "drop", "", "", "500", "", "", "", "", "slow", "", "", ""] * 4
    cut = [fault.replace("drop", "cut") for fault in faults]
    flaky.faults = {"GET": cut, "HEAD": [*faults], "PUT": [*faults]}


def spoil(trial: Trial, how: str) -> None:
    """Spoil the store of a finished run: a blob ``gone`` or ``altered``, a record ``truncated``.

    The objects' files go, too, so that every object is looked at again. One piece of work is lost:
    a reconstruction, a mesh, or views.
    """
    store = Path(str(trial.job.store))
    blobs = sorted(store.glob("blobs/*/*"))
    if how == "gone":
        next(path for path in blobs if path.read_bytes()[8:].startswith(b"{")).unlink()
    elif how == "altered":
        told = "".join(path.read_text() for path in store.glob("records/mesh/*.json"))
        glb = next(path for path in blobs if path.name in told and _is_glb(path))
        content = bytearray(glb.read_bytes())
        content[-1] ^= 1
        glb.write_bytes(content)
    else:
        record = min(store.glob("records/multiview/*.json"))
        record.write_bytes(record.read_bytes()[:-20])
    for path in Path(trial.job.output).glob("objects/*/object.glb"):
        path.unlink()


def lose_mesh_at_work(trial: Trial) -> set[str]:
    """A mesh is deleted before its object is assembled; run again with ``--retry-failed``.

    Gives the work that is lost.
    """
    lost: set[str] = set()

    def delete() -> None:
        trial.hold("mesh", BEFORE)
        try:
            trial.wait_for("mesh", BEFORE + 1)
            lost.update(trial.lose_a_mesh())
        finally:
            trial.fault("mesh", "")

    tally = trial.beside(delete, trial.run)
    if tally.states != {"made": len(trial.objects) - 1, "failed": 1}:
        raise AssertionError(f"one object cannot have been made: {tally}")
    trial.run(retry_failed=True)
    return lost


def _is_glb(path: Path) -> bool:
    return path.read_bytes().startswith(b"glTF")
