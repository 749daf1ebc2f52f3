"""A Prefect server for the tests of flows, small requests and data sets, and counted scores."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
import yaml
from typer.testing import CliRunner

from evaluation.protocol import MMPART
from evaluation.rows import ScoreRow
from flows.cli import app
from flows.evaluation_job import EvaluationJob, Round
from mmpart_core.backends import STAGES
from mmpart_core.config import PipelineConfig, validate_config
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.intake.components import parse_part
from mmpart_core.intake.request import build_request
from mmpart_core.records import ObjectRequest, ObjectResult
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.glb import GlbNode, encode_glb
from mmpart_core.storage.opening import open_store
from tasks import score
from tests.flows.noop_datasets import dataset_of

__all__ = ["dataset_of"]

# A protocol that takes a fraction of a second per object.
SMALL = MMPART.model_copy(
    update={
        "points": 400,
        "whole_points": 800,
        "voxels": 16,
        "metrics": ("chamfer", "f_score", "bbox_iou", "placement"),
    }
)


@pytest.fixture
def counting_config(journal: Any) -> PipelineConfig:
    """All six stages by the counting back-ends."""
    data: dict[str, Any] = {stage: {"kind": "counting"} for stage in STAGES}
    return validate_config({**data, "workers": 2}, source="test")


@pytest.fixture
def picture() -> bytes:
    """A PNG of two squares on a transparent ground."""
    pixels = np.zeros((96, 96, 4), dtype=np.uint8)
    pixels[24:72, 16:44] = [200, 40, 40, 255]
    pixels[24:72, 44:80] = [40, 40, 200, 255]
    return encode_png(pixels)


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """The address of an empty store."""
    return str(tmp_path / "store")


def request_for(picture: bytes, store_url: str, *parts: str) -> ObjectRequest:
    """A request for parts in the words of the command line."""
    components = [parse_part(part) for part in parts or ("hat", "man = bald")]
    return build_request(picture, components, store=open_store(store_url), name="pair")


@pytest.fixture
def request_of(picture: bytes, store_url: str) -> Any:
    """Makes requests on this test's picture and store."""
    return lambda *parts: request_for(picture, store_url, *parts)


@pytest.fixture
def changed() -> Any:
    """A configuration with some settings replaced."""
    return lambda config, overrides: validate_config(config.model_dump(), "test", overrides)


@pytest.fixture
def without_cost() -> Any:
    """A result without what each stage took."""

    def strip(result: ObjectResult) -> dict[str, Any]:
        data = result.model_dump(mode="json")
        for run in data["runs"]:
            del run["seconds"], run["cached"], run["cost_usd"]
        return data

    return strip


@pytest.fixture
def ran() -> Any:
    """``stage:part`` of all work of a result that was really done."""
    return lambda result: {
        f"{run.stage}:{run.component or ''}" for run in result.runs if not run.cached
    }


@pytest.fixture
def counting_profile(tmp_path: Path) -> Path:
    """A profile file that names the counting back-ends."""
    path = tmp_path / "counting.yaml"
    path.write_text(yaml.safe_dump({stage: {"kind": "counting"} for stage in STAGES}))
    return path


@pytest.fixture
def image(tmp_path: Path, picture: bytes) -> Path:
    """An image file."""
    path = tmp_path / "pair.png"
    path.write_bytes(picture)
    return path


@pytest.fixture
def mmpart() -> Any:
    """Runs the command in this process."""
    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def refused(mmpart: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command that must be refused, in this test's folder, and gives what it says.

    A refusal is one line on stderr and status 2; nothing is written, save that the picture may be
    in the store by then.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        result = mmpart(*arguments)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert result.stderr.startswith("mmpart: ")
        assert len(result.stderr.strip().splitlines()) == 1
        assert "Input should" not in result.stderr  # pydantic's own words
        assert not [name for name in ("out", "report") if (tmp_path / name).exists()]
        assert not list(tmp_path.rglob("records/*/*"))
        return result.stderr

    return run


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> TriangleMesh:
    """A closed, coloured box between two corners."""
    corners = np.array(low), np.array(high)
    mesh = trimesh.creation.box(extents=corners[1] - corners[0])
    colour = np.tile(np.array([200, 90, 40, 255], dtype=np.uint8), (len(mesh.vertices), 1))
    vertices = np.array(mesh.vertices) + (corners[0] + corners[1]) / 2.0
    return TriangleMesh(vertices, np.array(mesh.faces, dtype=np.int64), colors=colour)


OBJECTS = {
    "lamp": {"base": box((0, 0, 0), (4, 4, 1)), "shade": box((1, 1, 1), (3, 3, 5))},
    "post": {"pole": box((0, 0, 0), (1, 1, 4)), "top": box((-1, -1, 4), (2, 2, 5))},
}


def write_glb(path: Path, parts: dict[str, TriangleMesh]) -> None:
    """Meshes as a GLB with a node per name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_glb([GlbNode(name, mesh) for name, mesh in parts.items()]))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two tiny objects of two parts each."""
    for name, parts in OBJECTS.items():
        write_glb(tmp_path / "data" / f"{name}.glb", parts)
    return tmp_path / "data"


@pytest.fixture
def job_of(dataset: Path, store_url: str, tmp_path: Path) -> Callable[..., EvaluationJob]:
    """Makes jobs on this test's data set."""

    def make(*rounds: Round, **changes: Any) -> EvaluationJob:
        given: dict[str, Any] = {
            "dataset": str(dataset), "layout": "named-nodes", "dataset_name": "data",
            "object_ids": tuple(OBJECTS), "rounds": rounds, "protocols": (SMALL,), "look": None,
            "store": store_url, "report": str(tmp_path / "report"), "pictures": False,
        }  # fmt: skip
        return EvaluationJob.model_validate({**given, **changes})

    return make


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects that are really scored in this process, in order."""
    calls: list[str] = []
    real = score.score_files

    def counted(inputs: Any, *rest: Any) -> Any:
        calls.append(inputs.object_id)
        return real(inputs, *rest)

    monkeypatch.setattr(score, "score_files", counted)
    return calls


def object_rows(rows: list[ScoreRow]) -> dict[str, ScoreRow]:
    """The objects' rows by name."""
    return {row.object_id: row for row in rows if row.level == "object"}
