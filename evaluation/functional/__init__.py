"""Metrics as functions: arrays in, numbers out; no files, no devices, sampling by seed.

    >>> import numpy as np
    >>> from evaluation import functional
    >>> corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> points, normals = functional.sample_surface(corners, np.array([[0, 1, 2]]), 100, seed=0)
    >>> functional.chamfer_distance(points, points)
    0.0

Points are float64 arrays (P, 3), meshes are vertices (V, 3) and faces (F, 3); both sides of a
comparison are in one frame. The formula and its source stand with each function. For whole
objects under a named protocol see ``evaluation.scorecard``.
"""

from evaluation.functional.boxes import bbox_iou
from evaluation.functional.chamfer import chamfer_distance, chamfer_from_distances
from evaluation.functional.counts import name_accuracy, part_count_error, success_rate
from evaluation.functional.distances import NearestDistances, nearest_distances, point_tree
from evaluation.functional.f_score import f_from_distances, f_score
from evaluation.functional.images import psnr, silhouette_iou, ssim
from evaluation.functional.mutual_iou import mutual_iou
from evaluation.functional.normals import normal_consistency, normals_from_distances
from evaluation.functional.penetration import penetration_pct, penetration_volume, solid_volume
from evaluation.functional.perceptual import (
    PerceptualModels,
    Unscored,
    clip_image_similarity,
    clip_text_similarity,
    lpips,
)
from evaluation.functional.placement import (
    centroid_error_pct,
    rotation_error_deg,
    scale_error_pct,
    surface_centroid,
)
from evaluation.functional.registration import icp
from evaluation.functional.sampling import sample_surface, seen_from_outside
from evaluation.functional.topology import connected_components, is_watertight, topology
from evaluation.functional.volume_iou import occupancy, volume_iou
from evaluation.functional.voxels import (
    VoxelGrid,
    fill_voxels,
    voxel_f_score,
    voxel_iou,
    voxelize_points,
    voxelize_surface,
)

__all__ = [
    "NearestDistances", "PerceptualModels", "Unscored", "VoxelGrid", "bbox_iou",
    "centroid_error_pct", "chamfer_distance", "chamfer_from_distances", "clip_image_similarity",
    "clip_text_similarity", "connected_components", "f_from_distances", "f_score", "fill_voxels",
    "icp", "is_watertight", "lpips", "mutual_iou", "name_accuracy", "nearest_distances",
    "normal_consistency", "normals_from_distances", "occupancy", "part_count_error",
    "penetration_pct", "penetration_volume", "point_tree", "psnr", "rotation_error_deg",
    "sample_surface", "scale_error_pct", "seen_from_outside", "silhouette_iou", "solid_volume",
    "ssim", "success_rate", "surface_centroid", "topology", "volume_iou", "voxel_f_score",
    "voxel_iou", "voxelize_points", "voxelize_surface",
]  # fmt: skip
