"""Seconds that placement takes, against the number of parts."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.assembly.condition import CAMERAS_DEG, CONDITIONS
from benchmarks.assembly.scenes import scene_of
from benchmarks.assembly.scoring import score_scene
from mmpart_core.assemble.backends.layout import LayoutAssembler, Settings
from mmpart_core.geometry import bounds, transforms, truth_scene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import TruthGeometry

_APART = (
    1.7  # of a unit sphere's radius, between the middles of objects that stand beside each other
)


def in_rows(truths: Sequence[TruthGeometry]) -> dict[str, TriangleMesh]:
    """All parts of objects that stand in a square of rows, named by place and part."""
    side = int(np.ceil(np.sqrt(len(truths))))
    found: dict[str, TriangleMesh] = {}
    for number, truth in enumerate(truths):
        place = np.array([number // side, number % side, 0.0]) * _APART
        for name in truth.names:
            matrix = transforms.scale_then_translate(1.0, place)
            found[f"{number} {name}"] = truth.part(name).transformed(matrix)
    return found


def some_parts(parts: dict[str, TriangleMesh], count: int) -> TruthGeometry:
    """The first so many parts as an object of its own, in the unit sphere."""
    chosen = dict(list(parts.items())[:count])
    scene_from_unit = bounds.points_from_unit(
        np.concatenate([mesh.vertices[np.unique(mesh.faces)] for mesh in chosen.values()])
    )
    inverse = np.linalg.inv(scene_from_unit)
    return TruthGeometry(
        {name: mesh.transformed(inverse) for name, mesh in chosen.items()}, scene_from_unit
    )


def measure(paths: Sequence[Path], counts: Sequence[int], threads: int, seed: int) -> str:
    """A table: parts, faces, seconds, seconds per part, and what the placement is worth.

    A first placement that is not counted compiles and loads.
    """
    truths = [truth_scene.read_truth(path.read_bytes(), path.stem) for path in paths]
    parts = in_rows(truths)
    backend = LayoutAssembler(Settings(threads=threads))
    lines = [
        "| parts | faces | CPU s | clock s | CPU s / part | bbox IoU |",
        "|---" * 6 + "|",
    ]
    used = [count for count in counts if count <= len(parts)]
    for at, count in enumerate([min(used, default=len(parts)), *used]):
        truth = some_parts(parts, count)
        scene = scene_of(truth, "rows", CAMERAS_DEG[0], CONDITIONS["plain"], seed)
        start = time.process_time(), time.perf_counter()
        assembly = backend.assemble(scene.task, seed)
        cpu, clock = time.process_time() - start[0], time.perf_counter() - start[1]
        if at == 0:
            continue
        iou = np.mean([row["iou"] for row in score_scene(scene, assembly)])
        faces = sum(len(part.mesh.faces) for part in scene.task.parts)
        shown = len(scene.task.parts)
        lines.append(
            f"| {shown} | {faces:,} | {cpu:.1f} | {clock:.1f} | {cpu / shown:.2f} | {iou:.3f} |"
        )
    return "\n".join(lines)
