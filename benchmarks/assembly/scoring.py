"""What a placement is worth: no part is normalised by itself, so errors of place stay."""

from typing import Any

import numpy as np

from benchmarks.assembly.scenes import Scene
from evaluation import functional
from mmpart_core.assemble import compose
from mmpart_core.assemble.input_camera import fov_of
from mmpart_core.assemble.protocol import Assembly
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh

PADDING = 0.005  # of the object's diagonal on each side of a box, so that flat parts have one
COUNTED = 0.05  # visible share from which a part counts
_POINTS, _PICTURE_PX, _COLUMNS = 5000, 192, 32
_MEETING = 0.005  # of the diagonal: true parts that come as near as that are in contact
_AROUND_DEG = tuple((45.0 * step + 22.5, (-10.0, 30.0)[step % 2]) for step in range(8))


def score_scene(scene: Scene, assembly: Assembly) -> list[dict[str, Any]]:
    """One row per part; what concerns the object stands in each."""
    parts = scene.task.parts
    made = [
        compose.finished_mesh(part, placed).transformed(placed.world_from_part)
        for part, placed in zip(parts, assembly.placed, strict=True)
    ]
    true = [scene.truth.part(part.component) for part in parts]
    if scene.task.whole_views is not None and not scene.task.whole_frame_known:
        made = _in_one_frame(made, true)
    everything = np.concatenate([_used(mesh) for mesh in scene.truth.parts.values()])
    extent = np.ptp(everything, axis=0)
    diagonal, unit = float(np.linalg.norm(extent)), 2.0 / float(extent.max())
    overlaps = _outlines(scene, made, true)
    differences = _colors(made, true)
    whole = {
        "elevation_error": _elevation(scene, assembly) - scene.elevation_deg,
        "fov_error": _fov(scene, assembly),
        "pen": _penetration(made),
        "pen_true": _penetration(true),
        "gap": _gap(made, true, diagonal),
        "around": overlaps[1],
    }
    rows: list[dict[str, Any]] = []
    for index, part in enumerate(parts):
        rows.append(
            {
                "object": scene.object_id,
                "azimuth": scene.azimuth_deg,
                "part": part.component,
                "share": scene.shares[index],
                **_part(made[index], true[index], diagonal, unit),
                "outline": overlaps[0][index],
                "color": differences[index],
                "warnings": "; ".join(assembly.placed[index].warnings),
                **whole,
            }
        )
    return rows


def _in_one_frame(made: list[TriangleMesh], true: list[TriangleMesh]) -> list[TriangleMesh]:
    """All parts scaled and moved together: how large and where the object is was not told.

    Least squares over the corners of all boxes.
    """
    got, want = (
        np.concatenate([[_used(mesh).min(axis=0), _used(mesh).max(axis=0)] for mesh in meshes])
        for meshes in (made, true)
    )
    middle, target = got.mean(axis=0), want.mean(axis=0)
    scale = float(((got - middle) * (want - target)).sum() / ((got - middle) ** 2).sum())
    matrix = transforms.scale_then_translate(scale, target - scale * middle)
    return [mesh.transformed(matrix) for mesh in made]


def _part(made: TriangleMesh, true: TriangleMesh, diagonal: float, unit: float) -> dict[str, float]:
    got, want = _used(made), _used(true)
    pad = PADDING * diagonal
    points, _ = functional.sample_surface(made.vertices, made.faces, _POINTS, seed=1)
    true_points, _ = functional.sample_surface(true.vertices, true.faces, _POINTS, seed=0)
    nearest = functional.nearest_distances(points * unit, true_points * unit)
    return {
        "iou": functional.bbox_iou(
            got.min(axis=0) - pad,
            got.max(axis=0) + pad,
            want.min(axis=0) - pad,
            want.max(axis=0) + pad,
        ),
        "centroid": functional.centroid_error_pct(
            functional.surface_centroid(made.vertices, made.faces),
            functional.surface_centroid(true.vertices, true.faces),
            diagonal,
        ),
        "scale": functional.scale_error_pct(np.ptp(got, axis=0), np.ptp(want, axis=0), diagonal),
        "f_05": functional.f_from_distances(nearest, 0.05),
        **_excess(got, want, diagonal),
    }


def _excess(got: np.ndarray, want: np.ndarray, diagonal: float) -> dict[str, float]:
    """How far a box reaches beyond the true one, in % of the diagonal; negative: not as far."""
    low = 100.0 * (want.min(axis=0) - got.min(axis=0)) / diagonal
    high = 100.0 * (got.max(axis=0) - want.max(axis=0)) / diagonal
    sides = np.concatenate([low[:2], high[:2]])
    return {"below": float(low[2]), "above": float(high[2]), "aside": float(sides.mean())}


def _used(mesh: TriangleMesh) -> np.ndarray:
    return mesh.vertices[np.unique(mesh.faces)]


def _elevation(scene: Scene, assembly: Assembly) -> float:
    pose = assembly.world_from_object @ transforms.to_array(scene.task.camera.world_from_camera)
    return float(np.rad2deg(np.arcsin(pose[2, 2] / np.linalg.norm(pose[:3, 2]))))


def _fov(scene: Scene, assembly: Assembly) -> float:
    return fov_of(assembly.camera or scene.task.camera) - fov_of(scene.camera)


def _outlines(
    scene: Scene, made: list[TriangleMesh], true: list[TriangleMesh]
) -> tuple[list[float], float]:
    """Overlap of visible outlines per part at the input camera, and of the whole from around."""
    ours, truth = RenderScene(made), RenderScene(true)
    size = cameras.orbit_camera(scene.azimuth_deg, scene.elevation_deg, 30.0, _PICTURE_PX)
    seen, wanted = ours.ids(size), truth.ids(size)
    each = [
        functional.silhouette_iou(seen == index, wanted == index) or 0.0
        for index in range(len(made))
    ]
    around = [
        functional.silhouette_iou(ours.silhouette(camera), truth.silhouette(camera)) or 0.0
        for camera in (cameras.orbit_camera(a, e, 30.0, _PICTURE_PX) for a, e in _AROUND_DEG)
    ]
    return each, float(np.mean(around))


def _colors(made: list[TriangleMesh], true: list[TriangleMesh]) -> list[float]:
    """Mean difference of sRGB, of 255, where pictures from around show a part in both.

    A part that no picture shows in both has none (NaN).
    """
    ours, truth = RenderScene(made), RenderScene(true)
    sums, counts = np.zeros(len(made)), np.zeros(len(made))
    for azimuth, elevation in _AROUND_DEG:
        camera = cameras.orbit_camera(azimuth, elevation, 30.0, _PICTURE_PX)
        one, two = (scene.render(camera, supersample=1) for scene in (ours, truth))
        apart = np.abs(one.rgba[..., :3].astype(float) - two.rgba[..., :3]).mean(axis=-1)
        for index in range(len(made)):
            both = (one.node_index == index) & (two.node_index == index)
            sums[index] += apart[both].sum()
            counts[index] += both.sum()
    return [float(s / c) if c else float("nan") for s, c in zip(sums, counts, strict=True)]


def _penetration(parts: list[TriangleMesh]) -> float:
    """Shared volume in % of the smaller part, mean over pairs of closed parts."""
    volumes = [functional.solid_volume(p.vertices, p.faces, _COLUMNS) for p in parts]
    shares: list[float] = []
    for one in range(len(parts)):
        for two in range(one):
            first, second = volumes[one], volumes[two]
            if first is None or second is None:
                continue
            a, b = parts[one], parts[two]
            shared = functional.penetration_volume(
                a.vertices, a.faces, b.vertices, b.faces, _COLUMNS
            )
            if shared is not None:
                shares.append(functional.penetration_pct(shared, first, second))
    return float(np.mean(shares)) if shares else float("nan")


def _gap(made: list[TriangleMesh], true: list[TriangleMesh], diagonal: float) -> float:
    """How much farther apart parts are that truly meet, in % of the diagonal; mean over pairs."""
    ours, truth = (
        [functional.sample_surface(p.vertices, p.faces, _POINTS, seed=2)[0] for p in parts]
        for parts in (made, true)
    )
    apart: list[float] = []
    for one in range(len(true)):
        for two in range(one):
            meant = _nearest(truth[one], truth[two])
            if meant <= _MEETING * diagonal:
                apart.append(max(0.0, _nearest(ours[one], ours[two]) - meant))
    return 100.0 * float(np.mean(apart)) / diagonal if apart else float("nan")


def _nearest(first: np.ndarray, second: np.ndarray) -> float:
    return float(functional.nearest_distances(first, second).to_truth.min())
