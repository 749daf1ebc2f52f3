"""A data set of twelve objects of four parts each, made while something goes wrong."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import numpy as np
import yaml

from flows.dataset_job import DatasetJob
from flows.dataset_progress import DatasetTally
from flows.generate_dataset import generate_dataset
from mmpart_core.backends import STAGES
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.opening import open_store

Ran = TypeVar("Ran")
PACKAGES = Path(__file__).resolve().parents[1] / "packages"
OBJECTS = tuple("abcdefghijkl")
PARTS = ("1-seat", "2-back", "3-leg", "4-arm")
PART_STAGES = ("isolate", "multiview", "reconstruct", "mesh")
WAIT_S = 240.0
JOURNAL = "MMPART_NOOP_JOURNAL"


def search_path() -> str:
    """PYTHONPATH of processes that are to find the back-ends."""
    before = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([str(PACKAGES), *([before] if before else [])])


def journal_in(folder: Path) -> Path:
    """Where the back-ends of a trial in a folder tell what they do."""
    return folder / "journal"


def works_of(name: str) -> list[str]:
    """All pieces of work of an object, as the journal calls them."""
    parts = [f"{stage} {name}{part[:2]}" for part in PARTS for stage in PART_STAGES]
    return [f"plan {name}", *parts, f"assemble {name}"]


@dataclass(frozen=True)
class Mark:
    """How far the work was when something went wrong.

    Attributes:
        calls: how often each piece of work was begun until then.
        finished: work whose record was in the store: it must never be begun again.
    """

    calls: Counter[str]
    finished: frozenset[str]

    @property
    def in_hand(self) -> set[str]:
        """Work that was begun and not finished: it may be begun again."""
        return set(self.calls) - self.finished


class Trial:
    """One data set with its store, its output and its journal.

    Args:
        folder: an empty folder.
        environment: of processes that are started for it.
        stages: back-ends in the place of ``noop``.
        objects: their names, one letter each.
        **job: values of the job, see ``DatasetJob``.

    Attributes:
        marks: how far the work was each time that something went wrong.
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
        self.marks: list[Mark] = []
        self._started: list[subprocess.Popen[str]] = []
        self._over = Event()
        self._journal = journal_in(folder)
        self.environment = {**environment, JOURNAL: str(self._journal)}
        (self._journal / "faults").mkdir(parents=True)
        (self._journal / "calls").touch()
        rows: list[dict[str, Any]] = []
        for name in self.objects:
            (folder / f"{name}.png").write_bytes(picture_of(name))
            rows.append({"image": f"{name}.png", "components": parts_of(name)})
        (folder / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        backends: dict[str, Any] = {stage: {"kind": "noop"} for stage in STAGES}
        self._profile: dict[str, Any] = {**backends, **(stages or {}), "workers": 2}
        self._elsewhere = frozenset(stages or {})
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
        file = self._journal / "faults" / work
        file.write_text(words) if words else file.unlink(missing_ok=True)

    def hold(self, stage: str, after: int) -> None:
        """Hold all work of a stage up, once so many were begun, until the fault is taken away."""
        self.fault(stage, f"after:{after} hold")

    def mark(self) -> Mark:
        """Something goes wrong now, or just did: see ``Mark``."""
        finished = frozenset(self.finished())  # first, so that what it holds is among the calls
        mark = Mark(self.calls(), finished)
        self.marks.append(mark)
        return mark

    def interrupt(self, works: Collection[str]) -> None:
        """Work that goes wrong before it is finished, whenever that is: it may be begun again."""
        self.marks.append(Mark(Counter(works), frozenset()))

    def run(self, **changes: Any) -> DatasetTally:
        """Make it in this process."""
        return generate_dataset(job=self.job.model_copy(update=changes))

    def beside(self, disturb: Callable[[], object], run: Callable[[], Ran]) -> Ran:
        """Run in this process, while something is done in a thread beside."""
        self._over.clear()
        with ThreadPoolExecutor(1) as thread:
            disturbing = thread.submit(disturb)
            try:
                return run()
            finally:
                self._over.set()
                disturbing.result()

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

    def ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Exit status of a started command, and what it said."""
        said, _ = process.communicate(timeout=4 * WAIT_S)
        return process.returncode, said

    def finish(self) -> None:
        """Make it by the command; all must be made."""
        status, said = self.ended(self.start())
        if status:
            raise AssertionError(f"the batch ended with {status}: {said}")

    def calls(self) -> Counter[str]:
        """How often each piece of work was begun, in whatever process."""
        return Counter(work for work, _ in self.begun())

    def never_begun(self, names: Collection[str]) -> list[str]:
        """Work of some objects that nobody began, of stages whose back-ends keep the journal."""
        calls = self.calls()
        works = [work for name in names for work in works_of(name) if not calls[work]]
        return [work for work in works if work.split()[0] not in self._elsewhere]

    def begun(self, stage: str = "") -> list[tuple[str, int]]:
        """All work that was begun, or a stage's, in order, each with its process."""
        lines = (self._journal / "calls").read_text().splitlines()
        found = [(line.rpartition(" ")[0], int(line.rpartition(" ")[2])) for line in lines]
        return [each for each in found if f"{each[0]} ".startswith(f"{stage} ") or not stage]

    def wait_for(self, work: str, count: int = 1) -> list[tuple[str, int]]:
        """As ``begun``, once a piece of work, or any of a stage, was begun so many times.

        Raises:
            TimeoutError: it was not, in time or until the run's end.
        """
        deadline = time.monotonic() + WAIT_S
        while not self._is_over() and time.monotonic() < deadline:
            found = self.begun(work)
            if len(found) >= count:
                return found
            time.sleep(0.02)
        said = [self.ended(each) for each in self._started if each.poll() is not None]
        raise TimeoutError(f"no {count} calls of {work}: {dict(self.calls())}; {said}")

    def _is_over(self) -> bool:
        """Whether nobody is at work any more."""
        ended = [process.poll() is not None for process in self._started]
        return self._over.is_set() or (bool(ended) and all(ended))

    def finished(self) -> set[str]:
        """Work whose record is in the store, as the journal calls it."""
        store = open_store(str(self.job.store))
        found: set[str] = set()
        for stage in STAGES:
            for file in store.files_in(f"records/{stage}"):
                content = store.read_file(file.path)
                name = _name_in(stage, content) if content and file.name.endswith(".json") else ""
                found |= {f"{stage} {name}"} if name else set()
        return found

    def lose_a_mesh(self) -> set[str]:
        """Delete a mesh that an object still waits to be assembled from; gives the work lost."""
        store = Path(str(self.job.store))
        begun = self.calls()
        for record in sorted(store.glob("records/mesh/*.json")):
            work = f"mesh {_name_in('mesh', record.read_bytes())}"
            if not begun[f"assemble {work.split()[1][0]}"]:
                digest = _data_in(record.read_bytes())["mesh"]["sha256"]
                next(store.glob(f"blobs/*/{digest}")).unlink()
                return {work}
        raise AssertionError("no object waits for more of its meshes")

    def outputs(self) -> dict[str, bytes | None]:
        """The file of each object."""
        place = self.job.place
        return {name: place.read_file(f"objects/{name}/object.glb") for name in self.objects}


def _name_in(stage: str, content: bytes) -> str:
    """What the journal calls the work of a record; empty for one that is damaged."""
    try:
        data = _data_in(content)
    except ValueError:
        return ""
    if stage == "plan":
        return str(data["prompts"][0]["component"])[:1]
    if stage == "assemble":
        return str(data["placements"][0]["component"])[:1]
    return str(data["component"])[:3]


def _data_in(content: bytes) -> Any:
    """The fields of a record in a file's content."""
    return json.loads(json.loads(content)["result"])["data"]


def parts_of(name: str) -> list[str]:
    """The components of an object."""
    return [f"{name}{part}" for part in PARTS]


def picture_of(name: str) -> bytes:
    """The image of an object."""
    pixels = np.zeros((32, 32, 4), dtype=np.uint8)
    pixels[6:26, 6:26] = [200, 60, 20 * OBJECTS.index(name), 255]
    return encode_png(pixels)
