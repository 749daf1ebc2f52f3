"""How near a mesh is to a known part: shape, held-out pictures, what kind of surface it is."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from benchmarks.reconstruction.condition import held_out_cameras
from benchmarks.reconstruction.truth import POINTS, KnownTruth
from evaluation import functional
from evaluation.functional import images
from evaluation.looks import Look, covered_psnr, look
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh

TAU, FINE_TAU = 0.02, 0.01


class Shape(TypedDict):
    """Distances with the longest side of the truth 1; see ``shape_scores``."""

    f_02: float
    f_01: float
    chamfer: float
    normals: float
    precision_02: float
    recall_seen_02: float
    f_seen_02: float


class Pictures(TypedDict):
    """Means over the held-out views."""

    iou: float
    psnr_db: float
    color_psnr_db: float | None


def shape_scores(mesh: TriangleMesh, truth: KnownTruth) -> Shape:
    """Shape against the outer surface, and recall of what the training views see.

    ``chamfer`` is the sum of both directions. ``f_seen_02`` has the recall of the seen surface and
    the precision against the whole outer one: surface that no view shows may be there or not.
    """
    unit = float(truth.unit[0])
    true_points = truth.points.astype(np.float64) * unit
    true_normals = truth.normals.astype(np.float64)
    points, normals = functional.sample_surface(mesh.vertices, mesh.faces, POINTS, seed=1)
    nearest = functional.nearest_distances(points * unit, true_points)
    precision = float((nearest.to_truth < TAU).mean())
    near = nearest.to_prediction[truth.seen] < TAU
    recall = float(near.mean()) if len(near) else 0.0
    both = precision + recall
    return {
        "f_02": functional.f_from_distances(nearest, TAU),
        "f_01": functional.f_from_distances(nearest, FINE_TAU),
        "chamfer": functional.chamfer_from_distances(nearest),
        "normals": functional.normals_from_distances(nearest, normals, true_normals),
        "precision_02": precision,
        "recall_seen_02": recall,
        "f_seen_02": 2.0 * precision * recall / both if both else 0.0,
    }


def picture_scores(mesh: TriangleMesh, truth: KnownTruth) -> Pictures:
    """Silhouettes and colours at the held-out cameras, the mesh drawn with its own colours.

    ``psnr_db`` goes over the pixels that either side covers, on white; ``color_psnr_db`` over
    those that both cover, where shape matters least (None where that is nowhere).
    """
    scene = RenderScene([mesh])
    ious: list[float] = []
    whole: list[float] = []
    inside: list[float] = []
    for camera, rgba in zip(held_out_cameras(), truth.held_out, strict=True):
        made, true = look(scene, camera), _as_look(rgba)
        ious.append(functional.silhouette_iou(made.silhouette, true.silhouette) or 0.0)
        whole.append(covered_psnr(made, true))
        common = made.silhouette & true.silhouette
        if common.any():
            inside.append(images.psnr(made.rgb, true.rgb, common))
    return {
        "iou": float(np.mean(ious)),
        "psnr_db": float(np.mean(whole)),
        "color_psnr_db": float(np.mean(inside)) if inside else None,
    }


def score(
    meshes: Sequence[TriangleMesh], truth: KnownTruth
) -> tuple[TriangleMesh, dict[str, object]]:
    """All figures of the mesh that is best by F(0.02), and that mesh.

    Args:
        meshes: part frame, at least one, each with faces.
        truth: of the same part.
    """
    shapes = [shape_scores(mesh, truth) for mesh in meshes]
    best = max(range(len(meshes)), key=lambda at: shapes[at]["f_02"])
    mesh = meshes[best]
    kind = functional.topology(mesh.vertices, mesh.faces)
    return mesh, {
        **shapes[best],
        **picture_scores(mesh, truth),
        "watertight": int(kind.watertight),
        "bodies": kind.components,
        "faces": len(mesh.faces),
    }


def _as_look(rgba: np.ndarray) -> Look:
    """A stored picture as the evaluator compares it: on white."""
    value = rgba.astype(np.float64) / 255.0
    alpha = value[..., 3:]
    return Look(value[..., :3] * alpha + (1.0 - alpha), rgba[..., 3] > 0)
