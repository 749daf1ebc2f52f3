"""A data set of twelve objects of four parts each, made while something goes wrong, and judged."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.events.worker import EventsWorker

from flows.dataset_job import DatasetJob
from flows.dataset_progress import DatasetTally
from flows.dataset_table import load_outcomes
from flows.generate_dataset import generate_dataset
from mmpart_core.backends import STAGES
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.store_files import TEMPORARY_PREFIX

PACKAGES = Path(__file__).resolve().parents[1] / "packages"
OBJECTS = tuple("abcdefghijkl")
PARTS = ("1-seat", "2-back", "3-leg", "4-arm")
PART_STAGES = ("isolate", "multiview", "reconstruct", "mesh")
UNENDED = {"type": {"any_": ["RUNNING", "PENDING", "SCHEDULED", "CANCELLING"]}}


def search_path() -> str:
    """PYTHONPATH of processes that are to find the back-ends."""
    before = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([str(PACKAGES), *([before] if before else [])])


def works_of(name: str) -> list[str]:
    """All pieces of work of an object, as the journal calls them."""
    parts = [f"{stage} {name}{part[:2]}" for part in PARTS for stage in PART_STAGES]
    return [f"plan {name}", *parts, f"assemble {name}"]


class Trial:
    """One data set with its store, its output and its journal.

    Args:
        folder: an empty folder.
        environment: of processes that are started for it.
        stages: back-ends in the place of ``noop``.
        objects: their names, one letter each.
        **job: values of the job, see ``DatasetJob``.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        stages: Mapping[str, Any] | None = None,
        objects: Collection[str] = OBJECTS,
        **job: Any,
    ) -> None:
        self.folder = folder
        self.objects = tuple(objects)
        self._started: list[subprocess.Popen[str]] = []
        self.environment = {**environment, "MMPART_NOOP_JOURNAL": str(folder / "journal")}
        (folder / "journal" / "faults").mkdir(parents=True)
        (folder / "journal" / "calls").touch()
        rows: list[dict[str, Any]] = []
        for value, name in enumerate(self.objects):
            pixels = np.zeros((32, 32, 4), dtype=np.uint8)
            pixels[6:26, 6:26] = [200, 60, 20 * value, 255]
            (folder / f"{name}.png").write_bytes(encode_png(pixels))
            parts = [f"{name}{part}" for part in PARTS]
            rows.append({"image": f"{name}.png", "components": parts})
        (folder / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        backends: dict[str, Any] = {stage: {"kind": "noop"} for stage in STAGES}
        self._profile: dict[str, Any] = {**backends, **(stages or {}), "workers": 2}
        self.run_on()
        given = {"source": str(folder / "data.jsonl"), "output": str(folder / "out"),
                 "profile": str(folder / "profile.yaml"), "store": str(folder / "store"),
                 "files": "glb", "concurrency": 3}  # fmt: skip
        self.job = DatasetJob.model_validate({**given, **job})

    def run_on(self, **runner: str) -> None:
        """Change the profile's runner, as ``runner="dask", scheduler="tcp://..."``."""
        (self.folder / "profile.yaml").write_text(yaml.safe_dump({**self._profile, **runner}))

    def fault(self, work: str, words: str) -> None:
        """Let a piece of work, or a stage, go wrong from now on; no words: no longer."""
        (self.folder / "journal" / "faults" / work).write_text(words)

    def run(self, **changes: Any) -> DatasetTally:
        """Make it in this process."""
        return generate_dataset(job=self.job.model_copy(update=changes))

    def start(self, *options: str, bootstrap: str = "") -> subprocess.Popen[str]:
        """Make it by the command, in a process of its own.

        Args:
            *options: of ``mmpart batch``.
            bootstrap: Python that runs before the command.
        """
        job = self.job
        named = {"--output": job.output, "--profile": job.profile, "--store": job.store,
                 "--files": job.files, "--concurrency": str(job.concurrency)}  # fmt: skip
        given = [text for pair in named.items() for text in pair]
        program = f"{bootstrap}\nfrom flows.cli import main\nmain()"
        process = subprocess.Popen(
            [sys.executable, "-c", program, "batch", job.source, *map(str, given), *options],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": search_path()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what was started and did not end."""
        for process in self._started:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def ended(self, process: subprocess.Popen[str], timeout_s: float = 900.0) -> tuple[int, str]:
        """Exit status of a started command, and what it said."""
        said, _ = process.communicate(timeout=timeout_s)
        return process.returncode, said

    def calls(self) -> Counter[str]:
        """How often each piece of work was begun, in whatever process."""
        return Counter(work for work, _ in self._lines())

    def _lines(self) -> list[tuple[str, int]]:
        lines = (self.folder / "journal" / "calls").read_text().splitlines()
        return [(line.rpartition(" ")[0], int(line.rpartition(" ")[2])) for line in lines]

    def wait_for(self, work: str, count: int = 1, timeout_s: float = 900.0) -> list[int]:
        """Processes that began a piece of work, or any of a stage, once there are so many."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = [pid for begun, pid in self._lines() if f"{begun} ".startswith(f"{work} ")]
            if len(found) >= count:
                return found
            time.sleep(0.05)
        raise TimeoutError(f"no {count} calls of {work} in {timeout_s} s")

    def states(self) -> dict[str, str]:
        """The outcome of each object; an object with two of them is a fault."""
        table = load_outcomes(self.job.place).to_pandas()
        objects = table[table["component"].isna()]
        assert objects["object"].is_unique
        return dict(zip(objects["object"], objects["state"], strict=True))

    def outputs(self) -> dict[str, bytes | None]:
        """The file of each object."""
        place = self.job.place
        return {name: place.read_file(f"objects/{name}/object.glb") for name in self.objects}

    def assert_sound(
        self,
        undisturbed: Mapping[str, bytes | None],
        *,
        again: Collection[str] = (),
        states: Mapping[str, str] | None = None,
    ) -> None:
        """One true outcome for each object, nothing done twice, the right bytes, nothing left.

        Args:
            undisturbed: what a run without faults writes for each object.
            again: work that may have been begun more than once; all other work exactly once.
            states: of objects that were not made.
        """
        made = self.assert_once(again=again, states=states)
        calls = self.calls()
        assert [work for name in made for work in works_of(name) if not calls[work]] == []
        outputs = self.outputs()
        assert [name for name in made if outputs[name] != undisturbed[name]] == []

    def assert_once(
        self, *, again: Collection[str] = (), states: Mapping[str, str] | None = None
    ) -> list[str]:
        """As ``assert_sound``, whatever the bytes are; gives the objects that were made."""
        expected = dict.fromkeys(self.objects, "made") | dict(states or {})
        assert self.states() == expected
        twice = {work: count for work, count in self.calls().items() if count > 1}
        assert set(twice) <= set(again), twice
        assert self.leftovers() == []
        assert unended_runs() == []
        return [name for name, state in expected.items() if state == "made"]

    def leftovers(self) -> list[str]:
        """Temporary files, probes and notes of work under way that nobody took away."""
        found = [
            str(path)
            for name in ("store", "out")
            for path in (self.folder / name).rglob("*")
            if path.is_file() and path.name.startswith(TEMPORARY_PREFIX)
        ]
        notes = [file.path for file in self.job.place.files_in("state/attempts")]
        probes = [file.path for file in FsspecStore(str(self.job.store)).files_in("probes")]
        return [*found, *notes, *probes]


def unended_runs(timeout_s: float = 60.0) -> list[str]:
    """Runs that the Prefect server believes to go on, once it had time to hear of their end."""
    EventsWorker.drain_all(timeout=10)
    tasks = TaskRunFilter.model_validate({"state": UNENDED})
    flows = FlowRunFilter.model_validate({"state": UNENDED})
    deadline = time.monotonic() + timeout_s
    with get_client(sync_client=True) as client:
        while True:
            runs = [
                *client.read_task_runs(task_run_filter=tasks),
                *client.read_flow_runs(flow_run_filter=flows),
            ]
            if not runs or time.monotonic() > deadline:
                return sorted(f"{run.name}: {run.state_name}" for run in runs)
            time.sleep(0.3)


def process_is_there(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
