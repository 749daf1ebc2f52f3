"""Truth and prediction of one object, made ready; and how one protocol looks at them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import KDTree

from evaluation import alignment
from evaluation.alignment import Similarity
from evaluation.functional.chamfer import chamfer_from_distances
from evaluation.functional.distances import NearestDistances
from evaluation.functional.registration import icp
from evaluation.matching import match_names
from evaluation.objects import DataIssue, GroundTruthObject, Prediction, mesh_fault
from evaluation.prepared import NearestCache, PreparedMesh, PreparedSet
from evaluation.protocol import Protocol
from mmpart_core.geometry.surface import TriangleMesh

_RIGHT_ANGLES_DEG = (0.0, 90.0, 180.0, 270.0)


@dataclass(frozen=True)
class PreparedPair:
    """One object with its prediction: usable parts, faults, and everything computed once.

    Attributes:
        truth_object: as loaded.
        prediction: as loaded; None when there is none.
        truth: its usable parts.
        made: the prediction's usable parts.
        truth_faults: true part -> why it cannot be used.
        made_faults: predicted part -> why it is a failure.
        nearest: distances, shared by all protocols.
    """

    truth_object: GroundTruthObject
    prediction: Prediction | None
    truth: PreparedSet
    made: PreparedSet
    truth_faults: dict[str, str]
    made_faults: dict[str, str]
    nearest: NearestCache = field(default_factory=NearestCache)

    def union_of_all(self) -> PreparedMesh:
        """The whole true object."""
        return self.truth.union(tuple(self.truth.parts))

    def issues(self) -> list[DataIssue]:
        """What is wrong with the data of both sides, each with its file."""
        truth, prediction = self.truth_object, self.prediction
        found = [*truth.issues, *(prediction.issues if prediction else ())]
        file = truth.source or truth.object_id
        found += [
            DataIssue(file, f"true part left out: {why}", part)
            for part, why in self.truth_faults.items()
        ]
        if prediction is not None:
            file = prediction.source or prediction.object_id
            found += [DataIssue(file, why, part) for part, why in self.made_faults.items()]
        return found


def prepare_pair(truth: GroundTruthObject, prediction: Prediction | None) -> PreparedPair:
    """Sort the parts of both sides into usable ones and faults; nothing is computed yet."""
    true_parts, truth_faults = _sound(truth.parts)
    made_parts, made_faults = _sound(prediction.parts if prediction else {})
    for name, why in (prediction.failures if prediction else {}).items():
        made_faults[name] = why
        made_parts.pop(name, None)
    # Samples of a whole follow the order of its parts: that of the truth's names, so that neither
    # side's order matters and identical objects get identical points.
    order = list(match_names(list(truth.parts), list(made_parts)).items())
    order.sort(key=lambda pair: list(truth.parts).index(pair[0]))
    first = [predicted for _, predicted in order]
    made_parts = {name: made_parts[name] for name in dict.fromkeys([*first, *made_parts])}
    return PreparedPair(
        truth, prediction, PreparedSet(true_parts), PreparedSet(made_parts), truth_faults,
        made_faults,
    )  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """How one protocol looks at a pair that has usable parts on both sides.

    Attributes:
        pair: what is compared.
        protocol: how.
        frame: from the truth's coordinates to the protocol's frame.
        placed: from the prediction's coordinates to the truth's, before alignment.
        aligned: the same after it.
    """

    pair: PreparedPair
    protocol: Protocol
    frame: Similarity
    placed: Similarity
    aligned: Similarity

    @property
    def side(self) -> float:
        """Longest side of the true object in the protocol's frame."""
        return self.frame.scale * alignment.longest_side(self.pair.truth.bounds)

    @property
    def diagonal(self) -> float:
        """Diagonal of the true object, in its own units."""
        low, high = self.pair.truth.bounds
        return float(np.linalg.norm(high - low))

    def distances(self, made: PreparedMesh, truth: PreparedMesh, count: int) -> NearestDistances:
        """Euclidean distances of two aligned surfaces, in the protocol's frame."""
        found = self.pair.nearest.nearest(made, truth, self.aligned, count, self.protocol.seed)
        return found.scaled(self.frame.scale)

    def f_score_to_match(self, made: PreparedMesh, truth: PreparedMesh) -> float:
        """F-score at the distance that pairs parts."""
        protocol = self.protocol
        reach = protocol.match_tau / self.frame.scale
        return self.pair.nearest.f_score_within(
            made, truth, self.aligned, protocol.points, protocol.seed, reach
        )


def compare(pair: PreparedPair, protocol: Protocol, made_names: tuple[str, ...]) -> Comparison:
    """Bring a prediction to the truth the protocol's way.

    Args:
        pair: with usable parts on both sides.
        protocol: how.
        made_names: order in which the predicted parts make up the whole.

    Raises:
        GeometryError: a shape without extent.
    """
    prediction = pair.prediction or Prediction(pair.truth_object.object_id, {})
    frame = alignment.frame_from_truth(pair.truth.bounds, protocol.frame)
    placed = alignment.truth_from_prediction(
        prediction, pair.made.used, pair.truth.used, protocol.frame
    )
    whole = pair.made.union(made_names)
    if protocol.alignment == "best_of_4_rotations":
        aligned = _best_turn(pair, whole, protocol, placed)
    elif protocol.alignment == "rigid_icp":
        points = placed.apply(whole.sample(protocol.whole_points, protocol.seed)[0])
        tree: KDTree = pair.union_of_all().tree(protocol.whole_points, protocol.seed)
        fit = icp(points, tree, protocol.icp_iterations)
        aligned = alignment.rigid(fit.matrix()).after(placed)
    else:
        aligned = placed
    return Comparison(pair, protocol, frame, placed, aligned)


def _best_turn(
    pair: PreparedPair, whole: PreparedMesh, protocol: Protocol, placed: Similarity
) -> Similarity:
    truth = pair.union_of_all()
    low, high = pair.truth.bounds
    turns = [
        alignment.turned_about((low + high) / 2.0, angle).after(placed)
        for angle in _RIGHT_ANGLES_DEG
    ]
    scores = [
        chamfer_from_distances(
            pair.nearest.nearest(whole, truth, turn, protocol.whole_points, protocol.seed)
        )
        for turn in turns
    ]
    return turns[int(np.argmin(scores))]


def _sound(parts: Mapping[str, TriangleMesh]) -> tuple[dict[str, TriangleMesh], dict[str, str]]:
    faults = {name: fault for name, mesh in parts.items() if (fault := mesh_fault(mesh))}
    return {name: mesh for name, mesh in parts.items() if name not in faults}, faults
