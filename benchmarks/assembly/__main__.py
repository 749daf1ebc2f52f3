"""Parts of known objects put together by the layout back-end and its alternatives, in one run.

    python -m benchmarks.assembly run OBJECTS [--sample 12] [--conditions plain warped ...]
    python -m benchmarks.assembly run OBJECTS --methods layout box --each --table rows.csv
    python -m benchmarks.assembly run OBJECTS --meshes reconstructed --kept meshes
    python -m benchmarks.assembly speed OBJECTS --objects NAME NAME NAME
    python -m benchmarks.assembly pictures OBJECTS --objects NAME --output FOLDER

OBJECTS holds GLBs whose named nodes are the parts. Each is seen by three cameras whose elevation
no method is told; its parts are given as true isolated images and meshes in frames of their own,
and the whole object by six true views. ``condition.CONDITIONS`` says how that is spoilt,
``methods.NAMED`` what is compared.
"""

import argparse
import csv
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.assembly import tables
from benchmarks.assembly.condition import CAMERAS_DEG, CONDITIONS
from benchmarks.assembly.meshes import reconstructed
from benchmarks.assembly.methods import NAMED
from benchmarks.assembly.pictures import write_pictures
from benchmarks.assembly.scenes import chosen_objects, make_scene
from benchmarks.assembly.scoring import score_scene
from benchmarks.assembly.speed import measure


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks.assembly",
                                  description=(__doc__ or "").splitlines()[0])  # fmt: skip
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="place the parts of known objects, then report")
    run.add_argument("folder", type=Path, help="GLBs whose nodes are parts")
    run.add_argument("--sample", type=int, default=12, help="objects, at even steps; 0 for all")
    run.add_argument("--objects", nargs="*", default=[], help="these objects instead of a sample")
    run.add_argument("--cameras", type=int, default=len(CAMERAS_DEG), help="of the three, so many")
    run.add_argument("--conditions", nargs="+", choices=tuple(CONDITIONS), default=["plain"])
    run.add_argument("--methods", nargs="+", choices=tuple(NAMED), default=list(NAMED))
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--meshes", choices=("true", "reconstructed"), default="true")
    run.add_argument("--preset", default="cpu", help="of reconstruction, for --meshes")
    run.add_argument("--kept", type=Path, help="folder that keeps reconstructed meshes")
    run.add_argument("--each", action="store_true", help="print every part")
    run.add_argument("--table", type=Path, help="write a row per part to this CSV")
    speed = commands.add_parser("speed", help="seconds against the number of parts")
    speed.add_argument("folder", type=Path, help="GLBs whose nodes are parts")
    speed.add_argument("--objects", nargs="+", required=True, help="whose parts stand in rows")
    speed.add_argument("--parts", nargs="+", type=int, default=[2, 4, 6, 8, 10, 12])
    speed.add_argument("--threads", type=int, default=2)
    speed.add_argument("--seed", type=int, default=0)
    pictures = commands.add_parser("pictures", help="source, ours, box and truth side by side")
    pictures.add_argument("folder", type=Path, help="GLBs whose nodes are parts")
    pictures.add_argument("--objects", nargs="+", required=True)
    pictures.add_argument("--output", type=Path, required=True, help="folder of a PNG per object")
    pictures.add_argument("--methods", nargs="+", choices=tuple(NAMED),
                          default=["layout", "one-image", "box"])  # fmt: skip
    pictures.add_argument("--seed", type=int, default=0)
    return top


def draw(options: argparse.Namespace) -> None:
    """A picture per object, and its figures per method."""
    for name in options.objects:
        path = options.folder / f"{name}.glb"
        scene = make_scene(path, CAMERAS_DEG[0], CONDITIONS["plain"], options.seed)
        methods = {each: NAMED[each] for each in options.methods}
        made = write_pictures(scene, methods, options.seed, options.output)
        for method, assembly in made.items():
            rows = score_scene(scene, assembly)
            mean = sum(row["iou"] for row in rows) / len(rows)
            worst = min(rows, key=lambda row: row["iou"])
            print(f"{name} {method}: {mean:.3f}, {worst['part']} {worst['iou']:.3f}", flush=True)


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All rows, printed as they come where that is asked."""
    paths = [options.folder / f"{name}.glb" for name in options.objects]
    rows: list[dict[str, Any]] = []
    meshes = None
    if options.meshes == "reconstructed":
        meshes = reconstructed(options.preset, options.seed, options.kept)
    for condition in options.conditions:
        for path in paths or chosen_objects(options.folder, options.sample):
            for view in CAMERAS_DEG[: options.cameras]:
                scene = make_scene(path, view, CONDITIONS[condition], options.seed, meshes)
                for method in options.methods:
                    start = time.process_time()
                    assembly = NAMED[method](scene, options.seed)
                    named = {
                        "condition": condition,
                        "method": method,
                        "seconds": time.process_time() - start,
                    }
                    found = [named | row for row in score_scene(scene, assembly)]
                    rows += found
                    if options.each:
                        print("\n".join(tables.line(row) for row in found), flush=True)
    return rows


def main() -> None:
    """Run and report."""
    options = parser().parse_args()
    if options.command == "speed":
        paths = [options.folder / f"{name}.glb" for name in options.objects]
        print(measure(paths, options.parts, options.threads, options.seed))
        return
    if options.command == "pictures":
        draw(options)
        return
    rows = run(options)
    if options.table:
        with options.table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    print(tables.report(rows))


if __name__ == "__main__":
    main()
