"""Divides the object among its components: every pixel belongs to one of them, or to none."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32
from scipy import sparse
from scipy.sparse import linalg
from scipy.spatial import distance

from mmpart_core.images.region_masks import outline_mask
from mmpart_core.isolate import hints, islands, proposals
from mmpart_core.isolate.superpixels import Superpixels, build_superpixels
from mmpart_core.records import Region

# All set by hand on the examples, with and without hints. ``benchmarks/isolation.py`` scores the
# division (IoU of visible pixels) as a whole; no number is measured by itself. Priors are relative:
# that of a box of a tenth of the image is about 1.
_ROUNDS = 4
_KERNEL = 8.0  # L*a*b*, standard deviation of the colour models' kernels
# Power of the colour models' densities: neighbouring superpixels are no independent witnesses.
_COLOUR_TRUST = 0.5
_EDGE = 9.0  # L*a*b* contrast at which the link across a border falls to 1/e
# What priors and colours weigh against the links to neighbours, times the root of a superpixel's
# area in pixels (a border grows with that root): gamma in Grady 2005.
_DATA_WEIGHT = 0.35
_ELSEWHERE = 0.3  # prior of a part without a region inside the boxes of others
_BESIDE = 0.03  # its prior outside the region proposed for it
_LONELY_REST = 0.2  # prior of "nobody's" where the list has one component and that has a hint
# Regions are proposed anew, one more each time, until enough hold no other component's point.
_MORE_TRIES = 10
# Of the longer side of the object's window: how far a drawn outline may be off.
_CARELESS = 0.016
_DETAIL_REACH = 25.0  # as of points: contrast over which an outline's hold on a detail falls


@dataclass
class Division:
    """Who has which pixel.

    Attributes:
        labels: component index + 1, components + 1 for parts of the object that nobody named,
            0 outside the object.
        proposed: components whose place was guessed.
    """

    labels: Int32[np.ndarray, "H W"]
    proposed: set[int] = field(default_factory=set)


def divide(
    lab: Float32[np.ndarray, "H W 3"],
    foreground: Bool[np.ndarray, "H W"],
    claims: Int32[np.ndarray, "H W"],
    regions: Sequence[Region | None],
    counts: Sequence[int],
    superpixels: int,
) -> Division:
    """Divide the object.

    Masks have their pixels already. Outlines, boxes, points and components without a region
    share the rest: each has a prior and a colour model (a kernel density over superpixels, as
    GrabCut has a mixture), and the random walker with priors (Grady 2005) decides, four rounds of
    colour model and decision.

    Args:
        lab: the image in L*a*b*, smoothed.
        foreground: the whole object.
        claims: from ``hints.claim_exact``.
        regions: hints by component; None where not given.
        counts: pieces by component.
        superpixels: how many to work on.
    """
    rest = len(regions) + 1
    labels = np.where(foreground & (claims == 0), rest, claims).astype(np.int32)
    open_ = [i for i, r in enumerate(regions) if r is None or r.kind != "mask"]
    room = labels == rest
    if not open_ or not room.any():
        return Division(labels)
    graph = build_superpixels(lab, room, superpixels)
    priors, proposed = _priors(graph, regions, counts, open_)
    owners = np.array([*[index + 1 for index in open_], rest])
    chosen = owners[_decide(graph, priors)]
    labels[room] = chosen[graph.ids[room]]
    return Division(islands.without_islands(labels, regions, counts), proposed)


def _priors(
    graph: Superpixels,
    regions: Sequence[Region | None],
    counts: Sequence[int],
    open_: list[int],
) -> tuple[Float[np.ndarray, "S L"], set[int]]:
    """One column per open component, the last for what nobody named."""
    priors = np.zeros((len(graph.area), len(open_) + 1))
    seeds = _place_hints(graph, priors, [regions[index] for index in open_])
    placed = np.delete(priors, [*seeds, -1], axis=1).max(axis=1, initial=0.0)
    boxed, elsewhere = placed > 0, _ELSEWHERE * np.minimum(placed, 1.0)
    unplaced = [column for column, index in enumerate(open_) if regions[index] is None]
    if unplaced:
        shares = _propose(graph, ~boxed, seeds, [counts[open_[c]] for c in unplaced])
        for column, members in zip(unplaced, shares, strict=True):
            priors[:, column] = np.where(boxed, elsewhere, _BESIDE) * bool(len(members))
            priors[members, column] = 1.0
    elif not seeds:
        priors[:, -1] = np.where(boxed, elsewhere, 1.0)
    elif len(regions) == 1:
        priors[:, -1] = _LONELY_REST
    for column, fixed in seeds.items():
        others = np.arange(priors.shape[1]) != column
        priors[np.ix_(fixed, others)] *= 1e-6
    return priors, {open_[column] for column in unplaced}


def _place_hints(
    graph: Superpixels, priors: Float[np.ndarray, "S L"], hinted: list[Region | None]
) -> dict[int, Int[np.ndarray, "_"]]:
    """Write the priors of boxes, points and outlines; gives the points' superpixels by column."""
    seeds: dict[int, Int[np.ndarray, "_"]] = {}
    outlines: dict[int, Bool[np.ndarray, "H W"]] = {}
    boxes: list[int] = []
    for column, region in enumerate(hinted):
        if region is not None and region.box is not None:
            boxes.append(column)
            priors[:, column] = hints.box_prior(graph, region.box)
        elif region is not None and region.polygon:
            outlines[column] = outline_mask(region, graph.shape)
        elif region is not None:
            seeds[column] = hints.point_seeds(graph, region.points)
    for column, fixed in seeds.items():
        foreign = _boxed_by_others(priors, boxes, fixed)
        priors[:, column] = hints.point_prior(graph, fixed, foreign)
    _place_outlines(graph, priors, outlines, seeds)
    return seeds


def _boxed_by_others(
    priors: Float[np.ndarray, "S L"], boxes: list[int], fixed: Int[np.ndarray, "_"]
) -> Bool[np.ndarray, "S"]:
    """What lies in boxes drawn for other components that hold none of a component's points."""
    inside = priors[:, boxes] > 0
    foreign = inside & ~inside[fixed].any(axis=0)
    return np.asarray(foreign.any(axis=1), dtype=np.bool_)


def _place_outlines(
    graph: Superpixels,
    priors: Float[np.ndarray, "S L"],
    outlines: dict[int, Bool[np.ndarray, "H W"]],
    seeds: dict[int, Int[np.ndarray, "_"]],
) -> None:
    """Write the priors of drawn outlines; what lies within one and has its own hint may win there.

    The larger ones come first. A smaller outline takes its inside from a larger one, which is no
    longer sure near the smaller one's line: colours decide there. Where points of another component
    lie inside, the outline holds on by contrast only, from its rim inwards.
    """
    careless = _CARELESS * max(graph.shape)
    for column in sorted(outlines, key=lambda c: -int(outlines[c].sum())):
        prior = hints.polygon_prior(graph, outlines[column], careless)
        core = prior >= hints.SURE
        near = (prior > 0) & ~core
        for other in outlines:
            priors[core, other] *= 1e-3
            priors[near, other] = np.minimum(priors[near, other], hints.POLYGON - prior[near])
        enclosed = [fixed for fixed in seeds.values() if core[fixed].any()]
        rim = np.flatnonzero((prior > 0.3 * hints.POLYGON) & ~core)
        if enclosed and len(rim):
            hold = np.exp(-graph.geodesic(rim) / _DETAIL_REACH)
            prior = np.where(core, hold, prior)
        priors[:, column] = prior


def _propose(
    graph: Superpixels,
    free: Bool[np.ndarray, "S"],
    seeds: dict[int, Int[np.ndarray, "_"]],
    counts: list[int],
) -> list[Int[np.ndarray, "_"]]:
    """Regions for components without one; a region that holds another's point is not given."""
    if not free.any():
        return [np.zeros(0, dtype=np.int64) for _ in counts]
    taken = np.concatenate([*seeds.values(), np.zeros(0, dtype=np.int64)])
    wanted = sum(counts) + len(taken)
    regions = np.zeros(0, dtype=np.int64)
    for more in range(_MORE_TRIES):
        regions = proposals.propose_regions(graph, free, wanted + more)
        regions = np.where(np.isin(regions, regions[taken]), -1, regions)
        if len(np.unique(regions[regions >= 0])) >= sum(counts):
            break
    return proposals.assign_in_order(graph, regions, tuple(counts))


def _decide(graph: Superpixels, priors: Float[np.ndarray, "S L"]) -> Int[np.ndarray, "S"]:
    share = priors / np.maximum(priors.sum(axis=1, keepdims=True), 1e-12)
    apart = distance.cdist(graph.colour, graph.colour, "sqeuclidean")
    kernel = np.exp(-apart / (2.0 * _KERNEL**2))
    np.fill_diagonal(kernel, 0.0)  # nobody is its own evidence
    system = _laplacian(graph)
    for _ in range(_ROUNDS):
        mass = share * graph.area[:, None]
        density = (kernel @ mass) / np.maximum(mass.sum(axis=0), 1e-9) + 1e-3
        data = priors * density**_COLOUR_TRUST
        data /= np.maximum(data.sum(axis=1, keepdims=True), 1e-12)
        weight = (
            _DATA_WEIGHT
            * np.sqrt(graph.area)
            * np.where(priors.max(axis=1) >= hints.SURE, 100.0, 1.0)
        )
        solved = linalg.spsolve(system + sparse.diags(weight), weight[:, None] * data)
        share = np.clip(np.asarray(solved).reshape(data.shape), 0.0, None) * (priors > 0)
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    share[priors.sum(axis=1) <= 0, -1] = 1.0
    return np.argmax(share, axis=1)


def _laplacian(graph: Superpixels) -> sparse.csc_matrix:
    count = len(graph.area)
    weights = graph.length * (np.exp(-((graph.contrast / _EDGE) ** 2)) + 1e-3)
    a, b = graph.edges[:, 0], graph.edges[:, 1]
    affinity = sparse.csc_matrix((weights, (a, b)), shape=(count, count))
    affinity = affinity + affinity.T
    degree = np.asarray(affinity.sum(axis=1)).ravel() + 1e-9
    return sparse.csc_matrix(sparse.diags(degree) - affinity)
