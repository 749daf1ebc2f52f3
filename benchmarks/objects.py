"""Known objects through the whole method: how many finish, how good each part is, what it costs.

    mmpart evaluate DATASET --generate --profile groundtruth --output RESULTS
    python -m benchmarks.objects DATASET RESULTS [--table parts.csv]

DATASET holds GLBs whose named nodes are the parts, RESULTS what the first command made of them
(exact isolation, views and placement; real reconstruction and meshing). Nothing is aligned here, so
results that stand in other coordinates than the truth's are refused. Each part is scored
against the outer surface of its truth, both scaled so that the longest side of the truth is 1: a
stricter question than the evaluator's, whose unit is the whole object. Seconds are those of stages
that the run made itself; what came from its store has none.
"""

import argparse
import csv
import json
import os
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from evaluation import functional
from evaluation.loaders import open_dataset
from evaluation.loaders.own_output import read_own_output
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh

POINTS = 20_000
PART_STAGES = ("isolate", "multiview", "reconstruct", "mesh")
METRICS = ("f_02", "f_01", "chamfer", "normals")
COLUMNS = (
    "object", "part", "failed", *METRICS, "watertight", "faces", "iou",
    *(f"{stage}_s" for stage in PART_STAGES),
)  # fmt: skip


def score(prediction: TriangleMesh, truth: TriangleMesh) -> dict[str, float]:
    """Shape metrics of one part against the outer surface of its truth, longest side 1."""
    unit = 1.0 / float(np.ptp(truth.vertices[truth.faces.ravel()], axis=0).max())
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


def part_facts(part: dict[str, Any]) -> dict[str, object]:
    """What the manifest says of one part that was made."""
    seconds = {run["stage"]: run["seconds"] for run in part["stages"] if not run["cached"]}
    return {
        "watertight": int(part["mesh"]["watertight"]),
        "faces": part["mesh"]["faces"],
        "iou": part["silhouette_iou"],
        **{f"{stage}_s": seconds.get(stage) for stage in PART_STAGES},
    }


def object_rows(dataset: Path, results: Path, object_id: str) -> list[dict[str, object]]:
    """One object's parts as rows.

    Raises:
        InputError: the object does not stand in the truth's own coordinates.
    """
    truth = open_dataset(dataset).load(object_id)
    folder = results / object_id
    try:
        made = read_own_output(folder, object_id)
    except InputError as error:
        return [{"object": object_id, "part": name, "failed": str(error)} for name in truth.parts]
    if made.frame != "truth":
        raise InputError(
            f"{folder / 'manifest.json'}: this object must stand in the coordinates of its known "
            f"scene, but its frame is '{made.frame}'; make it by 'mmpart evaluate DATASET "
            "--generate --profile groundtruth --output RESULTS', or score it, aligned, by "
            "'mmpart evaluate DATASET --predictions RESULTS'"
        )
    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["parts"]
    facts = {part["component"]: part for part in listed}
    rows: list[dict[str, object]] = []
    for name, mesh in truth.parts.items():
        row: dict[str, object] = {"object": object_id, "part": name}
        if name in made.parts:
            row |= score(made.parts[name], mesh) | part_facts(facts[name])
        else:
            row["failed"] = made.failures.get(name, "not made")
        rows.append(row)
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """The figures that are quoted."""
    made = [row for row in rows if not row.get("failed")]
    objects = {row["object"] for row in rows}
    broken = {row["object"] for row in rows if row.get("failed")}

    def values(column: str) -> list[float]:
        return [float(row[column]) for row in made if row[column] is not None]

    def median(column: str) -> str:
        return f"{statistics.median(values(column)):.2f}" if values(column) else "cached"

    def mean(column: str) -> float:
        return statistics.fmean(values(column))

    lines = [
        f"objects {len(objects)}, finished with all parts {len(objects) - len(broken)}",
        f"parts {len(rows)}, made {len(made)}",
        *(f"failed: {row['object']} / {row['part']}: {row['failed']}" for row in rows
          if row.get("failed")),
    ]  # fmt: skip
    if not made:
        return "\n".join(lines)
    worst = sorted(made, key=lambda row: float(row["f_02"]))[:10]
    return "\n".join(
        [
            *lines,
            f"watertight {100 * mean('watertight'):.1f} %, F(0.02) {mean('f_02'):.3f} (median "
            f"{median('f_02')}), F(0.01) {mean('f_01'):.3f}, chamfer {mean('chamfer'):.4f}, "
            f"normal consistency {mean('normals'):.3f}, silhouette IoU {mean('iou'):.3f}",
            "median seconds per part: "
            + ", ".join(f"{stage} {median(f'{stage}_s')}" for stage in PART_STAGES),
            "lowest F(0.02):",
            *(f"  {float(row['f_02']):.3f}  {row['object']} / {row['part']}" for row in worst),
        ]
    )


def main() -> None:
    """Score all objects, write the table, print the summary."""
    parser = argparse.ArgumentParser(description="Score known objects part by part.")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--table", type=Path, help="also write a row per part to this CSV")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    object_ids = open_dataset(options.dataset).object_ids()
    work = partial(object_rows, options.dataset, options.results)
    try:
        with ProcessPoolExecutor(options.processes) as pool:
            rows = [row for rows in pool.map(work, object_ids) for row in rows]
    except InputError as error:
        parser.exit(2, f"{error}\n")
    if options.table:
        with options.table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    print(summary(rows))


if __name__ == "__main__":
    main()
