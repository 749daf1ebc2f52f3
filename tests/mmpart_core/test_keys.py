"""The cache key: the same for the same work, another for any other."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmpart_core import errors, keys
from mmpart_core.config import BackendChoice
from mmpart_core.keys import Stage, canonical_json, stage_key
from mmpart_core.records import BlobRef, ImageRef, PartFailure, Placement

MESH = Stage("mesh", 1)
REF = BlobRef(sha256="a" * 64, size=3, media="text/plain")


def key_of(stage: Stage = MESH, seed: int = 0, inputs: Any = None, **settings: Any) -> str:
    """A key of the counting mesh back-end."""
    choice = BackendChoice(kind="counting", settings=settings)
    return stage_key(stage, choice, inputs or {"field": REF}, seed)


def test_key_names_its_stage(journal: Any) -> None:
    stage, _, digest = key_of().partition("-")
    assert stage == "mesh"
    assert len(bytes.fromhex(digest)) == 32


def test_same_work_has_the_same_key(journal: Any) -> None:
    assert key_of() == key_of(level=0.0)
    assert key_of(inputs={"a": REF, "b": (REF,)}) == key_of(inputs={"b": (REF,), "a": REF})


def test_all_that_matters_is_in_the_key(journal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmpart_core.backends import find_module

    other = REF.model_copy(update={"sha256": "b" * 64})
    distinct = [
        key_of(),
        key_of(Stage("mesh", 2)),
        key_of(seed=1),
        key_of(inputs={"field": other}),
        key_of(inputs={"field": (REF,)}),
        key_of(inputs={"field": None}),
        key_of(level=0.05),
    ]
    monkeypatch.setattr(find_module("mesh", "counting").BACKEND, "VERSION", "2")
    distinct.append(key_of())
    assert len(set(distinct)) == len(distinct)


def test_excused_settings_are_not_in_the_key(journal: Any) -> None:
    def train(**settings: Any) -> str:
        choice = BackendChoice(kind="counting", settings=settings)
        return stage_key(Stage("reconstruct", 1), choice, {"views": REF}, 0)

    assert train(threads=1) == train(threads=8)
    assert train(radius=0.5) != train(radius=0.6)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), 1j, Path("x")])
def test_values_without_one_spelling_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot enter a cache key"):
        canonical_json({"x": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)


def test_records_are_their_values() -> None:
    image = ImageRef(sha256="a" * 64, size=1, media="image/png", width=2, height=3)
    assert canonical_json({"image": image}) == (
        '{"image":{"height":3,"media":"image/png","sha256":"' + "a" * 64 + '","size":1,"width":2}}'
    )


def test_key_is_the_same_in_other_processes() -> None:
    program = (
        "from mmpart_core.keys import Stage, stage_key\n"
        "from mmpart_core.config import BackendChoice\n"
        "from mmpart_core.records import BlobRef\n"
        "ref = BlobRef(sha256='a' * 64, size=3, media='text/plain')\n"
        "choice = BackendChoice(kind='template')\n"
        "print(stage_key(Stage('plan', 1), choice, {'x': ref, 'y': 'é'}, 0))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = keys.stage_key(Stage("plan", 1), BackendChoice(kind="template"), {"y": "é", "x": REF}, 0)
    assert found == {here + "\n"}


def test_what_only_tells_is_not_part_of_the_work(journal: Any) -> None:
    placement = Placement(
        component="hat", world_from_part=((1.0,) * 4,) * 4, scale=1.0, method="measured"
    )
    noted = placement.model_copy(update={"warnings": ("depth is a guess",)})
    moved = placement.model_copy(update={"scale": 2.0})
    assert key_of(inputs={"parts": (placement,)}) == key_of(inputs={"parts": (noted,)})
    assert key_of(inputs={"parts": (placement,)}) != key_of(inputs={"parts": (moved,)})


@pytest.mark.parametrize(
    "kind",
    [
        value
        for value in vars(errors).values()
        if isinstance(value, type)
        and issubclass(value, errors.MMPartError)
        and value is not errors.StageFailedError
    ],
    ids=lambda kind: kind.__name__,
)
def test_errors_survive_pickling(kind: type[Exception]) -> None:
    copy = pickle.loads(pickle.dumps(kind("what happened; what to do")))
    assert (type(copy), str(copy)) == (kind, "what happened; what to do")


def test_stage_failure_survives_pickling() -> None:
    failure = PartFailure(component="hat", stage="mesh", error="StageError", message="empty")
    copy = pickle.loads(pickle.dumps(errors.StageFailedError(failure)))
    assert (copy.failure, str(copy)) == (failure, "empty")
