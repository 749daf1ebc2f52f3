"""Which known parts are made: all of a folder, some by name, or a sample spread over objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmpart_core.errors import InputError
from mmpart_core.geometry import truth_scene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.quoting import quoted, quoted_list

LEAST_EXTENT = 0.005
_SAMPLE_SEED = 0


@dataclass(frozen=True, order=True)
class KnownPart:
    """One named node of one GLB.

    Attributes:
        object_id: the file's name without its ending.
        part: the node's name.
    """

    object_id: str
    part: str

    def __str__(self) -> str:
        return f"{self.object_id}/{self.part}"


@dataclass(frozen=True)
class Choice:
    """Which parts of a folder are chosen.

    Attributes:
        only: ``OBJECT`` or ``OBJECT/PART`` each; empty for all.
        every: each so many of them are taken.
        sample: at most so many are drawn; None for all.
    """

    only: tuple[str, ...] = ()
    every: int = 1
    sample: int | None = None


def list_parts(folder: Path) -> tuple[list[KnownPart], list[str]]:
    """All parts of all GLBs in a folder, and those that are left out, with the reason.

    Left out is what is smaller than ``LEAST_EXTENT`` of its object's longest side: no picture of
    the object would show it.

    Raises:
        InputError: no GLB is there, or one cannot be read.
    """
    paths = sorted(folder.glob("*.glb"))
    if not paths:
        raise InputError(f"{folder}: expected GLBs whose nodes are parts, found none")
    found: list[KnownPart] = []
    left_out: list[str] = []
    for path in paths:
        truth = truth_scene.read_truth(path.read_bytes(), path.stem)
        whole = np.concatenate([_corners(mesh) for mesh in truth.parts.values()])
        extent = float(np.ptp(whole, axis=0).max())
        for name, mesh in truth.parts.items():
            part = KnownPart(path.stem, name)
            share = float(np.ptp(_corners(mesh), axis=0).max()) / extent
            if share < LEAST_EXTENT:
                left_out.append(f"{part}: {share:.2%} of its object, at least 0.5 % is needed")
            else:
                found.append(part)
    return found, left_out


def choose(parts: Sequence[KnownPart], choice: Choice) -> list[KnownPart]:
    """The chosen parts, in the order they are made.

    A sample takes one part of each object in turn, objects and parts in an order drawn with a
    fixed seed; a smaller sample is the beginning of a larger one.

    Raises:
        InputError: a name that no part has, or nothing is left.
    """
    chosen = [part for part in parts if not choice.only or _is_named(part, choice.only)]
    for name in choice.only:
        if not any(_is_named(part, (name,)) for part in parts):
            known = sorted({part.object_id for part in parts})
            raise InputError(
                f"--only {name}: no such object or part; objects are {quoted_list(known)}, and a "
                f"part is named after a slash, as in {quoted(str(parts[0]))}"
            )
    chosen = chosen[:: choice.every]
    return chosen if choice.sample is None else _drawn(chosen)[: choice.sample]


def neighbour(part: KnownPart, parts: Sequence[KnownPart]) -> KnownPart:
    """The part of the next object: another thing, the same in every run."""
    later = [each for each in parts if each.object_id > part.object_id]
    others = later or [each for each in parts if each != part]
    if not others:
        raise InputError(f"{part}: a wrong view needs another part, and there is none")
    return others[0]


def load_part(folder: Path, part: KnownPart) -> TriangleMesh:
    """A part's true surface in its part frame: centred, in the unit sphere, front +X.

    Raises:
        InputError: not there, or unreadable.
    """
    data = (folder / f"{part.object_id}.glb").read_bytes()
    return truth_scene.read_truth(data, part.object_id).part_frame(part.part, 0.0)[0]


def _corners(mesh: TriangleMesh) -> np.ndarray:
    return mesh.vertices[mesh.faces.ravel()]


def _is_named(part: KnownPart, names: Sequence[str]) -> bool:
    return part.object_id in names or str(part) in names


def _drawn(parts: Sequence[KnownPart]) -> list[KnownPart]:
    """All parts, one of each object in turn."""
    rng = np.random.default_rng(_SAMPLE_SEED)
    by_object: dict[str, list[KnownPart]] = {}
    for part in parts:
        by_object.setdefault(part.object_id, []).append(part)
    objects = [list(by_object)[at] for at in rng.permutation(len(by_object))]
    shuffled = {name: [by_object[name][at] for at in rng.permutation(len(by_object[name]))]
                for name in objects}  # fmt: skip
    rounds = max((len(each) for each in shuffled.values()), default=0)
    return [
        shuffled[name][at] for at in range(rounds) for name in objects if at < len(shuffled[name])
    ]
