"""What several metrics and protocols need of one object, computed once and on demand."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from evaluation.alignment import Bounds, Similarity
from evaluation.functional import placement, sampling
from evaluation.functional.boxes import box_around, used_vertices
from evaluation.functional.distances import (
    NearestDistances,
    Norm,
    nearest_distances,
    point_tree,
    query_tree,
)
from evaluation.functional.penetration import penetration_pct, penetration_volume, solid_volume
from evaluation.functional.topology import Topology, topology
from evaluation.functional.voxels import VoxelGrid, fill_voxels, voxelize_points, voxelize_surface
from mmpart_core.geometry.surface import TriangleMesh


class PreparedMesh:
    """One surface in its own coordinates, with what was asked of it before.

    Args:
        vertices: finite positions.
        faces: vertex indices, at least one face with area.
    """

    def __init__(self, vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> None:
        self.vertices = np.asarray(vertices, dtype=np.float64)
        self.faces = faces
        self._samples: dict[int, tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 3"]]] = {}
        self._trees: dict[tuple[int, int], KDTree] = {}
        self._grids: dict[tuple[bytes, float, str, int], VoxelGrid] = {}

    @cached_property
    def used(self) -> Float[np.ndarray, "K 3"]:
        """The vertices that faces use."""
        return used_vertices(self.vertices, self.faces)

    @cached_property
    def bounds(self) -> Bounds:
        """Lowest and highest corner."""
        return box_around(self.used)

    @cached_property
    def centroid(self) -> Float[np.ndarray, "3"]:
        """Centre of mass of the surface."""
        return placement.surface_centroid(self.vertices, self.faces)

    @cached_property
    def topology(self) -> Topology:
        """Watertightness, open edges, components."""
        return topology(self.vertices, self.faces)

    @cached_property
    def volume(self) -> float | None:
        """Enclosed volume; None where open."""
        return solid_volume(self.vertices, self.faces)

    def sample(
        self, count: int, seed: int
    ) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 3"]]:
        """Points and normals; a smaller sample is the beginning of a larger one."""
        have = self._samples.get(seed)
        if have is None or len(have[0]) < count:
            have = sampling.sample_surface(self.vertices, self.faces, count, seed)
            self._samples[seed] = have
        return have[0][:count], have[1][:count]

    def tree(self, count: int, seed: int) -> KDTree:
        """Tree of a sample."""
        key = (count, seed)
        if key not in self._trees:
            self._trees[key] = point_tree(self.sample(count, seed)[0])
        return self._trees[key]

    def moved_bounds(self, motion: Similarity) -> Bounds:
        """Lowest and highest corner after a motion."""
        if motion.turns_nothing:
            low, high = (motion.apply(corner[None])[0] for corner in self.bounds)
            return low, high
        return box_around(motion.apply(self.used))

    def voxels(self, motion: Similarity, pitch: float, *, filled: bool) -> VoxelGrid:
        """Occupied cells after a motion.

        Raises:
            ArgumentError: more than ``voxels.MAX_CELLS`` cells along an axis.
        """
        shell_key, filled_key = ((motion.key(), pitch, kind, 0) for kind in ("shell", "filled"))
        if shell_key not in self._grids:
            self._grids[shell_key] = voxelize_surface(
                motion.apply(self.vertices), self.faces, pitch
            )
        if not filled:
            return self._grids[shell_key]
        if filled_key not in self._grids:
            self._grids[filled_key] = fill_voxels(self._grids[shell_key])
        return self._grids[filled_key]

    def point_voxels(self, motion: Similarity, pitch: float, count: int, seed: int) -> VoxelGrid:
        """Cells that sampled points fall in after a motion.

        Raises:
            ArgumentError: more than ``voxels.MAX_CELLS`` cells along an axis.
        """
        key = (motion.key(), pitch, f"points {seed}", count)
        if key not in self._grids:
            points = self.sample(count, seed)[0]
            self._grids[key] = voxelize_points(motion.apply(points), pitch)
        return self._grids[key]


class PreparedSet:
    """The usable parts of one object.

    Args:
        parts: sound meshes by name (``objects.mesh_fault`` is None for each).
    """

    def __init__(self, parts: Mapping[str, TriangleMesh]) -> None:
        self.parts = {name: PreparedMesh(mesh.vertices, mesh.faces) for name, mesh in parts.items()}
        self._unions: dict[tuple[str, ...], PreparedMesh] = {}
        self._penetrations: dict[tuple[str, str], float | None] = {}

    @cached_property
    def used(self) -> Float[np.ndarray, "K 3"]:
        """All vertices that faces use."""
        return np.concatenate([part.used for part in self.parts.values()])

    @cached_property
    def bounds(self) -> Bounds:
        """Box around all parts."""
        return box_around(self.used)

    def union(self, names: Sequence[str]) -> PreparedMesh:
        """Some parts as one surface, in that order."""
        key = tuple(names)
        if len(key) == 1:
            return self.parts[key[0]]
        if key not in self._unions:
            chosen = [self.parts[name] for name in key]
            starts = np.cumsum([0, *(len(part.vertices) for part in chosen)])
            self._unions[key] = PreparedMesh(
                np.concatenate([part.vertices for part in chosen]),
                np.concatenate(
                    [part.faces + start for part, start in zip(chosen, starts[:-1], strict=True)]
                ),
            )
        return self._unions[key]

    def penetration(self, first: str, second: str) -> float | None:
        """Volume two parts share in % of the smaller; None where one of them is open."""
        key = (min(first, second), max(first, second))
        if key not in self._penetrations:
            self._penetrations[key] = self._penetration(*(self.parts[name] for name in key))
        return self._penetrations[key]

    def _penetration(self, first: PreparedMesh, second: PreparedMesh) -> float | None:
        if first.volume is None or second.volume is None:
            return None
        shared = penetration_volume(first.vertices, first.faces, second.vertices, second.faces)
        return None if shared is None else penetration_pct(shared, first.volume, second.volume)


class NearestCache:
    """Nearest distances between pairs of surfaces, in the truth's units."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int, int, int, Norm, bytes], NearestDistances] = {}
        self._f_scores: dict[tuple[int, int, int, int, bytes, float], float] = {}
        self._kept: list[PreparedMesh] = []

    def nearest(
        self,
        prediction: PreparedMesh,
        truth: PreparedMesh,
        motion: Similarity,
        count: int,
        seed: int,
        norm: Norm = "l2",
    ) -> NearestDistances:
        """Distances both ways between samples.

        Args:
            prediction: the predicted surface.
            truth: the true surface.
            motion: from the prediction's coordinates to the truth's.
            count: points on each.
            seed: of the samples.
            norm: of the distances.
        """
        key = (id(prediction), id(truth), count, seed, norm, motion.key())
        if key not in self._found:
            self._kept += [prediction, truth]
            self._found[key] = _nearest(prediction, truth, motion, count, seed, norm)
        return self._found[key]

    def f_score_within(
        self,
        prediction: PreparedMesh,
        truth: PreparedMesh,
        motion: Similarity,
        count: int,
        seed: int,
        tau: float,
    ) -> float:
        """F-score at a distance; looks no farther than it, so far pairs cost next to nothing.

        Args:
            prediction: the predicted surface.
            truth: the true surface.
            motion: from the prediction's coordinates to the truth's.
            count: points on each.
            seed: of the samples.
            tau: in the truth's units.
        """
        key = (id(prediction), id(truth), count, seed, motion.key(), tau)
        if key not in self._f_scores:
            self._kept += [prediction, truth]
            self._f_scores[key] = _f_score_within(prediction, truth, motion, count, seed, tau)
        return self._f_scores[key]


def _f_score_within(
    prediction: PreparedMesh,
    truth: PreparedMesh,
    motion: Similarity,
    count: int,
    seed: int,
    tau: float,
) -> float:
    predicted, true = motion.apply(prediction.sample(count, seed)[0]), truth.sample(count, seed)[0]
    near_truth = _inside(predicted, truth.bounds, tau)
    near_prediction = _inside(true, prediction.moved_bounds(motion), tau)
    if not near_truth.any() or not near_prediction.any():
        return 0.0
    # scipy leaves out what is farther than the bound; a little over tau, and "<" decides
    bound = tau * (1.0 + 1e-9)
    found = truth.tree(count, seed).query(predicted[near_truth], distance_upper_bound=bound)[0]
    precision = float((np.asarray(found) < tau).sum()) / count
    back = motion.inverse().apply(true[near_prediction])
    local_bound = bound / motion.scale
    found = prediction.tree(count, seed).query(back, distance_upper_bound=local_bound)[0]
    recall = float((np.asarray(found) * motion.scale < tau).sum()) / count
    return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0


def _inside(
    points: Float[np.ndarray, "P 3"], bounds: Bounds, margin: float
) -> Bool[np.ndarray, "P"]:
    """Which points are in a box, or nearer to it than the margin along each axis."""
    inside = np.ones(len(points), dtype=bool)
    for values, low, high in zip(points.T, bounds[0] - margin, bounds[1] + margin, strict=True):
        inside &= (values >= low) & (values <= high)
    return inside


def _nearest(
    prediction: PreparedMesh,
    truth: PreparedMesh,
    motion: Similarity,
    count: int,
    seed: int,
    norm: Norm,
) -> NearestDistances:
    predicted, true = prediction.sample(count, seed)[0], truth.sample(count, seed)[0]
    if norm == "l1" and not motion.turns_nothing:
        # a Manhattan distance does not survive a rotation: the moved points need their own tree
        return nearest_distances(motion.apply(predicted), true, norm=norm)
    true_tree, predicted_tree = truth.tree(count, seed), prediction.tree(count, seed)
    forward = query_tree(true_tree, motion.apply(predicted), predicted_tree.indices, norm=norm)
    back = motion.inverse().apply(true)
    distances, index = query_tree(predicted_tree, back, true_tree.indices, norm=norm)
    return NearestDistances.of_queries(forward, (distances * motion.scale, index))
