"""Runs of a data set whose stages do nothing, timed."""

import os
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.orchestration.meters import Taken, taken
from mmpart_core import pipeline
from mmpart_core.config import PipelineConfig, read_profile
from mmpart_core.intake.components import parse_part
from mmpart_core.intake.request import build_request
from mmpart_core.storage.memory_store import MemoryStore


def timed_run(job: Any) -> Taken:
    """What one run takes; all objects must be made."""
    from flows.generate_dataset import generate_dataset

    with taken() as found:
        tally = generate_dataset(job=job)
    if not tally.complete:
        raise RuntimeError(f"not all were made: {tally}")
    return found[0]


def run_for(job: Any, seconds: float) -> Taken:
    """What a run takes that is told to stop after some time; what it had begun is left."""
    from flows.generate_dataset import generate_dataset

    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.daemon = True
    timer.start()
    with taken() as found:
        try:
            generate_dataset(job=job)
        except KeyboardInterrupt:
            pass
        finally:
            timer.cancel()
    return found[0]


def direct_run(job: Any, count: int) -> Taken:
    """What one object takes without Prefect, in memory."""
    config: PipelineConfig = read_profile(Path(job.profile))
    entries = [parse_part(name) for name in (job.components or "").split(",")]
    images = sorted(Path(job.source).iterdir())[:count]
    with taken() as found:
        for image in images:
            store = MemoryStore()
            request = build_request(image, entries, store=store)
            pipeline.generate_object(request, config, store, seed=0)
    return Taken(*(value / count for value in asdict(found[0]).values()))
