"""Cuts an object into as many regions as parts are wanted, when nobody says where they are."""

import heapq
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mmpart_core.isolate.superpixels import Superpixels

# Set by hand on the examples without hints (the second table of ``benchmarks/isolation.py``).
_COLOUR_WEIGHTS = np.array([0.45, 1.0, 1.0])  # shading changes lightness, parts change hue
_POSITION_WEIGHT = 40.0  # L*a*b* units that weigh as much as the object's whole extent
_EDGE_WEIGHT = 1.0  # of squared contrast along a border, beside the variance that a merge adds
_LEAST_SHARE = 0.12  # of an even share of the area: smaller regions are details of others
_COARSE = 5  # times the wanted number: from there on details are absorbed first


def propose_regions(
    graph: Superpixels, free: Bool[np.ndarray, "S"], wanted: int
) -> Int[np.ndarray, "S"]:
    """Merge touching superpixels until ``wanted`` regions are left.

    Each merge is the one that adds least variance of colour and position (Ward 1963), plus the
    contrast along the shared border; small regions are merged early by the same rule.

    Args:
        graph: the superpixels.
        free: which of them take part; at least one.
        wanted: number of regions.

    Returns:
        Region of each superpixel, numbered from 0; -1 where not free. Fewer than ``wanted``
        where there are fewer superpixels.
    """
    members = np.flatnonzero(free)
    clusters = _Clusters(graph, members)
    least = _LEAST_SHARE * float(graph.area[members].sum()) / max(wanted, 1)
    while clusters.count > max(wanted, 1):
        if clusters.count > _COARSE * wanted or not clusters.merge_smallest(least):
            clusters.merge_cheapest()
    regions = np.full(len(free), -1, dtype=np.int64)
    roots = np.array([clusters.root(int(member)) for member in members])
    _, regions[members] = np.unique(roots, return_inverse=True)
    return regions


@dataclass
class _Cluster:
    features: Float[np.ndarray, "F"]
    area: float
    borders: dict[int, tuple[float, float]]  # neighbour -> length, contrast x length


class _Clusters:
    def __init__(self, graph: Superpixels, members: Int[np.ndarray, "_"]) -> None:
        extent = max(float(np.ptp(graph.centre[members], axis=0).max()), 1.0)
        position = graph.centre * (_POSITION_WEIGHT / extent)
        features = np.concatenate([graph.colour * _COLOUR_WEIGHTS, position], axis=1)
        self._clusters = {int(m): _Cluster(features[m], float(graph.area[m]), {}) for m in members}
        self._parents = {int(m): int(m) for m in members}
        self._queue: list[tuple[float, int, int]] = []
        self._next = len(graph.area)
        for (a, b), contrast, length in zip(
            graph.edges.tolist(), graph.contrast.tolist(), graph.length.tolist(), strict=True
        ):
            if a in self._clusters and b in self._clusters:
                self._clusters[a].borders[b] = (length, contrast * length)
                self._clusters[b].borders[a] = (length, contrast * length)
                heapq.heappush(self._queue, (self._cost(a, b), a, b))

    @property
    def count(self) -> int:
        return len(self._clusters)

    def root(self, member: int) -> int:
        while self._parents[member] != member:
            self._parents[member] = self._parents[self._parents[member]]
            member = self._parents[member]
        return member

    def _cost(self, a: int, b: int) -> float:
        one, other = self._clusters[a], self._clusters[b]
        variance = float(((one.features - other.features) ** 2).sum())
        length, weighted = one.borders.get(b, (1.0, 0.0))
        contrast = weighted / length
        weight = one.area * other.area / (one.area + other.area)
        return weight * (variance + _EDGE_WEIGHT * contrast**2)

    def merge_cheapest(self) -> None:
        while self._queue:
            _, a, b = heapq.heappop(self._queue)
            if a in self._clusters and b in self._clusters:
                self._merge(a, b)
                return
        names = sorted(self._clusters)  # pieces that do not touch: all pairs, few by now
        self._merge(*min(
            ((a, b) for i, a in enumerate(names) for b in names[i + 1 :]),
            key=lambda pair: (self._cost(*pair), pair),
        ))  # fmt: skip

    def merge_smallest(self, least: float) -> bool:
        """Merge the smallest cluster into the neighbour most like it, if it is below ``least``."""
        name = min(self._clusters, key=lambda n: (self._clusters[n].area, n))
        one = self._clusters[name]
        if one.area >= least:
            return False
        near = sorted(one.borders) or sorted(set(self._clusters) - {name})

        def unlike(other: int) -> float:
            features = self._clusters[other].features
            return float(((one.features - features) ** 2).sum())

        self._merge(name, min(near, key=unlike))
        return True

    def _merge(self, a: int, b: int) -> None:
        one, other, new = self._clusters.pop(a), self._clusters.pop(b), self._next
        self._next += 1
        area = one.area + other.area
        borders: dict[int, tuple[float, float]] = {}
        for neighbour in {*one.borders, *other.borders} - {a, b}:
            first, second = (c.borders.get(neighbour, (0.0, 0.0)) for c in (one, other))
            borders[neighbour] = (first[0] + second[0], first[1] + second[1])
            near = self._clusters[neighbour].borders
            near.pop(a, None)
            near.pop(b, None)
            near[new] = borders[neighbour]
        mean = (one.features * one.area + other.features * other.area) / area
        self._clusters[new] = _Cluster(mean, area, borders)
        self._parents[a] = self._parents[b] = self._parents[new] = new
        for neighbour in sorted(borders):
            heapq.heappush(self._queue, (self._cost(new, neighbour), neighbour, new))


def assign_in_order(
    graph: Superpixels, regions: Int[np.ndarray, "S"], counts: tuple[int, ...]
) -> list[Int[np.ndarray, "_"]]:
    """Give regions to components: list order goes from top to bottom, then left to right.

    Components of several pieces choose first: the set of that many regions that are most alike
    in colour and size.

    Args:
        graph: the superpixels.
        regions: from ``propose_regions``.
        counts: pieces of each component, in list order.

    Returns:
        The superpixels of each component; empty where regions ran out.
    """
    left = [np.flatnonzero(regions == r) for r in range(int(regions.max(initial=-1)) + 1)]
    left = [region for region in left if len(region)]
    given: dict[int, Int[np.ndarray, "_"]] = {}
    for index in sorted(range(len(counts)), key=lambda i: -counts[i]):
        singles = sum(1 for other in range(len(counts)) if other not in given) - 1
        pieces = min(counts[index], max(len(left) - singles, 1))
        if counts[index] > 1 and left:
            chosen = _most_alike(graph, left, pieces)
            given[index] = np.concatenate([left[n] for n in chosen])
            left = [region for n, region in enumerate(left) if n not in chosen]
    left.sort(key=lambda region: tuple(_centre(graph, region)[::-1]))
    for index in range(len(counts)):
        if index not in given:
            given[index] = left.pop(0) if left else np.zeros(0, dtype=np.int64)
    return [given[index] for index in range(len(counts))]


def _centre(graph: Superpixels, region: Int[np.ndarray, "_"]) -> Float[np.ndarray, "2"]:
    return np.average(graph.centre[region], axis=0, weights=graph.area[region])


def _most_alike(graph: Superpixels, regions: list[Int[np.ndarray, "_"]], wanted: int) -> list[int]:
    looks = np.array(
        [
            [*np.average(graph.colour[r], axis=0, weights=graph.area[r]),
             20.0 * np.log(graph.area[r].sum())]
            for r in regions
        ]
    )  # fmt: skip
    apart = np.linalg.norm(looks[:, None] - looks[None], axis=-1)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :wanted]
    spread = np.take_along_axis(apart, nearest, axis=1).sum(axis=1)
    return sorted(nearest[int(np.argmin(spread))].tolist())
