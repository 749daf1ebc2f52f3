"""What a Dask worker does: one piece of work, as a plain function. Nothing of Prefect is needed.

A worker opens the store by its address, with the keys of its own environment; none are sent.
"""

import errno
import logging
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from mmpart_core import stages
from mmpart_core.config import BackendChoice
from mmpart_core.errors import ConfigError, TransientBackendError
from mmpart_core.records import Record, StageName
from mmpart_core.storage.opening import open_store
from mmpart_core.work_name import named_handler, work_named

_log = logging.getLogger("mmpart_core.worker")


@contextmanager
def _full_disk_passes() -> Generator[None]:
    """Within: that this machine's disk is full is no fault of the work; another has room."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise TransientBackendError(
            f"Dask worker on {socket.gethostname()}: {error.strerror}; free space in its temporary "
            "folder. The work is tried again, on another worker where there is one"
        ) from error


@_full_disk_passes()
def run_on_worker(
    stage: StageName,
    inputs: Mapping[str, Any],
    choice: BackendChoice,
    store: str,
    seed: int,
    key: str,
    name: str = "",
) -> Record:
    """Do one piece of work in this process.

    Args:
        stage: which stage.
        inputs: the stage function's positional arguments by name.
        choice: back-end kind and settings.
        store: its address, as this machine sees it.
        seed: every random choice follows from it.
        key: the work's cache key, computed where it was asked for.
        name: of the work, ``robot/hat/mesh``, for this worker's log.

    Raises:
        ConfigError: this worker runs another version, whose result would be stored as that
            one's.
        TransientBackendError: this machine's disk is full.
        MMPartError: whatever the stage raises.
    """
    if stages.work_key(stage, inputs, choice, seed) != key:
        raise ConfigError(
            f"{stage}: a Dask worker runs another version of MMPart or of back-end "
            f"'{choice.kind}' than the flow; restart the workers with the flow's version"
        )
    _log_names()
    with work_named(name):
        _log.info("begins, by %s", choice.kind)
        started = time.perf_counter()
        made = stages.run_stage(stage, inputs, choice, open_store(store), seed, key=key)
        _log.info("made in %.1f s", time.perf_counter() - started)
        return made


@cache
def _log_names() -> None:
    """This worker's log says of each line whose work it is about, unless it is set up otherwise."""
    logger = logging.getLogger("mmpart_core")
    if not logger.handlers:
        logger.addHandler(named_handler())
        logger.setLevel(logging.INFO)
