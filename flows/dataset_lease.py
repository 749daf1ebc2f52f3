"""One run at a time in a data set's output: a lease that is renewed, and that dies with its holder.

The lease also says how the last run ended: one that was told to stop is no death of the objects it
had in hand, one that merely fell silent is.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from mmpart_core.errors import ConfigError, StorageError
from mmpart_core.records import Record
from mmpart_core.storage.store_files import StoreFiles

LEASE_FILE = "state/lease.json"
RENEWAL_S = 5.0
# Without a sign of life for so long its holder counts as gone: several renewals may be late.
EXPIRY_S = 30.0
_SETTLE_S = 0.3
_held_here: set[str] = set()


class Lease(Record):
    """Who writes, or wrote last.

    Attributes:
        run: number of the run, from 1.
        holder: identity of the process's lease.
        host: its machine.
        pid: its process there.
        beats: how often it was renewed; what others watch, as clocks may differ.
        renewed_at: when, in seconds since 1970 by the holder's clock.
        ending: ``""`` while it runs; ``stopping`` once told to stop; ``ended``.
        rows: objects that the run was asked for.
        began_at: when it began, in seconds since 1970 by the holder's clock.
        flow_run: id of its flow run in Prefect; empty where it has none yet.
    """

    run: int
    holder: str
    host: str
    pid: int
    beats: int = 0
    renewed_at: float = 0.0
    ending: str = ""
    rows: int = 0
    began_at: float = 0.0
    flow_run: str = ""


def read_lease(place: StoreFiles) -> Lease | None:
    """The lease in an output; None where there was never a run.

    Raises:
        StorageError: it cannot be read.
    """
    content = place.read_file(LEASE_FILE)
    if content is None:
        return None
    try:
        return Lease.model_validate_json(content)
    except ValidationError as error:
        raise StorageError(
            f"lease '{LEASE_FILE}': damaged; remove it once no batch writes to this output"
        ) from error


def is_live(lease: Lease | None) -> bool:
    """Whether its holder gave a sign of life lately, as far as clocks and this machine tell."""
    if lease is None or lease.ending == "ended" or _is_dead_here(lease):
        return False
    return time.time() - lease.renewed_at < EXPIRY_S


def _is_dead_here(lease: Lease) -> bool:
    """Whether it was a process of this machine that is gone."""
    if lease.host != socket.gethostname():
        return False
    if lease.pid == os.getpid():  # an earlier process's number, unless it is held in this one
        return lease.holder not in _held_here
    return not Path(f"/proc/{lease.pid}").exists()


def check_free(place: StoreFiles) -> None:
    """Refuse an output that another run writes to, without taking it.

    Raises:
        ConfigError: it is taken.
        StorageError: the output cannot be read.
    """
    found = read_lease(place)
    if found is not None and is_live(found) and time.time() >= found.renewed_at:
        raise _taken(place, found)


class HeldLease:
    """A lease of this process, renewed by a thread until it is given back.

    Args:
        place: the data set's output.
        lost: called once where another process has taken the lease, or it cannot be renewed.
        rows: objects that the run was asked for.
        flow_run: id of its flow run in Prefect.

    Attributes:
        previous: the lease of the run before; None for the first.
        fault: why it was lost; empty while it is held.

    Raises:
        ConfigError: another run holds it.
        StorageError: the output cannot be used.
    """

    def __init__(
        self, place: StoreFiles, lost: Callable[[], None], rows: int = 0, flow_run: str = ""
    ) -> None:
        self._place = place
        self._lost = lost
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.fault = ""
        self.previous = read_lease(place)
        if self.previous is not None:
            self._check_free(self.previous)
        run = (self.previous.run if self.previous else 0) + 1
        self._lease = Lease(
            run=run,
            holder=uuid.uuid4().hex,
            host=socket.gethostname(),
            pid=os.getpid(),
            rows=rows,
            began_at=time.time(),
            flow_run=flow_run,
        )
        self._write()
        time.sleep(_SETTLE_S)  # two that start together both write; the later one stays
        found = read_lease(place)
        if found is not None and found.holder != self._lease.holder:
            raise _taken(place, found)
        _held_here.add(self._lease.holder)
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    @property
    def run(self) -> int:
        """Number of this run."""
        return self._lease.run

    def stopping(self) -> None:
        """Note that this process was told to stop: work it leaves behind did not kill it."""
        self._set_ending("stopping")

    def give_back(self) -> None:
        """End it; the next run begins at once.

        Raises:
            StorageError: the output cannot be written.
        """
        self._over.set()
        self._thread.join()
        _held_here.discard(self._lease.holder)
        if not self.fault:
            self._set_ending("ended")

    def _set_ending(self, ending: str) -> None:
        with self._lock:
            self._lease = self._lease.model_copy(update={"ending": ending})
        self._write()

    def _check_free(self, found: Lease) -> None:
        if found.ending == "ended" or _is_dead_here(found):
            return
        age_s = time.time() - found.renewed_at
        if 0.0 <= age_s < EXPIRY_S:
            raise _taken(self._place, found)
        # By our clock it is over or yet to come: look whether it is still renewed.
        time.sleep(2 * RENEWAL_S)
        again = read_lease(self._place)
        if again is not None and (again.holder, again.beats) != (found.holder, found.beats):
            raise _taken(self._place, again)

    def _write(self) -> None:
        with self._lock:
            update = {"beats": self._lease.beats + 1, "renewed_at": time.time()}
            self._lease = self._lease.model_copy(update=update)
            self._place.write_file(LEASE_FILE, self._lease.model_dump_json().encode())

    def _renew(self) -> None:
        renewed = time.monotonic()
        while not self._over.wait(RENEWAL_S):
            try:
                found = read_lease(self._place)
                if found is not None and found.holder != self._lease.holder:
                    self.fault = str(_taken(self._place, found))
                    break
                self._write()
                renewed = time.monotonic()
            except StorageError as error:
                if time.monotonic() - renewed > EXPIRY_S:
                    self.fault = str(error)
                    break
        if self.fault:
            self._lost()


def _taken(place: StoreFiles, lease: Lease) -> ConfigError:
    return ConfigError(
        f"--output '{place.url}': another batch writes there (process {lease.pid} on "
        f"{lease.host}, last heard of at "
        f"{time.strftime('%H:%M:%S', time.gmtime(lease.renewed_at))} UTC); wait for its end, or "
        f"stop it; one that was killed elsewhere counts as gone {EXPIRY_S:.0f} s later"
    )
