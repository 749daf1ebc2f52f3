"""What refinement of the dual surface gains: the same fields, meshed with it and without.

    python -m benchmarks.refinement OBJECTS [--sample 6] [--grids GRIDS --named robot chair_wood]
                                            [--steps 30]

OBJECTS is a folder of GLBs whose nodes are parts: meshes are compared with the truth. GRIDS is a
folder of Zero123++'s grids, which have none: meshes are compared with the views they were made of.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

from benchmarks import real_grids
from benchmarks.reconstruction import parts
from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.scoring import score
from benchmarks.reconstruction.truth import KnownTruth, known_truth
from benchmarks.surface_roughness import bump_angle_deg
from evaluation import functional
from mmpart_core import backends
from mmpart_core.errors import MMPartError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.images.silhouette import FOREGROUND
from mmpart_core.mesh import topology
from mmpart_core.mesh.hygiene import triangle_quality
from mmpart_core.reconstruct.protocol import TrainedField

CPU: dict[str, Any] = {"preset": "cpu", "device": "cpu"}
Figures = dict[str, float]


@dataclass(frozen=True)
class Trained:
    """A field, and how meshes of it are measured.

    Attributes:
        name: of the part or grid.
        field: trained once.
        views: that it was trained on.
        measure: figures of a mesh.
    """

    name: str
    field: TrainedField
    views: PosedViews
    measure: Callable[[TriangleMesh], Figures]


def ways(steps: int) -> dict[str, dict[str, Any]]:
    """Settings of the mesh stage for each row."""
    return {
        "not refined": {"refine_steps": 0},
        "to field and outlines": {"refine_steps": steps, "refine_depth_weight": 0.0},
        "and to depths and normals": {"refine_steps": steps, "refine_depth_weight": 1.0},
    }


def known_fields(folder: Path, count: int) -> Iterator[Trained]:
    """Fields of known parts, whose meshes are compared with the truth."""
    trainer = backends.open_backend("reconstruct", "nerfstudio", CPU)
    for part in parts.choose(parts.list_parts(folder)[0], parts.Choice(sample=count)):
        truth = known_truth(parts.load_part(folder, part), Condition())
        views = PosedViews(truth.rgba, Condition().training_cameras())
        field = trainer.train(views, 0)
        yield Trained(str(part), field, field.trained_on(views), partial(beside_truth, truth))


def beside_truth(truth: KnownTruth, mesh: TriangleMesh) -> Figures:
    """How near a mesh is to the truth; see ``scoring.score``."""
    found = score([mesh], truth)[1]
    return {name: float(str(found[name])) for name in ("f_02", "f_01", "normals", "iou")}


def grid_fields(folder: Path, named: Sequence[str]) -> Iterator[Trained]:
    """Fields of generated views, whose meshes are compared with these views."""
    trainer = backends.open_backend("reconstruct", "nerfstudio", {**CPU, "slack_px": 3.0})
    for name in named:
        (path,) = folder.glob(f"**/{name}_grid.png")
        given = real_grids.matted(real_grids.read_grid(path))
        field = trainer.train(given, 0)
        views = field.trained_on(given)
        yield Trained(name, field, views, partial(beside_views, views))


def beside_views(views: PosedViews, mesh: TriangleMesh) -> Figures:
    """Mean IoU of the silhouettes, and how bumpy the surface is."""
    scene = RenderScene([mesh])
    ious = [
        functional.silhouette_iou(scene.silhouette(camera), rgba[..., 3] >= FOREGROUND) or 0.0
        for rgba, camera in zip(views.rgba, views.cameras, strict=True)
    ]
    return {"iou": statistics.fmean(ious), "bumps": bump_angle_deg(mesh.vertices, mesh.faces)}


def measured(fields: Iterator[Trained], steps: int) -> dict[str, list[Figures]]:
    """Figures of every way on every field."""
    found: dict[str, list[Figures]] = {}
    for trained in fields:
        for way, settings in ways(steps).items():
            extractor = backends.open_backend("mesh", "flexicubes", settings)
            start = time.process_time()
            mesh = extractor.extract(trained.field.grid, trained.views, 0).mesh
            seconds = time.process_time() - start
            surface = topology.weld(mesh.vertices, mesh.faces)
            quality = triangle_quality(*surface)
            figures = trained.measure(mesh) | {
                "quality": float(quality.mean()),
                "worst hundredth": float(np.percentile(quality, 1)),
                "closed": float(topology.is_closed(surface[1])),
                "CPU s": seconds,
            }
            found.setdefault(way, []).append(figures)
            print(
                trained.name,
                way,
                {key: round(value, 4) for key, value in figures.items()},
                flush=True,
            )
    return found


def table(found: dict[str, list[Figures]]) -> str:
    """Means in Markdown."""
    titles = list(next(iter(found.values()))[0])
    lines = [["", *titles], ["---"] * (len(titles) + 1)]
    for way, rows in found.items():
        lines.append([way, *(f"{statistics.fmean(row[title] for row in rows):.4f}"
                             for title in titles)])  # fmt: skip
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, default=6)
    parser.add_argument("--grids", type=Path)
    parser.add_argument("--named", nargs="+", default=["robot", "chair_wood"])
    parser.add_argument("--steps", type=int, default=30)
    given = parser.parse_args(arguments)
    try:
        print(table(measured(known_fields(given.folder, given.sample), given.steps)))
        if given.grids is not None:
            print(table(measured(grid_fields(given.grids, given.named), given.steps)))
    except MMPartError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
