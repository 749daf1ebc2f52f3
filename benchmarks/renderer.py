"""Time of one rendered view against trimesh's own ray API: ``python -m benchmarks.renderer``.

Both look at the same bumpy, vertex-coloured ball from the same camera; both use Embree. Ours is
timed as the pipeline uses it (rays, colours, antialiasing, depth, identities); trimesh's as its
documentation shows it (``intersects_location`` for the first hit, one ray a pixel, then colours by
barycentric weights), without antialiasing.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import trimesh

from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera


def bumpy_ball(faces: int) -> TriangleMesh:
    """A ball with bumps and colours, of about that many faces, inside the unit sphere."""
    rings = max(3, round((faces / 8) ** 0.5))
    ball = trimesh.creation.uv_sphere(radius=0.9, count=[rings, 2 * rings])
    bumps = 1.0 + 0.08 * np.sin(9.0 * ball.vertices).prod(axis=1)
    colors = np.full((len(ball.vertices), 4), 255, dtype=np.uint8)
    colors[:, :3] = np.rint(127.5 + 127.5 * ball.vertices)
    return TriangleMesh(
        ball.vertices * bumps[:, None], np.asarray(ball.faces, dtype=np.int64), colors=colors
    )


def trimesh_view(scene: trimesh.Trimesh, mesh: TriangleMesh, camera: Camera) -> np.ndarray:
    """One ray a pixel through trimesh's ray API, coloured."""
    columns, rows = np.meshgrid(np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5)
    origins, directions = cameras.pixel_rays(camera, columns.ravel(), rows.ravel())
    places, ray, triangle = scene.ray.intersects_location(origins, directions, multiple_hits=False)
    weights = trimesh.triangles.points_to_barycentric(scene.triangles[triangle], places)
    image = np.zeros((len(origins), 4))
    colors = np.asarray(mesh.colors)[mesh.faces[triangle]]
    image[ray] = np.einsum("pk,pkc->pc", weights, colors)
    return image.reshape(camera.height_px, camera.width_px, 4)


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median processor time of one call, after one call to warm up: other work does not count."""
    work()
    times: list[float] = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times))


def main() -> None:
    """Print one row per mesh size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=320, help="side of the view in pixels")
    parser.add_argument("--repeats", type=int, default=5, help="calls per figure (median)")
    parser.add_argument("--faces", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    options = parser.parse_args()
    camera = cameras.orbit_camera(30.0, 20.0, 30.0, options.size)
    print(f"processor ms per {options.size}x{options.size} view, median of {options.repeats}")
    print("faces    build  ids only  x1 unlit  x2 unlit  x3 unlit  x2 lit  trimesh x1  agree")
    for faces in options.faces:
        mesh = bumpy_ball(faces)
        scene = RenderScene([mesh])
        other = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)

        def view(supersample: int, shading: float, scene: RenderScene = scene) -> np.ndarray:
            return scene.render(camera, supersample=supersample, shading=shading).rgba

        figures = [
            milliseconds(lambda mesh=mesh: RenderScene([mesh]), options.repeats),
            milliseconds(lambda scene=scene: scene.ids(camera), options.repeats),
            *(milliseconds(lambda n=n: view(n, 0.0), options.repeats) for n in (1, 2, 3)),
            milliseconds(lambda: view(2, 1.0), options.repeats),
            milliseconds(
                lambda other=other, mesh=mesh: trimesh_view(other, mesh, camera), options.repeats
            ),
        ]
        theirs = np.rint(trimesh_view(other, mesh, camera)).astype(np.int64)
        agree = float((np.abs(view(1, 0.0) - theirs).max(axis=-1) <= 1).mean())
        build, ids, one, two, three, lit, rival = figures
        print(
            f"{len(mesh.faces):7d}{build:7.0f}{ids:10.0f}{one:10.0f}{two:10.0f}{three:10.0f}"
            f"{lit:8.0f}{rival:12.0f}{agree:7.2%}"
        )


if __name__ == "__main__":
    main()
