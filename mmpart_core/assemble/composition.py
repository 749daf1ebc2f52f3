"""All parts drawn together in all pictures, and what a change of one of them costs or saves."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble import raster
from mmpart_core.assemble.album import Album, Desk
from mmpart_core.assemble.eyes import Eye
from mmpart_core.assemble.facets import Facets
from mmpart_core.assemble.raster import Behind
from mmpart_core.assemble.relations import Relations

Pose = Float[np.ndarray, "4"]
"""Scale and centre of a part, in the frame that parts are placed in."""


@dataclass(frozen=True)
class Others:
    """What one part is tried against: all others in every picture, and its isolated image.

    Attributes:
        album: the shared pictures, then the isolated image where there is one.
        behind: the other parts; nothing in the isolated image.
        gains: factor on the part's colours in each picture.
        bare: cost of the isolated image with nothing in it.
    """

    album: Album
    behind: Behind
    gains: Float[np.ndarray, "E"]
    bare: float


@dataclass
class Composition:
    """Parts at poses, seen by shared pictures and each by its own isolated image.

    Attributes:
        parts: to be placed.
        shared: pictures that show all parts: the source, and the whole object's views.
        alone: per part, its isolated image; None where there is none.
        poses: the present ones.
        gains: per part and shared picture, factor on the part's colours; then its own image's.
        threads: that draw at a time.
        executor: see ``album.Desk``.
        relations: what parts are to each other; None where only pictures count.
    """

    parts: list[Facets]
    shared: Sequence[Eye]
    alone: Sequence[Eye | None]
    poses: Float[np.ndarray, "K 4"]
    gains: Float[np.ndarray, "K E"]
    threads: int = 1
    executor: Executor | None = None
    relations: Relations | None = None
    album: Album = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.album = Album.of(self.shared)
        own = [eye.label.size for eye in self.alone if eye is not None]
        largest = max([self.album.largest_px, *own])
        vertices = max(part.vertices.shape[1] for part in self.parts)
        self.desk = Desk(largest, vertices, self.threads, self.executor)
        size = (len(self.parts), len(self.album.missing))
        self._layers = np.zeros(size, np.float32), np.zeros(size, np.float32)
        for index in range(len(self.parts)):
            self.place(index, self.poses[index].copy())

    def place(self, index: int, pose: Pose) -> None:
        """Give a part a pose."""
        self.poses[index] = pose
        for number in range(len(self.shared)):
            self._draw(index, number)

    def _draw(self, index: int, number: int) -> None:
        """A part's own layer of one of the shared pictures."""
        raster.fill(
            self.parts[index].surface,
            self.poses[index],
            self.album.eye(number),
            (float(self.gains[index, number]), index),
            self.album.picture,
            (self._layers[0][index], self._layers[1][index]),
            self.desk.rooms[0],
        )

    def move_eye(self, number: int, eye: Eye) -> None:
        """Look at all parts by another camera in one of the shared pictures."""
        self.album.vectors[number] = eye.vector
        for index in range(len(self.parts)):
            self._draw(index, number)

    def others(self, index: int) -> Others:
        """What a part is tried against, the others being where they are."""
        own, gains = self.alone[index], self.gains[index]
        pictures = self.album if own is None else self.album.followed_by(own)
        behind = np.zeros_like(pictures.missing), pictures.missing.copy()
        raster.compose_others(self._layers, index, (0, len(self.album.missing)), behind)
        if own is None:
            return Others(pictures, behind, gains[:-1], 0.0)
        return Others(pictures, behind, gains, float(own.missing.sum()) * own.area)

    def energies(
        self, index: int, poses: Float[np.ndarray, "T 4"], others: Others
    ) -> Float[np.ndarray, "T"]:
        """Cost of all pictures with a part at each of some poses, less their cost without it.

        Args:
            index: the part.
            poses: tried; the present one stays.
            others: ``others(index)``.
        """
        look = others.gains, index
        change, _ = self.desk.trials(self.parts[index], poses, others.album, look, others.behind)
        return (change * others.album.areas).sum(axis=1) + others.bare

    def energy(self, index: int, pose: Pose, others: Others) -> float:
        """``energies`` of one pose, and what its relations cost."""
        told = self.relations.energy(index, pose, self.poses) if self.relations else 0.0
        return float(self.energies(index, pose[None], others)[0]) + told

    def shared_cost(self, number: int) -> float:
        """Cost of one shared picture."""
        first, end = self.album.pixels(number)
        behind = np.zeros(end, np.float32), self.album.missing[:end].copy()
        raster.compose_others(self._layers, -1, (first, end), behind)
        return float(behind[1][first:end].sum()) * float(self.album.areas[number])

    def overlap(self) -> float:
        """Overlap (IoU) of the parts' outline with that of the shared pictures but the first."""
        found: list[float] = []
        for number in range(1, len(self.shared)):
            first, end = self.album.pixels(number)
            drawn = (self._layers[0][:, first:end] > 0.0).any(axis=0)
            shown = self.album.picture[1][first:end] == 0.0
            found.append(float((drawn & shown).sum() / max(1, (drawn | shown).sum())))
        return float(np.mean(found)) if found else 0.0


def alone_cost(part: Facets, eye: Eye, pose: Pose, gain: float) -> float:
    """Cost of one picture that shows one part and nothing else."""
    pictures = Album.of([eye])
    desk = Desk(pictures.largest_px, part.vertices.shape[1])
    behind = np.zeros_like(pictures.missing), pictures.missing
    change, _ = desk.trials(part, pose[None], pictures, (np.array([gain]), 0), behind)
    return (float(change[0, 0]) + float(eye.missing.sum())) * eye.area


def mean_costs(
    part: Facets,
    views: Album,
    desk: Desk,
    poses: Float[np.ndarray, "T 4"],
    gains: Float[np.ndarray, "E"],
) -> Float[np.ndarray, "T"]:
    """How badly poses of a part agree with views, other parts being unknown.

    Mean cost of the pixels that it covers, 1 where it covers none; mean over views.
    """
    bare = np.zeros_like(views.missing)
    change, drawn = desk.trials(part, poses, views, (gains, 0), (bare, bare))
    return np.where(drawn > 0, change / np.maximum(drawn, 1), 1.0).mean(axis=1)
