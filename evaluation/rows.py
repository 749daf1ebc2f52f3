"""Score rows: one per part, group and object, each with its whole protocol."""

from typing import Any, Literal

from pydantic import Field

from evaluation.protocol import Level, Protocol
from mmpart_core.records import Record

RowState = Literal["scored", "failed", "unscored"]


class ScoreRow(Record):
    """What one part, group or object scored.

    Attributes:
        dataset: name of the data set; empty when not from one.
        object_id: of the true object.
        category: of the object.
        level: part, group or object.
        name: the part, the group's label, or the object.
        matched: the predicted part it was compared with; None where there is none.
        matched_by: how they were paired.
        state: ``scored``; ``failed``: no usable prediction, values are the worst there are;
            ``unscored``: the truth itself is not usable, so there is nothing to measure.
        reason: why it failed or is unscored.
        values: finite numbers by metric; see ``metric_facts``.
        unscored: metrics that do not apply or could not be taken, with the reason; they are in
            no mean.
        flags: what the reader should know, for instance that shells were compared.
        missing: at object level, true parts without a usable prediction.
        surplus: at object level, predicted parts that nothing true was paired with.
        issues: at object level, what is wrong with the data, each with its file.
        hints: at object level, signs that axes, scale or names are not what they are said to be,
            each with its file; they change no score.
        protocol: everything the values depend on.
    """

    dataset: str = ""
    object_id: str
    category: str = ""
    level: Level
    name: str
    matched: str | None = None
    matched_by: str = ""
    state: RowState
    reason: str = ""
    values: dict[str, float] = Field(default_factory=dict)
    unscored: dict[str, str] = Field(default_factory=dict)
    flags: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    issues: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    protocol: Protocol

    def flat(self) -> dict[str, Any]:
        """One level of columns, for tables: a column per metric, lists joined, protocol as JSON."""
        texts = {
            key: getattr(self, key)
            for key in ("dataset", "object_id", "category", "level", "name", "matched",
                        "matched_by", "state", "reason")
        }  # fmt: skip
        lists = {
            key: "; ".join(getattr(self, key))
            for key in ("flags", "missing", "surplus", "issues", "hints")
        }
        unscored = "; ".join(f"{metric}: {why}" for metric, why in self.unscored.items())
        return {
            **texts,
            **self.values,
            **lists,
            "unscored": unscored,
            "protocol": self.protocol.name,
            "protocol_json": self.protocol.model_dump_json(),
        }


class ObjectScore(Record):
    """All rows of one object under one protocol: what is stored of finished scoring.

    Attributes:
        rows: parts, groups and the object, without what making the prediction cost.
    """

    rows: tuple[ScoreRow, ...]
