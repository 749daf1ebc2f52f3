"""FlexiCubes beside scikit-image's marching cubes: time, error and triangles, in one run.

Run: ``python -m benchmarks.flexicubes [--resolutions 64 96 128] [--runs 5]``
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from skimage.measure import marching_cubes

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.mesh import hygiene, topology
from mmpart_core.mesh.dual_surface import settle
from mmpart_core.mesh.flexicubes import FlexiCubes

RADIUS = 0.7
BUMP, WAVES = 0.06, 9.0


@dataclass(frozen=True)
class Row:
    """One way at one resolution."""

    way: str
    seconds: float
    vertices: np.ndarray
    faces: np.ndarray


def bumpy_sphere(points: np.ndarray) -> np.ndarray:
    """Signed distance, nearly: a sphere with waves; its slope stays close to 1."""
    waves = np.prod(np.sin(WAVES * points), axis=-1)
    return np.linalg.norm(points, axis=-1) - RADIUS + BUMP * waves


def timed(work: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Median seconds of several runs after one that does not count, and the last result."""
    result = work()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def sampled(resolution: int) -> FieldGrid:
    """The bumpy sphere at the corners of ``resolution`` cubes a side, in [-1, 1]."""
    ticks = np.linspace(-1.0, 1.0, resolution + 1)
    points = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1)
    sdf = bumpy_sphere(points).astype(np.float32)
    return FieldGrid(sdf, np.zeros((*sdf.shape, 3), np.float32), np.full(3, -1.0), 2 / resolution)


def measure(resolution: int, runs: int) -> tuple[float, list[Row]]:
    """Seconds to build the grid, and the rows of one resolution."""
    field = sampled(resolution)
    flexicubes = FlexiCubes("cpu")
    grid_seconds, (corners, cubes) = timed(
        lambda: flexicubes.construct_voxel_grid(resolution), runs
    )
    steps = torch.round((corners + 0.5) * resolution)
    values = torch.as_tensor(field.sdf).reshape(-1)

    def extract() -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            vertices, faces, _ = flexicubes(steps, values, cubes, resolution)
        return vertices.numpy().astype(np.float64), faces.numpy()

    def train() -> None:
        leaf = values.clone().requires_grad_()
        vertices, _, deviation = flexicubes(steps, leaf, cubes, resolution, training=True)
        (vertices.square().mean() + deviation.mean()).backward()

    def fill() -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            points, elements, _ = flexicubes(steps, values, cubes, resolution, output_tetmesh=True)
        return points.numpy().astype(np.float64), elements.numpy()

    flexi_seconds, (vertices, faces) = timed(extract, runs)
    settle_seconds, settled = timed(lambda: settle(vertices, field), runs)
    fill_seconds, (points, elements) = timed(fill, runs)
    train_seconds, _ = timed(train, runs)
    marching_seconds, marched = timed(
        lambda: marching_cubes(field.sdf, 0.0),  # pyright: ignore[reportUnknownLambdaType] - untyped
        runs,
    )
    return grid_seconds, [
        Row("FlexiCubes", flexi_seconds, vertices, faces),
        Row("  and settled", flexi_seconds + settle_seconds, settled, faces),
        # Of the elements over the surface, which come first, the last three points are its faces.
        Row("  tetrahedra", fill_seconds, points[: len(vertices)], elements[: len(faces), 1:]),
        Row("  training step", train_seconds, vertices, faces),
        Row("marching cubes", marching_seconds, marched[0].astype(np.float64), marched[1]),
    ]


def quality(vertices: np.ndarray, faces: np.ndarray) -> tuple[float, float]:
    """Mean quality of triangles (1 = equilateral), and the share of slivers."""
    values = hygiene.triangle_quality(vertices, faces)
    return float(values.mean()), float((values < hygiene.SLIVER_QUALITY).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[64, 96, 128])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"bumpy sphere, one thread, medians of {options.runs} runs; error in cubes, x = times MC")
    head = f"{'res':>4} {'way':<16} {'ms':>8} {'x':>6} {'faces':>7} closed {'error':>7}"
    print(f"{head} {'shape':>7} slivers")
    for resolution in options.resolutions:
        grid_seconds, rows = measure(resolution, options.runs)
        print(f"{resolution:>4} {'grid build':<16} {grid_seconds * 1e3:8.1f}")
        slowest = rows[-1].seconds
        for row in rows:
            error = np.abs(bumpy_sphere(row.vertices * 2 / resolution - 1)).mean() * resolution / 2
            mean, slivers = quality(row.vertices, row.faces)
            closed = "yes" if topology.is_closed(row.faces.astype(np.int64)) else "no"
            print(
                f"{resolution:>4} {row.way:<16} {row.seconds * 1e3:8.1f} "
                f"{row.seconds / slowest:6.1f} {len(row.faces):7d} {closed:>6} {error:7.4f} "
                f"{mean:7.3f} {slivers:7.2%}"
            )


if __name__ == "__main__":
    main()
