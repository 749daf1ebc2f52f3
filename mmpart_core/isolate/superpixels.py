"""An image as a graph of small regions of one colour each."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32
from scipy import sparse
from scipy.sparse import csgraph
from skimage.segmentation import slic

# L*a*b* units that weigh as much as one superpixel's width; set by hand (scikit-image: 10).
_COMPACTNESS = 8.0


@dataclass(frozen=True)
class Superpixels:
    """Regions and which of them touch.

    Attributes:
        ids: region of each pixel; -1 outside.
        colour: mean L*a*b* of each region.
        centre: mean (column, row) of each region, pixels.
        area: pixels of each region.
        edges: pairs of regions that touch.
        contrast: L*a*b* difference across each edge.
        length: pixels along each edge.
    """

    ids: Int32[np.ndarray, "H W"]
    colour: Float[np.ndarray, "S 3"]
    centre: Float[np.ndarray, "S 2"]
    area: Float[np.ndarray, "S"]
    edges: Int[np.ndarray, "E 2"]
    contrast: Float[np.ndarray, "E"]
    length: Float[np.ndarray, "E"]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return (self.ids.shape[0], self.ids.shape[1])

    def mean(self, values: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "S"]:
        """Mean of a map over each region."""
        inside = self.ids >= 0
        sums = np.bincount(self.ids[inside], values[inside], minlength=len(self.area))
        return sums / self.area

    def geodesic(self, seeds: Int[np.ndarray, "_"]) -> Float[np.ndarray, "S"]:
        """Least sum of contrasts from any seed to each region; infinite where no path leads."""
        count = len(self.area)
        steps = np.linalg.norm(
            self.centre[self.edges[:, 0]] - self.centre[self.edges[:, 1]], axis=1
        )
        costs = self.contrast + 0.05 * steps + 1e-6
        graph = sparse.csr_matrix(
            (costs, (self.edges[:, 0], self.edges[:, 1])), shape=(count, count)
        )
        distance = csgraph.dijkstra(graph, directed=False, indices=seeds, min_only=True)
        return np.asarray(distance, dtype=np.float64)

    def reached(
        self, seeds: Int[np.ndarray, "_"], contrast: float, allowed: Bool[np.ndarray, "S"]
    ) -> Bool[np.ndarray, "S"]:
        """Which regions a path from a seed leads to, over allowed ones and no such contrast."""
        count = len(self.area)
        open_ = (self.contrast < contrast) & allowed[self.edges].all(axis=1)
        smooth = self.edges[open_]
        links = sparse.coo_matrix(
            (np.ones(len(smooth)), (smooth[:, 0], smooth[:, 1])), shape=(count, count)
        )
        _, areas = csgraph.connected_components(links, directed=False)
        return np.isin(areas, areas[seeds])


def build_superpixels(
    lab: Float32[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"], wanted: int
) -> Superpixels:
    """Cut the masked area into about ``wanted`` regions (SLIC, Achanta et al. 2012).

    Args:
        lab: the image in L*a*b*, smoothed.
        mask: true where regions are wanted; at least one pixel.
        wanted: how many.
    """
    share = max(float(mask.mean()), 1e-3)
    raw = slic(
        lab,
        n_segments=max(2, round(wanted / share)),
        compactness=_COMPACTNESS,
        convert2lab=False,
        start_label=0,
        channel_axis=-1,
    )
    ids = np.full(mask.shape, -1, dtype=np.int32)
    _, inverse = np.unique(np.asarray(raw)[mask], return_inverse=True)
    ids[mask] = inverse
    count = int(ids.max()) + 1
    area = np.bincount(ids[mask], minlength=count).astype(np.float64)
    rows, columns = np.nonzero(mask)
    colour = np.stack(
        [np.bincount(ids[mask], lab[..., c][mask], count) / area for c in range(3)], axis=-1
    )
    centre = np.stack(
        [np.bincount(ids[mask], axis + 0.5, count) / area for axis in (columns, rows)], axis=-1
    )
    edges, contrast, length = _edges(ids, lab, colour)
    return Superpixels(ids, colour, centre, area, edges, contrast, length)


def _edges(
    ids: Int32[np.ndarray, "H W"],
    lab: Float32[np.ndarray, "H W 3"],
    colour: Float[np.ndarray, "S 3"],
) -> tuple[Int[np.ndarray, "E 2"], Float[np.ndarray, "E"], Float[np.ndarray, "E"]]:
    """Touching pairs; contrast is half mean colours, half the step right at the border."""
    pairs: list[np.ndarray] = []
    steps: list[np.ndarray] = []
    for left, right, first, second in (
        (ids[:, :-1], ids[:, 1:], lab[:, :-1], lab[:, 1:]),
        (ids[:-1], ids[1:], lab[:-1], lab[1:]),
    ):
        differ = (left != right) & (left >= 0) & (right >= 0)
        pairs.append(np.sort(np.stack([left[differ], right[differ]], axis=-1), axis=-1))
        steps.append(np.linalg.norm(first[differ] - second[differ], axis=-1))
    found = np.concatenate(pairs)
    if not len(found):
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0), np.zeros(0)
    edges, inverse = np.unique(found, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    length = np.bincount(inverse).astype(np.float64)
    step = np.bincount(inverse, np.concatenate(steps)) / length
    apart = np.linalg.norm(colour[edges[:, 0]] - colour[edges[:, 1]], axis=1)
    return edges.astype(np.int64), 0.5 * apart + 0.5 * step, length
