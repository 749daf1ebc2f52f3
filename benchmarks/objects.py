"""Known objects through the whole method: how many finish, how good each part is, what it costs.

    python -m benchmarks.objects FOLDER [--output out/objects] [--processes 2] [--limit N]

FOLDER holds GLBs whose named nodes are the parts. Every object goes through the profile
``groundtruth`` (exact isolation and views, real reconstruction and meshing). Each part is scored
against the outer surface of its truth, both scaled so that the truth's longest side is 1. Rows
go to ``parts.csv`` as objects finish; objects already in it are skipped, so a stopped run goes on.
"""

import argparse
import csv
import os
import statistics
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from evaluation import functional
from mmpart_core import pipeline
from mmpart_core.config import read_profile
from mmpart_core.geometry import truth_scene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.intake.truth import request_from_truth
from mmpart_core.output.bundle import write_bundle
from mmpart_core.records import InputView, ObjectResult, PartResult
from mmpart_core.storage import glb
from mmpart_core.storage.blob_store import BlobStore
from mmpart_core.storage.fsspec_store import FsspecStore

PROFILE = Path(__file__).parents[1] / "deployments" / "profiles" / "groundtruth.yaml"
POINTS = 20_000
PART_STAGES = ("isolate", "multiview", "reconstruct", "mesh")
COLUMNS = (
    "object", "part", "failed", "f_02", "f_01", "chamfer", "normals", "watertight", "faces",
    "iou", "isolate_s", "multiview_s", "reconstruct_s", "mesh_s", "object_s",
)  # fmt: skip


def score(prediction: TriangleMesh, truth: TriangleMesh) -> dict[str, float]:
    """Shape metrics of one part against the outer surface of its truth, longest side 1."""
    unit = 1.0 / float(np.ptp(truth.vertices, axis=0).max())
    true_points, true_normals = functional.sample_surface(
        truth.vertices, truth.faces, POINTS, seed=0
    )
    outer = functional.seen_from_outside(truth.vertices, truth.faces, true_points)
    points, normals = functional.sample_surface(
        prediction.vertices, prediction.faces, POINTS, seed=1
    )
    nearest = functional.nearest_distances(points * unit, true_points[outer] * unit)
    return {
        "f_02": functional.f_from_distances(nearest, 0.02),
        "f_01": functional.f_from_distances(nearest, 0.01),
        "chamfer": functional.chamfer_from_distances(nearest),
        "normals": functional.normals_from_distances(nearest, normals, true_normals[outer]),
    }


def part_row(result: ObjectResult, part: PartResult, store: BlobStore) -> dict[str, object]:
    """One finished part as a row."""
    truth = truth_scene.load_truth(store, part.mesh.truth)
    assert truth is not None
    true_mesh, _ = truth.part_frame(part.component, result.request.view.azimuth_deg)
    seconds = {run.stage: run.seconds for run in result.runs if run.component == part.component}
    placements = result.assembled.placements if result.assembled else ()
    iou = next((p.silhouette_iou for p in placements if p.component == part.component), None)
    return {
        "object": result.request.name,
        "part": part.component,
        "failed": "",
        "watertight": int(part.mesh.watertight),
        "faces": part.mesh.mesh.faces,
        "iou": iou,
        **score(glb.get_mesh(store, part.mesh.mesh), true_mesh),
        **{f"{stage}_s": round(seconds[stage], 3) for stage in PART_STAGES},
        "object_s": round(sum(run.seconds for run in result.runs), 2),
    }


def run_object(path: Path, output: Path) -> list[dict[str, object]]:
    """One object through the pipeline; its rows."""
    store = FsspecStore(str(output / "store"))
    config = read_profile(PROFILE)
    request = request_from_truth(path, view=InputView(azimuth_deg=30.0), store=store)
    result = pipeline.generate_object(request, config, store, seed=0)
    write_bundle(result, store, str(output / path.stem), config=config)
    rows = [part_row(result, part, store) for part in result.parts]
    rows += [
        {"object": request.name, "part": f.component, "failed": f"{f.stage}: {f.message}"}
        for f in result.failures
    ]
    return rows


def summary(rows: list[dict[str, str]]) -> str:
    """The figures that are quoted."""
    made = [row for row in rows if not row["failed"]]
    objects = {row["object"] for row in rows}
    broken = {row["object"] for row in rows if row["failed"]}

    def mean(column: str) -> float:
        return statistics.fmean(float(row[column]) for row in made if row[column])

    def median(column: str) -> float:
        return statistics.median(float(row[column]) for row in made if row[column])

    lines = [
        f"objects {len(objects)}, finished with all parts {len(objects) - len(broken)}",
        f"parts {len(rows)}, made {len(made)}, watertight {100 * mean('watertight'):.1f} %",
        f"F(0.02) {mean('f_02'):.3f}   F(0.01) {mean('f_01'):.3f}   chamfer {mean('chamfer'):.4f}"
        f"   normal consistency {mean('normals'):.3f}   silhouette IoU {mean('iou'):.3f}",
        "median seconds per part: "
        + "   ".join(f"{stage} {median(f'{stage}_s'):.2f}" for stage in PART_STAGES),
        "lowest F(0.02):",
    ]
    worst = sorted(made, key=lambda row: float(row["f_02"]))[:10]
    lines += [f"  {float(row['f_02']):.3f}  {row['object']} / {row['part']}" for row in worst]
    lines += [f"failed: {row['object']} / {row['part']}: {row['failed']}" for row in rows
              if row["failed"]]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, then print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("out/objects"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    table = options.output / "parts.csv"
    if not table.exists():
        table.write_text(",".join(COLUMNS) + "\n")
    with table.open() as file:
        done = {row["object"] for row in csv.DictReader(file)}
    paths = [p for p in sorted(options.folder.glob("*.glb")) if p.stem not in done]
    with ProcessPoolExecutor(options.processes, max_tasks_per_child=8) as pool:
        jobs = {pool.submit(run_object, p, options.output): p for p in paths[: options.limit]}
        for job in as_completed(jobs):
            with table.open("a", newline="") as file:
                csv.DictWriter(file, COLUMNS).writerows(job.result())
            print(f"done {jobs[job].stem}", flush=True)
    with table.open() as file:
        print(summary(list(csv.DictReader(file))))


if __name__ == "__main__":
    main()
