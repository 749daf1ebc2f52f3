"""The rungs of an attribution, and where scores are computed: no flow is run here."""

import importlib
import os
import subprocess
import sys
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from flows.attribution_rungs import build_rungs, parse_stages, replaceable_stages
from flows.evaluation_job import Generation
from flows.profiles import find_config
from mmpart_core.errors import ConfigError, StageError
from tasks._score_pool import opened_pool


def test_rungs_replace_one_stage_more_each_and_share_the_rest(tmp_path: Path) -> None:
    base = Generation(config=find_config("local"), keep_truth=True)
    rungs = build_rungs(base, parse_stages(()), tmp_path)
    assert [rung.name for rung in rungs] == [
        "0-ours", "1-isolate", "2-isolate+multiview", "3-isolate+multiview+assemble", "4-truth",
    ]  # fmt: skip
    kinds = [r.generation.config.isolate.kind for r in rungs if r.generation]
    assert kinds == ["regions", "groundtruth", "groundtruth", "groundtruth"]
    assert rungs[-1].predictions is None
    single = build_rungs(base, parse_stages(["multiview"]), tmp_path)
    assert [rung.replaced for rung in single] == [(), ("multiview",)]
    assert set(replaceable_stages()) >= {"isolate", "multiview", "assemble"}
    with pytest.raises(ConfigError, match="expected one of isolate, multiview"):
        parse_stages(["mesh"])


def test_processes_survive_one_that_dies() -> None:
    with opened_pool("processes", 2, None) as pool:
        assert pool.run(abs, -3) == 3
        with pytest.raises(StageError, match="died twice"):
            pool.run(os._exit, 1)
        assert pool.run(abs, -4) == 4


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "packages")
    return importlib.import_module("scoring_deaths")


def test_what_died_is_tried_again_one_after_another(tmp_path: Path, deaths: ModuleType) -> None:
    (tmp_path / "go").touch()
    with opened_pool("processes", 3, None) as pool, ThreadPoolExecutor(3) as threads:
        pieces = [threads.submit(pool.run, deaths.die_once, tmp_path, name, 3) for name in "abc"]
        assert [piece.result(timeout=60) for piece in pieces] == [1, 1, 1]
        assert pool.run(abs, -5) == 5


def test_what_waits_to_be_tried_again_is_dropped_at_the_end(
    tmp_path: Path, deaths: ModuleType
) -> None:
    with ThreadPoolExecutor(2) as threads:
        with opened_pool("processes", 2, None) as pool:
            pieces = [threads.submit(pool.run, deaths.die_once, tmp_path, name, 2) for name in "ab"]
            deaths.wait_for(tmp_path, "again-*", 1)
        (tmp_path / "go").touch()
        ends = [piece.exception(timeout=60) for piece in pieces]
    assert [type(end) for end in ends if end] == [CancelledError]


def test_a_scoring_process_has_one_thread_for_arrays(tmp_path: Path) -> None:
    script = tmp_path / "score.py"
    script.write_text(
        "import numpy\n"
        "from threadpoolctl import threadpool_info\n"
        "from tasks._score_pool import opened_pool\n"
        "if __name__ == '__main__':\n"
        "    with opened_pool('processes', 1, None) as pool:\n"
        "        print([each['num_threads'] for each in pool.run(threadpool_info)])\n"
    )
    free = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    ran = subprocess.run(
        [sys.executable, script], env=free, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[1]\n"
