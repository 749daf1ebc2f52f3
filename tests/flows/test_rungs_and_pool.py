"""The rungs of an attribution, and where scores are computed: no flow is run here."""

import os
from pathlib import Path

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
