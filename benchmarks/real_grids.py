"""What real Zero123++ grids become: matte, reconstruction, mesh; a sheet and figures for each.

    python -m benchmarks.real_grids FOLDER OUTPUT [--hold 1 4] [--set reconstruct.slack_px=1.5]

FOLDER holds grids of Zero123++ v1.2 (``**/*_grid.png``, 640x960 px). White grids are drawn by
InstantMesh's generator, whose objects fit the unit cube instead of the unit sphere: their cameras
stand nearer, so that the object fits again. Views named by ``--hold`` (``--loo``: each) are, one
at a time, left out of training and compared with the mesh of the others: colours over both
silhouettes on mid grey (PSNR), and silhouettes (IoU). OUTPUT gets a PNG per grid and ``rows.csv``,
a row per training; those that are there for the same settings are not made again. Sheets carry no
settings in their names: give each choice of them a folder of its own.
``--truth OBJECTS`` prints how rough the surfaces of known objects are.
"""

import argparse
import csv
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from benchmarks.grid_sheet import camera_at, draw_grid_sheet, over
from benchmarks.surface_roughness import bump_angle_deg, face_angle_deg
from evaluation import functional
from mmpart_core import backends
from mmpart_core.errors import ConfigError, MMPartError
from mmpart_core.geometry import truth_scene
from mmpart_core.geometry.bounds import points_from_unit
from mmpart_core.geometry.cameras import zero123plus_cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.checks import check_views
from mmpart_core.multiview.matting import cut_grid, matte_views
from mmpart_core.plain_yaml import parse_yaml
from mmpart_core.reconstruct.protocol import TrainedField

WHITE = 230  # median of a grid's border from which its ground is white
# Distance of InstantMesh's cameras over that of Zero123++: the unit cube reaches 1.73, boxes of
# real objects less; with this the body that reconstruction may fill reaches 1.38.
WHITE_DISTANCE = 0.8
GREY = (128, 128, 128)
SETTINGS: dict[str, dict[str, Any]] = {
    "reconstruct": {"preset": "cpu", "device": "cpu", "slack_px": 3.0},
    "mesh": {},
}
FIGURES = ("held_psnr_db", "held_iou", "train_psnr_db", "confidence", "watertight", "faces",
           "face_angle_deg", "bump_angle_deg", "matte_s", "train_s", "mesh_s")  # fmt: skip
COLUMNS = ("grid", "settings", "held", *FIGURES, "warnings", "failed")


def read_grid(path: Path) -> UInt8[np.ndarray, "6 S S 3"]:
    """The six views of a grid file, sRGB."""
    with Image.open(path) as picture:
        return cut_grid(np.array(picture.convert("RGB")))


def grid_distance(views: UInt8[np.ndarray, "6 S S 3"]) -> float:
    """Distance of the cameras that a grid was drawn with, over that of Zero123++."""
    return WHITE_DISTANCE if np.median(views[:, :4]) >= WHITE else 1.0


def matted(views: UInt8[np.ndarray, "6 S S 3"]) -> PosedViews:
    """Views cut out of their ground, with the cameras that they were drawn at."""
    distance = grid_distance(views)
    poses = tuple(camera_at(pose, distance) for pose in zero123plus_cameras("v1.2", views.shape[1]))
    return matte_views(views, poses)


def made_from(
    views: PosedViews, settings: dict[str, dict[str, Any]]
) -> tuple[TrainedField, TriangleMesh, tuple[str, ...], tuple[float, float]]:
    """Train and mesh.

    Returns:
        The field, the mesh, all warnings, and CPU seconds of training and meshing.
    """
    trainer = backends.open_backend("reconstruct", "nerfstudio", settings["reconstruct"])
    extractor = backends.open_backend("mesh", "flexicubes", settings["mesh"])
    start = time.process_time()
    field = trainer.train(views, 0)
    middle = time.process_time()
    surface = extractor.extract(field.grid, field.trained_on(views), 0)
    seconds = middle - start, time.process_time() - middle
    return field, surface.mesh, (*field.warnings, *surface.warnings), seconds


def held_row(path: Path, held: int, settings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How well the mesh of the other views shows one view."""
    views = matted(read_grid(path))
    mesh = made_from(views.without((held,)), settings)[1]
    drawn = RenderScene([mesh]).render(views.cameras[held]).rgba
    solid, truth = drawn[..., 3] >= 128, views.rgba[held][..., 3] >= 128
    pictures = [over(rgba.astype(np.float32) / 255.0, GREY) for rgba in (drawn, views.rgba[held])]
    iou = functional.silhouette_iou(solid, truth) or 0.0
    psnr = functional.psnr(pictures[0], pictures[1], solid | truth)
    return {"held_psnr_db": round(psnr, 2), "held_iou": round(iou, 3)}


def grid_row(path: Path, output: Path, settings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Make one grid's mesh, write its sheet, and measure it."""
    start = time.process_time()
    opaque = read_grid(path)
    views = matted(opaque)
    matte_s = time.process_time() - start
    check_views(views, None)
    field, mesh, warnings, (train_s, mesh_s) = made_from(views, settings)
    row: dict[str, Any] = {
        "train_psnr_db": round(field.train_psnr_db, 2),
        "confidence": round(field.confidence, 3),
        "watertight": int(functional.is_watertight(mesh.vertices, mesh.faces)),
        "faces": len(mesh.faces),
        "face_angle_deg": round(face_angle_deg(mesh.vertices, mesh.faces), 2),
        "bump_angle_deg": round(bump_angle_deg(mesh.vertices, mesh.faces), 2),
        "matte_s": round(matte_s, 1),
        "train_s": round(train_s, 1),
        "mesh_s": round(mesh_s, 1),
        "warnings": " | ".join(warnings),
    }
    title = "  ".join([_name(path), *(f"{key} {row[key]}" for key in list(row)[:6])])
    sheet = draw_grid_sheet(views, mesh, title, grid_distance(opaque))
    Image.fromarray(sheet).save(output / f"{_name(path)}.png")
    return row


def truth_figures(folder: Path) -> str:
    """How rough the surfaces of known objects are, brought to the unit sphere."""
    rows: list[tuple[float, float]] = []
    for path in sorted(folder.glob("*.glb")):
        truth = truth_scene.read_truth(path.read_bytes(), path.stem)
        parts = [truth.part(name) for name in truth.names]
        first = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
        faces = np.concatenate([p.faces + at for p, at in zip(parts, first, strict=True)])
        vertices = np.concatenate([part.vertices for part in parts])
        used = vertices[faces.ravel()]
        inverse = np.linalg.inv(points_from_unit(used))
        unit = vertices @ inverse[:3, :3].T + inverse[:3, 3]
        rows.append((face_angle_deg(unit, faces), bump_angle_deg(unit, faces, outer=True)))
    face, bump = (np.percentile([row[i] for row in rows], (25, 50, 75)) for i in (0, 1))
    return (
        f"{len(rows)} known objects, quartiles: face angle {face.round(1).tolist()}, bump angle "
        f"{bump.round(1).tolist()} degrees"
    )


def parsed(assignments: list[str]) -> dict[str, dict[str, Any]]:
    """``stage.setting=value`` over the benchmark's own settings."""
    settings = {stage: dict(values) for stage, values in SETTINGS.items()}
    for assignment in assignments:
        key, _, value = assignment.partition("=")
        stage, _, setting = key.partition(".")
        if stage not in settings or not setting or not value:
            raise SystemExit(f"--set {assignment}: expected reconstruct.SETTING=VALUE or mesh....")
        settings[stage][setting] = parse_yaml(value, f"--set {key}", ConfigError)
    return settings


def summary(rows: list[dict[str, str]]) -> str:
    """Means over the trainings that gave a mesh, per settings."""
    lines: list[str] = []
    for chosen in dict.fromkeys(row["settings"] for row in rows):
        own = [row for row in rows if row["settings"] == chosen]
        failed = sum(bool(row["failed"]) for row in own)
        lines.append(f"{chosen or 'defaults'}: {len(own)} trainings, {failed} failed")
        for column in FIGURES:
            values = [float(row[column]) for row in own if row[column]]
            if values:
                spread = f"{len(values)} values, least {min(values):.3g}, most {max(values):.3g}"
                lines.append(f"  {column:<16} mean {statistics.fmean(values):8.3f}   {spread}")
    return "\n".join(lines)


def _name(path: Path) -> str:
    return path.stem.removesuffix("_grid").removesuffix("_views")


def _rows_in(table: Path) -> list[dict[str, str]]:
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _run(options: argparse.Namespace, table: Path) -> None:
    """Make the rows that are missing: all sheets first."""
    settings = parsed(options.set)
    made_by = (
        backends.backend_version("reconstruct", "nerfstudio"),
        backends.backend_version("mesh", "flexicubes"),
    )
    named = " ".join([*made_by, *options.set])
    done = {(row["grid"], row["settings"], row["held"]) for row in _rows_in(table)}
    paths = [
        path
        for path in sorted(options.folder.glob("**/*_grid.png"))
        if not options.grids or _name(path) in options.grids
    ]
    views: list[int | None] = [None, *options.hold]
    for held, path in [(held, path) for held in views for path in paths]:
        same = {
            "grid": _name(path),
            "settings": named,
            "held": "" if held is None else str(held),
        }
        if tuple(same.values()) in done:
            continue
        try:
            row = (
                grid_row(path, options.output, settings)
                if held is None
                else held_row(path, held, settings)
            )
        except MMPartError as error:
            row = {"failed": str(error)}
        new = not table.exists()
        with table.open("a", newline="", encoding="utf-8") as file:
            writer: csv.DictWriter[str] = csv.DictWriter(file, COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow({**same, **row})
        print({**same, **row}, flush=True)


def main() -> None:
    """Make the rows that are missing; print the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--grids", nargs="+", help="names of those to make, as 'robot'")
    parser.add_argument("--hold", nargs="*", type=int, choices=range(6), default=[1, 4])
    parser.add_argument("--loo", action="store_true", help="hold out each of the six views")
    parser.add_argument("--set", action="append", default=[], metavar="STAGE.SETTING=VALUE")
    parser.add_argument("--truth", type=Path, help="known objects to compare roughness with")
    options = parser.parse_args()
    if options.loo:
        options.hold = list(range(6))
    options.output.mkdir(parents=True, exist_ok=True)
    table = options.output / "rows.csv"
    _run(options, table)
    print(summary(_rows_in(table)))
    if options.truth:
        print(truth_figures(options.truth))


if __name__ == "__main__":
    main()
