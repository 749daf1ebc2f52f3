"""One object of a data set, from files to score rows: what a worker process is asked to do."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from evaluation.appearance import AppearanceOptions
from evaluation.loaders import Dataset, open_dataset
from evaluation.loaders.files import UpAxis
from evaluation.loaders.predictions import PredictionFolder
from evaluation.models.model_files import ModelFiles, open_models
from evaluation.objects import GroundTruthObject, Prediction, PredictionFrame
from evaluation.protocol import Protocol
from evaluation.rows import ObjectScore, ScoreRow
from evaluation.scorecard import score_pair
from evaluation.scoring.context import PreparedPair, prepare_pair
from mmpart_core.errors import InputError
from mmpart_core.keys import canonical_json
from mmpart_core.records import Record

SCORE_VERSION = 6
"""Bump when equal truth, prediction and protocol may now give other rows."""

TRUTH_ITSELF = "the truth itself, as the upper end of what can be reached"


class ScoreInputs(Record):
    """Where one object's truth and prediction lie.

    Attributes:
        dataset: folder of the data set.
        layout: a key of ``loaders.LAYOUTS``.
        predictions: folder of the predictions; None scores the truth against itself.
        frame: of predictions that do not say it themselves.
        up: upright axis of predicted formats that do not say it.
        object_id: which object.
        fault: why there is no prediction, where whoever was to make it knows.
    """

    dataset: str
    layout: str
    predictions: str | None
    frame: PredictionFrame = "truth"
    up: UpAxis = "y"
    object_id: str
    fault: str | None = None


class LookOptions(Record):
    """From where renders are compared, and by which models; see ``appearance.AppearanceOptions``.

    The models' digests are in the protocol, and with it in the key; their paths are in no key.
    """

    azimuths_deg: tuple[float, ...] = (45.0, 135.0, 225.0, 315.0)
    elevation_deg: float = Field(default=20.0, gt=-90.0, lt=90.0)
    fov_deg: float = Field(default=30.0, gt=1.0, lt=120.0)
    size_px: int = Field(default=256, ge=16, le=2048)
    models: ModelFiles = ModelFiles()


class Fingerprint(Record):
    """What an object's score depends on, and what it cost to make.

    Attributes:
        digest: SHA-256 over truth, prediction and the data set's name; "" where the truth cannot
            be read.
        cost: seconds and money, as far as they are known; in no key.
        fault: why the truth cannot be read.
    """

    digest: str
    cost: dict[str, float] = Field(default_factory=dict)
    fault: str | None = None


def fingerprint(inputs: ScoreInputs) -> Fingerprint:
    """Read both sides and digest what is in them, whatever files they come from.

    Files that cannot be read are no error here: a prediction counts as failed, a truth is named
    in the result.
    """
    try:
        truth, prediction, fault = _load(inputs)
    except InputError as error:
        return Fingerprint(digest="", fault=str(error))
    cost = dict(prediction.cost) if prediction else {}
    return Fingerprint(digest=_digest(truth, prediction, fault, _dataset_name(inputs)), cost=cost)


def score_key(digest: str, protocol: Protocol, look: LookOptions | None) -> str:
    """The cache key of one object's rows under one protocol.

    Args:
        digest: of ``fingerprint``.
        protocol: how it is scored.
        look: renders that are compared; None for none.
    """
    content = {
        "score_version": SCORE_VERSION,
        "pair": digest,
        "protocol": protocol.model_dump(mode="json"),
        "look": look.model_dump(exclude={"models"}) if look else None,
    }
    return f"score-{hashlib.sha256(canonical_json(content).encode()).hexdigest()}"


def score_files(
    inputs: ScoreInputs, digest: str, protocol: Protocol, look: LookOptions | None
) -> ObjectScore:
    """All rows of one object under one protocol, without what making it cost.

    Args:
        inputs: where both sides lie.
        digest: of ``fingerprint``; the files must still hold that.
        protocol: how to score.
        look: compare renders from these views; None leaves appearance unscored.

    Raises:
        InputError: the truth cannot be read, or the files changed since they were digested.
        ConfigError: a model cannot be opened here.
    """
    pair, fault = _prepared(inputs, digest)  # pyright: ignore[reportArgumentType]
    options = _appearance(look) if look else None
    rows = score_pair(pair, protocol, dataset=_dataset_name(inputs), appearance=options)
    return ObjectScore(rows=tuple(_explained(row, fault) for row in rows))


def _appearance(look: LookOptions) -> AppearanceOptions:
    sight = look.model_dump(exclude={"models"})
    return AppearanceOptions(**sight, models=open_models(look.models))


def load_pair(inputs: ScoreInputs) -> tuple[GroundTruthObject, Prediction | None]:
    """Both sides of an object, for pictures.

    Raises:
        InputError: one of them cannot be read.
    """
    truth, prediction, _ = _load(inputs)
    return truth, prediction


def unscored_row(dataset: str, object_id: str, protocol: Protocol, reason: str) -> ScoreRow:
    """The row of an object that could not be scored at all."""
    return ScoreRow(
        dataset=dataset, object_id=object_id, level="object", name=object_id, state="unscored",
        reason=reason, issues=(reason,), protocol=protocol,
    )  # fmt: skip


def with_cost(row: ScoreRow, cost: Mapping[str, float]) -> ScoreRow:
    """An object's row with what making the prediction took; other rows as they are."""
    if row.level != "object" or not cost:
        return row
    return row.model_copy(update={"values": {**row.values, **cost}})


def opened_dataset(folder: str, layout: str) -> Dataset:
    """A data set by its folder and layout; the last few stay open."""
    return _opened(Path(folder).absolute(), layout)


@lru_cache(maxsize=8)
def _opened(folder: Path, layout: str) -> Dataset:
    return open_dataset(folder, layout)


def _dataset_name(inputs: ScoreInputs) -> str:
    return str(opened_dataset(inputs.dataset, inputs.layout).name)


def _load(inputs: ScoreInputs) -> tuple[GroundTruthObject, Prediction | None, str | None]:
    """Truth, prediction, and why there is none."""
    dataset = opened_dataset(inputs.dataset, inputs.layout)
    truth: GroundTruthObject = dataset.load(inputs.object_id)
    if inputs.fault is not None:
        return truth, _failed(truth, inputs.fault), inputs.fault
    if inputs.predictions is None:
        return truth, Prediction(truth.object_id, truth.parts, source=TRUTH_ITSELF), None
    folder = PredictionFolder(Path(inputs.predictions), frame=inputs.frame, up=inputs.up)
    try:
        return truth, folder.load(inputs.object_id), None
    except InputError as error:
        return truth, _failed(truth, str(error)), str(error)


def _failed(truth: GroundTruthObject, fault: str) -> Prediction:
    return Prediction(truth.object_id, {}, failures=dict.fromkeys(truth.parts, fault))


@lru_cache(maxsize=1)
def _prepared(inputs: ScoreInputs, digest: str) -> tuple[PreparedPair, str | None]:
    """Kept for the next protocol of the same object: samples and distances are shared."""
    truth, prediction, fault = _load(inputs)
    if _digest(truth, prediction, fault, _dataset_name(inputs)) != digest:
        raise InputError(
            f"object '{inputs.object_id}': its files changed while they were scored; evaluate again"
        )
    return prepare_pair(truth, replace(prediction, cost={}) if prediction else None), fault


def _explained(row: ScoreRow, fault: str | None) -> ScoreRow:
    if fault is None or row.level != "object" or row.state != "failed":
        return row
    return row.model_copy(update={"reason": fault})


def _digest(
    truth: GroundTruthObject, prediction: Prediction | None, fault: str | None, dataset: str
) -> str:
    known = replace(prediction, cost={}) if prediction else None
    return content_digest([dataset, fault, truth, known])


def content_digest(value: Any) -> str:
    """SHA-256 of everything in an object, prediction or list of such, arrays included."""
    sha = hashlib.sha256()
    for piece in _bytes_of(value):
        sha.update(len(piece).to_bytes(8, "big"))
        sha.update(piece)
    return sha.hexdigest()


def _bytes_of(value: Any) -> Iterator[bytes]:
    """Everything in a value, field by field, so that nothing a score may look at is left out."""
    yield type(value).__name__.encode()
    if isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif is_dataclass(value):
        for field in fields(value):
            yield field.name.encode()
            yield from _bytes_of(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key).encode()
            yield from _bytes_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _bytes_of(item)
    else:
        yield canonical_json(value).encode()
