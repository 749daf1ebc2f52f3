"""How bumpy a surface is, in degrees: what views that disagree leave behind."""

import numpy as np
import trimesh
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from evaluation import functional

# Bumps of Zero123++'s disagreement are some pixels wide: 0.03 is 5 of 320 across the unit sphere.
NEAR = 0.03
POINTS = 20_000
_NEIGHBOURS = 8
_STEPS = 1e7  # positions that agree to this share of a unit are one vertex


def face_angle_deg(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> float:
    """Mean angle between the normals of adjacent faces, weighted by their areas.

    It follows the tessellation: the same shape in smaller faces has smaller angles.

    Args:
        vertices: any frame.
        faces: vertex indices; vertices at one position count as one.
    """
    _, same = np.unique(np.rint(vertices * _STEPS), axis=0, return_inverse=True)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    whole = trimesh.Trimesh(vertices, same.reshape(-1)[faces], process=False)
    pairs = whole.face_adjacency
    normals, areas = mesh.face_normals, mesh.area_faces
    cosine = (normals[pairs[:, 0]] * normals[pairs[:, 1]]).sum(axis=1)
    weight = areas[pairs].sum(axis=1)
    angles = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return float((angles * weight).sum() / max(float(weight.sum()), 1e-12))


def bump_angle_deg(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], *, outer: bool = False
) -> float:
    """Mean angle between surface normals at most 0.03 apart, whatever the tessellation.

    Normals that face away from each other belong to the two sides of a sheet and do not count.

    Args:
        vertices: in a frame where the object fits the unit sphere.
        faces: vertex indices.
        outer: only surface that is seen from outside; for models with parts inside each other.
    """
    points, normals = functional.sample_surface(vertices, faces, POINTS, seed=0)
    if outer:
        seen = functional.seen_from_outside(vertices, faces, points)
        points, normals = points[seen], normals[seen]
    found_at = KDTree(points).query(points, k=_NEIGHBOURS + 1, distance_upper_bound=NEAR)
    distance, index = (np.asarray(values)[:, 1:] for values in found_at)
    found = np.isfinite(distance)
    index = np.where(found, index, 0)
    cosine = (normals[:, None] * normals[index]).sum(axis=-1)
    counts = found & (cosine > 0.0)
    angles = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return float(angles[counts].mean()) if counts.any() else 0.0
