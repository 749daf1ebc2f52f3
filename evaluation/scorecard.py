"""One object under one protocol -> score rows, failures included."""

from collections.abc import Sequence
from functools import cached_property

from evaluation.alignment import frame_from_truth, longest_side
from evaluation.appearance import (
    NOT_ASKED,
    VIEW_METRICS,
    AppearanceOptions,
    part_silhouette,
    part_text,
    score_appearance,
)
from evaluation.functional.counts import label_of, plain_name
from evaluation.matching import NameCheck, check_names, match_parts
from evaluation.objects import GroundTruthObject, Prediction, describe_issue
from evaluation.protocol import MMPART, Level, Protocol
from evaluation.rows import RowState, ScoreRow
from evaluation.scoring.collected import Collected
from evaluation.scoring.context import (
    Comparison,
    PreparedPair,
    compare,
    prepare_pair,
)
from evaluation.scoring.part import box_overlap, part_metric_names, score_part
from evaluation.scoring.shape import tell_open_truth
from evaluation.scoring.whole import (
    score_counts,
    score_independence,
    score_union,
    together_metric_names,
    union_metric_names,
)
from evaluation.suspicions import suspect_frame, suspect_names

NO_PREDICTION = "there is no prediction of this object"
NO_TRUTH = "no part of the truth is usable"
SUCCESSES_ONLY = "failed; this protocol averages over successes"


def score_object(
    truth: GroundTruthObject,
    prediction: Prediction | None,
    protocols: Sequence[Protocol] = (MMPART,),
    *,
    dataset: str = "",
    appearance: AppearanceOptions | None = None,
) -> list[ScoreRow]:
    """All rows of one object under some protocols.

    Samples, trees, distances and voxels are computed once and shared by the protocols. Nothing
    in the data raises: faults become issues and failures.

    Args:
        truth: the true object.
        prediction: what a method made of it; None when it made nothing.
        protocols: see ``evaluation.protocol.PRESETS``.
        dataset: name of the data set, for the rows.
        appearance: render both sides, from these views; None leaves appearance unscored.
    """
    pair = prepare_pair(truth, prediction)
    return [
        row
        for protocol in protocols
        for row in score_pair(pair, protocol, dataset=dataset, appearance=appearance)
    ]


def score_pair(
    pair: PreparedPair,
    protocol: Protocol,
    *,
    dataset: str = "",
    appearance: AppearanceOptions | None = None,
) -> list[ScoreRow]:
    """All rows of one prepared object under one protocol: parts, then groups, then the object."""
    return _Card(pair, protocol, dataset, appearance).rows()


class _Card:
    """Scores one pair under one protocol; holds what all rows share."""

    def __init__(
        self,
        pair: PreparedPair,
        protocol: Protocol,
        dataset: str,
        appearance: AppearanceOptions | None,
    ) -> None:
        self.pair, self.protocol, self.dataset = pair, protocol, dataset
        self.appearance = appearance if protocol.takes("appearance") else None
        self.comparison: Comparison | None = None
        if pair.truth.parts and pair.made.parts:
            self.comparison = compare(pair, protocol, tuple(pair.made.parts))
        self.pairing = match_parts(
            list(pair.truth.parts),
            list(pair.made.parts),
            protocol.matching,
            f_score=self._pair_f_score,
            box_iou=self._pair_box_iou,
        )
        self.groups: dict[str, list[str]] = {}
        for name in pair.truth.parts:
            self.groups.setdefault(pair.truth_object.label(name), []).append(name)

    def rows(self) -> list[ScoreRow]:
        """Rows of the protocol's levels, the object's always among them.

        The object's row carries the success rate, missing and surplus parts and all issues, also
        under protocols that take no metric of the whole.
        """
        if not self.pair.truth.parts:
            object_id = self.pair.truth_object.object_id
            return [self._row("object", object_id, "unscored", self._collected(), NO_TRUTH)]
        rows: list[ScoreRow] = []
        if "part" in self.protocol.levels:
            rows += [self._part_row(name) for name in self.pair.truth_object.parts]
        if "group" in self.protocol.levels:
            rows += [self._group_row(label) for label in self.groups]
        return [*rows, self._object_row()]

    def _part_row(self, name: str) -> ScoreRow:
        into = self._collected()
        if name in self.pair.truth_faults:
            return self._row("part", name, "unscored", into, self.pair.truth_faults[name])
        found = self.pairing.matched[name]
        if found is None or self.comparison is None:
            self._fail(into, part_metric_names(self.protocol))
            tell_open_truth(self.pair.truth.parts[name], into)
            if self.appearance is not None:
                into.put_worst("silhouette_iou")
                if self.appearance.models.clip_text is not None:
                    into.put_worst("clip_text")
            return self._row("part", name, "failed", into, self._why_failed(name))
        made, truth = self.pair.made.parts[found], self.pair.truth.parts[name]
        score_part(self.comparison, made, truth, into)
        if self.appearance is not None:
            part_silhouette(self.comparison, name, found, into)
            part_text(self.comparison, name, found, self.appearance, into)
        return self._row("part", name, "scored", into)

    def _group_row(self, label: str) -> ScoreRow:
        into = self._collected()
        members = self.groups[label]
        made = self._made_names(members)
        made += [name for name in self.pairing.surplus if label_of(name) == label]
        if not made or self.comparison is None:
            self._fail(into, union_metric_names(self.protocol))
            tell_open_truth(self.pair.truth.union(members), into)
            return self._row("group", label, "failed", into, "no part of the group was made")
        sides = self.pair.made.union(made), self.pair.truth.union(members)
        score_union(self.comparison, *sides, self.protocol.points, into)
        self._flag_missing(members, into)
        return self._row("group", label, "scored", into)

    def _object_row(self) -> ScoreRow:
        into = self._collected()
        truths = list(self.pair.truth.parts)
        missing = self._missing()
        made = [*self._made_names(truths), *self.pairing.surplus]
        state: RowState = "scored" if made else "failed"
        reason = "" if made else self._why_failed(self.pair.truth_object.object_id)
        if "object" in self.protocol.levels:
            if self.comparison is not None:
                sides = self.pair.made.union(made), self.pair.truth.union(truths)
                score_union(self.comparison, *sides, self.protocol.whole_points, into)
            else:
                self._fail(into, union_metric_names(self.protocol))
                tell_open_truth(self.pair.union_of_all(), into)
            self._score_parts_together(len(missing), into)
            self._score_appearance(made, into)
            self._flag_missing(truths, into)
        expected = len(truths) if self.protocol.matching != "none" else len(made) + len(missing)
        into.put("success_rate", (expected - len(missing)) / max(expected, 1))
        for name, amount in (self.pair.prediction.cost if self.pair.prediction else {}).items():
            into.put(name, amount)
        object_id = self.pair.truth_object.object_id
        row = self._row("object", object_id, state, into, reason)
        return row.model_copy(
            update={
                "missing": tuple(missing),
                "surplus": self.pairing.surplus if self.protocol.matching != "none" else (),
                "issues": tuple(describe_issue(issue) for issue in self.pair.issues()),
                "hints": tuple(self._hints()),
            }
        )

    def _score_parts_together(self, failed: int, into: Collected) -> None:
        if self.pair.prediction is None or not self.pair.made.parts:
            self._fail(into, together_metric_names(self.protocol))
            return
        score_independence(self.comparison, self.pair, failed, into)
        # Judging names compares every true part with every made one.
        fitting = self.names.fitting if self.protocol.takes("names") else {}
        score_counts(self.pair, self.pairing, fitting, into)

    def _score_appearance(self, made: Sequence[str], into: Collected) -> None:
        if self.appearance is not None:
            score_appearance(self.comparison, made, self.appearance, into)
        elif self.protocol.takes("appearance"):
            for metric in VIEW_METRICS:
                into.leave_out(metric, NOT_ASKED)

    def _fail(self, into: Collected, metrics: Sequence[str]) -> None:
        for metric in metrics:
            if self.protocol.failure_policy == "worst":
                into.put_worst(metric)
            else:
                into.leave_out(metric, SUCCESSES_ONLY)

    def _missing(self) -> list[str]:
        if self.protocol.matching == "none":
            if self.pair.prediction is None:
                return list(self.pair.truth.parts)
            return list(self.pair.made_faults)
        return [name for name, found in self.pairing.matched.items() if found is None]

    def _made_names(self, members: Sequence[str]) -> list[str]:
        found = (self.pairing.matched[name] for name in members)
        return [name for name in found if name is not None]

    def _flag_missing(self, members: Sequence[str], into: Collected) -> None:
        lost = len(members) - len(self._made_names(members))
        if lost and self.protocol.matching != "none":
            into.flags.append(f"{lost} of {len(members)} parts are missing in the prediction")

    def _why_failed(self, name: str) -> str:
        if self.pair.prediction is None:
            return NO_PREDICTION
        alike = {plain_name(made): why for made, why in self.pair.made_faults.items()}
        return alike.get(plain_name(name), "no usable predicted part was paired with it")

    def _pair_f_score(self, true: str, predicted: str) -> float:
        comparison = self.comparison
        if comparison is None:
            return 0.0
        made, truth = self.pair.made.parts[predicted], self.pair.truth.parts[true]
        return comparison.f_score_to_match(made, truth)

    def _pair_box_iou(self, true: str, predicted: str) -> float:
        if self.comparison is None:
            return 0.0
        made, truth = self.pair.made.parts[predicted], self.pair.truth.parts[true]
        return box_overlap(self.comparison, made, truth)

    def _pair_fit(self, true: str, predicted: str) -> float:
        """How well a part fits: fine agreement and, where parts stand apart, that of their boxes.

        An F-score at a small distance is 0 for coarse work; boxes still tell left from right.
        """
        return (self._pair_f_score(true, predicted) + self._pair_box_iou(true, predicted)) / 2.0

    @cached_property
    def names(self) -> NameCheck:
        """Whether the parts' names stand on the right shapes."""
        return check_names(list(self.pair.truth.parts), list(self.pair.made.parts), self._pair_fit)

    def _hints(self) -> list[str]:
        if self.comparison is None:
            return []
        found = suspect_frame(self.comparison)
        if not found and self.protocol.takes("names"):
            # in a wrong frame shapes say nothing about names
            prediction = self.pair.prediction
            file = (prediction.source if prediction else "") or self.pair.truth_object.object_id
            found = suspect_names(self.names, file)
        return [describe_issue(issue) for issue in found]

    def _collected(self) -> Collected:
        if not self.pair.truth.parts:
            return Collected(self.protocol, 2.0)
        bounds = self.pair.truth.bounds
        frame = frame_from_truth(bounds, self.protocol.frame)
        return Collected(self.protocol, frame.scale * longest_side(bounds))

    def _row(
        self, level: Level, name: str, state: RowState, into: Collected, reason: str = ""
    ) -> ScoreRow:
        return ScoreRow(
            dataset=self.dataset,
            object_id=self.pair.truth_object.object_id,
            category=self.pair.truth_object.category,
            level=level,
            name=name,
            matched=self.pairing.matched.get(name) if level == "part" else None,
            matched_by=self.pairing.how.get(name, "") if level == "part" else "",
            state=state,
            reason=reason,
            values=into.values,
            unscored=into.unscored,
            flags=tuple(into.flags),
            protocol=self.protocol,
        )
