"""Pictures one after the other in flat arrays, and parts tried in all of them at once."""

import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from mmpart_core.assemble import raster
from mmpart_core.assemble.eyes import Eye
from mmpart_core.assemble.facets import Facets
from mmpart_core.assemble.raster import Behind, Picture, Room

# Vertices and faces to be drawn from which another thread is worth waking; by hand.
WORTH_A_THREAD = 20_000


@dataclass(frozen=True)
class Album:
    """Pictures with their cameras.

    Attributes:
        vectors: cameras, ``eyes.camera_vector``.
        frames: of each picture the number of its first pixel, its height and its width.
        picture: target, outside and label of all pixels.
        missing: cost of every pixel that no part covers.
        areas: squared object units that a pixel of each picture stands for, times its weight.
    """

    vectors: Float[np.ndarray, "E 15"]
    frames: Int[np.ndarray, "E 3"]
    picture: Picture
    missing: Float[np.ndarray, "P"]
    areas: Float[np.ndarray, "E"]

    @classmethod
    def of(cls, pictures: Sequence[Eye]) -> "Album":
        """Pictures in their order."""
        sizes = [eye.label.size for eye in pictures]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        frames = [[start, *eye.label.shape] for start, eye in zip(starts, pictures, strict=True)]
        return cls(
            np.stack([eye.vector for eye in pictures]),
            np.array(frames, dtype=np.int64),
            (
                np.concatenate([eye.target.reshape(-1, 3) for eye in pictures]),
                np.concatenate([eye.outside.ravel() for eye in pictures]),
                np.concatenate([eye.label.ravel() for eye in pictures]),
            ),
            np.concatenate([eye.missing.ravel() for eye in pictures]),
            np.array([eye.area for eye in pictures]),
        )

    def followed_by(self, eye: Eye) -> "Album":
        """The album with one more picture."""
        last = Album.of([eye])
        after = last.frames + np.array([len(self.missing), 0, 0])
        return Album(
            np.concatenate([self.vectors, last.vectors]),
            np.concatenate([self.frames, after]),
            (
                np.concatenate([self.picture[0], last.picture[0]]),
                np.concatenate([self.picture[1], last.picture[1]]),
                np.concatenate([self.picture[2], last.picture[2]]),
            ),
            np.concatenate([self.missing, last.missing]),
            np.concatenate([self.areas, last.areas]),
        )

    @property
    def largest_px(self) -> int:
        """Pixels of the largest picture."""
        return int((self.frames[:, 1] * self.frames[:, 2]).max())

    def eye(self, number: int) -> raster.Eye:
        """Camera and frame of a picture."""
        return self.vectors[number], self.frames[number]

    def pixels(self, number: int) -> tuple[int, int]:
        """First pixel of a picture, and the one after its last."""
        start, height, width = (int(each) for each in self.frames[number])
        return start, start + height * width

    def shaped(self, number: int, values: Float[np.ndarray, "P"]) -> Float[np.ndarray, "H W"]:
        """Values of a picture's pixels as a picture."""
        first, end = self.pixels(number)
        return values[first:end].reshape(self.frames[number, 1:].tolist())


def make_room(pixels: int, vertices: int) -> Room:
    """What one call of the compiled loops draws on."""
    canvas = np.zeros(pixels, np.float32), np.zeros(pixels, np.int32)
    return canvas, np.zeros((3, vertices), np.float32)


@dataclass
class Desk:
    """Room to draw in, as much as there are threads.

    Attributes:
        pixels: of the largest picture.
        vertices: of the largest part.
        threads: that draw at a time.
        executor: runs all but one of them; None where there is one.
    """

    pixels: int
    vertices: int
    threads: int = 1
    executor: Executor | None = None
    rooms: list[Room] = field(init=False)

    def __post_init__(self) -> None:
        self.rooms = [make_room(self.pixels, self.vertices) for _ in range(self.threads)]

    def trials(
        self,
        part: Facets,
        poses: Float[np.ndarray, "T 4"],
        album: Album,
        look: tuple[Float[np.ndarray, "E"], int],
        behind: Behind,
    ) -> tuple[Float[np.ndarray, "T E"], Int[np.ndarray, "T E"]]:
        """Every pose of a part in every picture: change of the picture's cost, pixels drawn.

        What comes out does not depend on the number of threads.

        Args:
            part: to be placed.
            poses: that are tried.
            album: the pictures.
            look: factor on the part's colours in each picture, and its number.
            behind: the other parts.
        """
        count = len(poses) * len(album.areas)
        shape = (len(poses), len(album.areas))
        out = np.zeros(shape), np.zeros(shape, np.int64)
        size = part.vertices.shape[1] + len(part.faces)
        used = min(self.threads, count) if count * size >= WORTH_A_THREAD else 1
        ends = [round(count * step / used) for step in range(used + 1)]

        def work(at: int) -> None:
            raster.trials(
                part.surface, poses, (album.vectors, album.frames, album.picture),
                look, behind, self.rooms[at],
                (ends[at], ends[at + 1]), out,
            )  # fmt: skip

        waiting = [self.executor.submit(work, at) for at in range(1, used)] if self.executor else []
        work(0)
        for each in waiting:
            each.result()
        return out


def workers(threads: int) -> AbstractContextManager[Executor | None]:
    """Threads beside the calling one; none where it is alone."""
    return ThreadPoolExecutor(threads - 1) if threads > 1 else nullcontext()


def thread_count(wanted: int) -> int:
    """So many threads; for 0 as many as this process may use processors, at most 4."""
    if wanted:
        return wanted
    # Not every system can say which processors a process may use.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(4, usable or 1))
