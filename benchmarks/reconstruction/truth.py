"""What is known of one part under one condition: its views, its surface, its held-out pictures."""

import hashlib
import json
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from benchmarks.reconstruction.condition import Condition, held_out_cameras
from benchmarks.reconstruction.parts import KnownPart, load_part
from evaluation import functional
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

# Dense, because the nearest of 20 000 points on a box is as far as 0.01 is: its F(0.01) would be
# 0.65 for a perfect result.
POINTS = 100_000
_FORMAT = 1
_OFF_SURFACE = 1e-4


@dataclass(frozen=True)
class KnownTruth:
    """One part's views and truth, part frame.

    Attributes:
        rgba: true views at the condition's cameras, not degraded.
        held_out: true pictures at ``held_out_cameras``, in the same light, one ray a pixel.
        points: float32, uniform by area on the outer surface.
        normals: float16 unit normals of their faces.
        seen: which of the points at least one training camera sees.
        unit: factor that brings the longest side to 1; shape (1,).
    """

    rgba: UInt8[np.ndarray, "N H W 4"]
    held_out: UInt8[np.ndarray, "M S S 4"]
    points: Float[np.ndarray, "P 3"]
    normals: Float[np.ndarray, "P 3"]
    seen: Bool[np.ndarray, "P"]
    unit: Float[np.ndarray, "1"]


def truth_path(folder: Path, part: KnownPart, condition: Condition, work: Path) -> Path:
    """Where a part's truth is kept: named by the file's content and what the truth depends on."""
    wanted = condition.model_dump(
        include={"poses", "views", "size_px", "shading", "input_elevation_deg"}, exclude_none=True
    )
    digest = hashlib.sha256((folder / f"{part.object_id}.glb").read_bytes())
    digest.update(json.dumps([_FORMAT, POINTS, part.part, wanted], sort_keys=True).encode())
    return work / f"{part.object_id}-{digest.hexdigest()[:16]}.npz"


def prepare_truth(folder: Path, part: KnownPart, condition: Condition, work: Path) -> Path:
    """Draw and sample a part once; later calls find the file.

    Raises:
        InputError: the part is not there, or unreadable.
    """
    path = truth_path(folder, part, condition, work)
    if not path.exists():
        truth = known_truth(load_part(folder, part), condition)
        work.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=work, suffix=".part", delete=False) as file:
            np.savez_compressed(file, **{f.name: getattr(truth, f.name) for f in fields(truth)})
        Path(file.name).replace(path)
    return path


def load_truth(path: Path) -> KnownTruth:
    """What ``prepare_truth`` wrote."""
    with np.load(path) as stored:
        return KnownTruth(**{each.name: stored[each.name] for each in fields(KnownTruth)})


def known_truth(mesh: TriangleMesh, condition: Condition) -> KnownTruth:
    """Views, held-out pictures and surface points of a part.

    Args:
        mesh: the part in its part frame.
        condition: its cameras and light.
    """
    scene, looking = RenderScene([mesh]), condition.training_cameras()
    points, normals = functional.sample_surface(mesh.vertices, mesh.faces, POINTS, seed=0)
    outer = functional.seen_from_outside(mesh.vertices, mesh.faces, points)
    points, normals = points[outer], normals[outer]
    shading = condition.shading
    return KnownTruth(
        rgba=np.stack([scene.render(camera, shading=shading).rgba for camera in looking]),
        held_out=np.stack([
            scene.render(camera, supersample=1, shading=shading).rgba
            for camera in held_out_cameras()
        ]),
        points=points.astype(np.float32),
        normals=normals.astype(np.float16),
        seen=seen_by(scene, points, looking),
        unit=np.array([1.0 / float(np.ptp(mesh.vertices[mesh.faces.ravel()], axis=0).max())]),
    )  # fmt: skip


def seen_by(
    scene: RenderScene, points: Float[np.ndarray, "P 3"], looking: tuple[Camera, ...]
) -> Bool[np.ndarray, "P"]:
    """Which surface points at least one perspective camera sees, within its frame.

    Args:
        scene: the surface that the points lie on.
        points: on it, part frame.
        looking: the cameras.
    """
    seen = np.zeros(len(points), dtype=bool)
    for camera in looking:
        hidden = np.flatnonzero(~seen)
        eye = transforms.to_array(camera.world_from_camera)[:3, 3]
        way = eye - points[hidden]
        start = points[hidden] + _OFF_SURFACE * way / np.linalg.norm(way, axis=1, keepdims=True)
        pixels, _ = cameras.project(camera, points[hidden])
        framed = ((pixels >= 0.0) & (pixels <= [camera.width_px, camera.height_px])).all(axis=1)
        seen[hidden] = framed & (scene.cast(start, eye - start).distance >= 1.0)
    return seen
