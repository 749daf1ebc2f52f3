"""How near the ways of lifting one image come to the truth, on known objects, in one run.

    python -m benchmarks.lifting FOLDER [--parts 60] [--ways auto round ...] [--priors]

FOLDER holds GLBs whose named nodes are the parts. Each object is seen from azimuth 30, elevation
20; parts of which at least 5 % is seen are taken at even steps through all objects. The true
picture of the part alone is lifted in each way and compared with the true part in the part's
frame: silhouettes at the six poses of Zero123++ v1.2, as they are and each fitted to its own
bounding box, and F-score(0.05) with the longest side of the truth 1. ``--priors`` prints instead
how deep true parts are for their width, the figures behind the defaults of ``lifting.depth``.
"""

import argparse
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from evaluation import functional
from mmpart_core.geometry import cameras, transforms, truth_scene
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import TruthGeometry
from mmpart_core.intake.truth import request_from_truth
from mmpart_core.isolate.backends import groundtruth as isolator
from mmpart_core.isolate.stage import isolate_part
from mmpart_core.multiview.backends import lift
from mmpart_core.multiview.lifting.lift import lift_part
from mmpart_core.plan.backends import template
from mmpart_core.plan.stage import plan_parts
from mmpart_core.records import Camera, InputView
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

VIEW = InputView(azimuth_deg=30.0, elevation_deg=20.0)
LEAST_VISIBLE = 0.05
LEAST_PX = 30
COARSE_PX, IMAGE_PX, VIEW_PX, FITTED_PX = 160, 480, 128, 96
POINTS = 8_000
WAYS: dict[str, dict[str, object]] = {
    "auto": {},
    "round": {"shape": "round"},
    "sections": {"shape": "sections"},
    "flat": {"shape": "flat"},
    "revolved": {"shape": "revolved"},
}


@dataclass(frozen=True)
class KnownPart:
    """A part's true picture and its true shape.

    Attributes:
        name: object and node.
        rgba: the part alone, where it is in the object's picture.
        camera: of the picture, object frame.
        mesh: the true part in the part's frame.
        silhouettes: of the true part at the six poses.
        points: on the outer surface of the true part.
    """

    name: str
    rgba: UInt8[np.ndarray, "H W 4"]
    camera: Camera
    mesh: TriangleMesh
    silhouettes: list[Bool[np.ndarray, "S S"]]
    points: Float[np.ndarray, "P 3"]


def visible_nodes(truth: TruthGeometry) -> list[str]:
    """Nodes of which enough is seen from the input camera."""
    camera = cameras.orbit_camera(VIEW.azimuth_deg, VIEW.elevation_deg, VIEW.fov_deg, COARSE_PX)
    seen = truth.render_scene.ids(camera)
    kept: list[str] = []
    for index, name in enumerate(truth.names):
        alone = int(RenderScene([truth.part(name)]).silhouette(camera).sum())
        if alone >= LEAST_PX and int((seen == index).sum()) >= LEAST_VISIBLE * alone:
            kept.append(name)
    return kept


def chosen_parts(folder: Path, count: int) -> list[tuple[Path, str]]:
    """About ``count`` parts, at even steps through those of all objects."""
    found: list[tuple[Path, str]] = []
    for path in sorted(folder.glob("*.glb")):
        truth = truth_scene.read_truth(path.read_bytes(), path.stem)
        found += [(path, node) for node in visible_nodes(truth)]
    steps = np.linspace(0, len(found) - 1, min(count, len(found)))
    return [found[at] for at in sorted({round(step) for step in steps})]


def known_parts(chosen: list[tuple[Path, str]]) -> Iterator[KnownPart]:
    """Pictures and truths of chosen nodes, object by object."""
    poses = cameras.zero123plus_cameras("v1.2", VIEW_PX)
    planner = template.BACKEND(template.Settings())
    alone = isolator.BACKEND(isolator.Settings())
    for path in dict.fromkeys(path for path, _ in chosen):
        store = MemoryStore()
        nodes = [node for other, node in chosen if other == path]
        request = request_from_truth(
            path, view=VIEW, store=store, size_px=IMAGE_PX, components=nodes
        )
        truth = truth_scene.load_truth(store, request.truth)
        assert truth is not None
        for prompt in plan_parts(request, backend=planner, store=store, seed=0).prompts:
            part = isolate_part(request.image, prompt, backend=alone, store=store, seed=0)
            mesh, _ = truth.part_frame(prompt.component, VIEW.azimuth_deg)
            scene = RenderScene([mesh])
            points, _ = functional.sample_surface(mesh.vertices, mesh.faces, POINTS, seed=0)
            outer = functional.seen_from_outside(mesh.vertices, mesh.faces, points)
            yield KnownPart(
                name=f"{path.stem}/{prompt.component}",
                rgba=codecs.get_image(store, part.rgba),
                camera=part.camera,
                mesh=mesh,
                silhouettes=[scene.silhouette(pose) for pose in poses],
                points=points[outer],
            )


def fitted(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "F F"]:
    """A silhouette centred, its longer side brought to one length."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((FITTED_PX, FITTED_PX), dtype=bool)
    cut = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    zoom = FITTED_PX / max(cut.shape)
    turn = np.array(
        [
            [zoom, 0.0, (FITTED_PX - zoom * cut.shape[1]) / 2.0],
            [0.0, zoom, (FITTED_PX - zoom * cut.shape[0]) / 2.0],
        ]
    )
    return cv2.warpAffine(cut.astype(np.float32), turn, (FITTED_PX, FITTED_PX)) >= 0.5


def compare(made: TriangleMesh, part: KnownPart) -> dict[str, float]:
    """Figures of one lifted part, in the part's frame, against its truth."""
    poses = cameras.zero123plus_cameras("v1.2", VIEW_PX)
    scene = RenderScene([made])
    pairs = [
        (scene.silhouette(pose), truth) for pose, truth in zip(poses, part.silhouettes, strict=True)
    ]
    unit = 1.0 / float(np.ptp(part.mesh.vertices[part.mesh.faces.ravel()], axis=0).max())
    points, _ = functional.sample_surface(made.vertices, made.faces, POINTS, seed=1)
    nearest = functional.nearest_distances(points * unit, part.points * unit)
    return {
        "iou": statistics.fmean(functional.silhouette_iou(a, b) or 0.0 for a, b in pairs),
        "fitted": statistics.fmean(
            functional.silhouette_iou(fitted(a), fitted(b)) or 0.0 for a, b in pairs
        ),
        "f_05": functional.f_from_distances(nearest, 0.05),
    }


def lift_and_compare(part: KnownPart, settings: dict[str, object]) -> dict[str, float]:
    """One part lifted in one way."""
    rules = lift.Settings.model_validate(settings).rules()
    start = time.process_time()
    lifted = lift_part(part.rgba, part.camera, rules)
    seconds = time.process_time() - start
    seen = RenderScene([lifted.mesh]).silhouette(part.camera)
    return {
        **compare(lifted.in_part_frame(), part),
        "input": functional.silhouette_iou(seen, part.rgba[..., 3] >= 128) or 0.0,
        "seconds": seconds,
    }


def priors(chosen: list[tuple[Path, str]]) -> str:
    """Depth over width of true parts, by the azimuth they are seen from."""
    lines = [f"{len(chosen)} parts; depth over width, percentiles 5 25 50 75 95"]
    corners: list[Float[np.ndarray, "P 3"]] = []
    for path in dict.fromkeys(path for path, _ in chosen):
        truth = truth_scene.read_truth(path.read_bytes(), path.stem)
        parts = [truth.part(node) for other, node in chosen if other == path]
        corners += [mesh.vertices[mesh.faces.ravel()] for mesh in parts]
    for azimuth_deg in (0.0, 30.0, 60.0, 90.0):
        turn = transforms.rotation_z(-azimuth_deg)[:3, :3]
        extents = np.array([np.ptp(points @ turn.T, axis=0) for points in corners])
        share = np.percentile(extents[:, 0] / np.maximum(extents[:, 1], 1e-6), (5, 25, 50, 75, 95))
        lines.append(f"azimuth {azimuth_deg:3.0f}  " + "".join(f"{value:7.2f}" for value in share))
    return "\n".join(lines)


def report(rows: dict[str, list[dict[str, float]]]) -> str:
    """A line per way."""
    columns = ("iou", "fitted", "f_05", "input", "seconds")
    lines = [f"{'way':<14}" + "".join(f"{column:>9}" for column in columns) + "   least input"]
    for way, results in rows.items():
        means = [statistics.fmean(row[column] for row in results) for column in columns]
        least = min(row["input"] for row in results)
        lines.append(f"{way:<14}" + "".join(f"{mean:9.3f}" for mean in means) + f"{least:14.3f}")
    return "\n".join(lines)


def main() -> None:
    """Lift every chosen part in every way; print the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parts", type=int, default=60)
    parser.add_argument("--ways", nargs="+", choices=tuple(WAYS), default=list(WAYS))
    parser.add_argument("--each", action="store_true", help="print every part")
    parser.add_argument("--priors", action="store_true", help="print how deep true parts are")
    options = parser.parse_args()
    if options.priors:
        print(priors(chosen_parts(options.folder, 10**6)))
        return
    rows: dict[str, list[dict[str, float]]] = {way: [] for way in options.ways}
    for part in known_parts(chosen_parts(options.folder, options.parts)):
        for way, results in rows.items():
            results.append(lift_and_compare(part, WAYS[way]))
        if options.each:
            figures = "  ".join(f"{way} {results[-1]['iou']:.2f}" for way, results in rows.items())
            print(f"{part.name:<50} {figures}", flush=True)
    print(f"{len(next(iter(rows.values())))} parts")
    print(report(rows))


if __name__ == "__main__":
    main()
