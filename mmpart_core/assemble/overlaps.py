"""Parts that reach into each other, cut so that they do not: the smaller part keeps its shape.

Booleans on closed surfaces are manifold3d's (its guarantee: closed in, closed out).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import manifold3d
import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.spatial import KDTree

from mmpart_core.assemble.protocol import AssemblyTask, PlacedPart
from mmpart_core.geometry.surface import TriangleMesh

# A part of which a cut would leave less than this share is not cut: it lies in the other one, and
# one of the two stands wrong. By hand.
_LEAST_LEFT = 0.5
# Of a part's volume; rounding leaves slivers.
_NOTHING = 1e-6


@dataclass(frozen=True)
class Resolved:
    """Parts without overlaps.

    Attributes:
        cut: per part, its surface without what smaller parts take of it, part frame; None where
            nothing was taken.
        removed: per part, share of its volume that was taken, 0 to 1.
        notes: per part, what is to be said of it.
        before_pct: shared volume in % of the smaller part, mean over all pairs of closed parts;
            None where there is no pair.
        after_pct: the same of what is left.
    """

    cut: tuple[TriangleMesh | None, ...]
    removed: tuple[float, ...]
    notes: tuple[tuple[str, ...], ...]
    before_pct: float | None
    after_pct: float | None


def resolve_overlaps(
    meshes: Sequence[TriangleMesh], poses: Sequence[Float[np.ndarray, "4 4"]]
) -> Resolved:
    """Take from every part what smaller ones fill.

    Of two parts that overlap the one of less volume keeps its shape. A part that is not closed
    neither cuts nor is cut, and says so.

    Args:
        meshes: part frames.
        poses: similarities from there into one frame.
    """
    solids = [
        _solid(mesh.transformed(pose), index)
        for index, (mesh, pose) in enumerate(zip(meshes, poses, strict=True))
    ]
    volumes = [0.0 if solid is None else float(solid.volume()) for solid in solids]
    left, cut = list(solids), list[TriangleMesh | None]()
    removed, notes = list[float](), list[tuple[str, ...]]()
    for index, (mesh, pose) in enumerate(zip(meshes, poses, strict=True)):
        solid = solids[index]
        smaller = [
            other
            for at, other in enumerate(solids)
            if other is not None and (volumes[at], at) < (volumes[index], index)
        ]
        made, share, told = _without(solid, smaller)
        removed.append(share)
        notes.append(told)
        if made is not None and solid is not None:
            left[index] = made
            cut.append(_mesh_of(made, mesh, index).transformed(np.linalg.inv(pose)))
        else:
            cut.append(None)
    return Resolved(
        tuple(cut), tuple(removed), tuple(notes), penetration_pct(solids), penetration_pct(left)
    )


def cut_apart(
    task: AssemblyTask, placed: Sequence[PlacedPart]
) -> tuple[tuple[PlacedPart, ...], tuple[float, float] | None]:
    """Placements with the surfaces of ``resolve_overlaps``, and its figures before and after.

    Args:
        task: the parts.
        placed: where they stand.
    """
    made = resolve_overlaps(
        [part.mesh for part in task.parts], [each.world_from_part for each in placed]
    )
    changed = tuple(
        replace(each, cut=cut, warnings=(*each.warnings, *notes))
        for each, cut, notes in zip(placed, made.cut, made.notes, strict=True)
    )
    if made.before_pct is None or made.after_pct is None:
        return changed, None
    return changed, (made.before_pct, made.after_pct)


def penetration_pct(solids: Sequence[manifold3d.Manifold | None]) -> float | None:
    """Shared volume in % of the smaller part, mean over pairs of closed parts; None without one."""
    closed = [solid for solid in solids if solid is not None]
    shares: list[float] = []
    for second in range(len(closed)):
        for first in range(second):
            one, two = closed[first], closed[second]
            smaller = min(float(one.volume()), float(two.volume()))
            shares.append(100.0 * _shared(one, two) / smaller)
    return float(np.mean(shares)) if shares else None


def _without(
    solid: manifold3d.Manifold | None, smaller: Sequence[manifold3d.Manifold]
) -> tuple[manifold3d.Manifold | None, float, tuple[str, ...]]:
    """What smaller solids leave of one, the share they take, and what is to be said."""
    if solid is None:
        return None, 0.0, ("its surface is not closed, so that overlaps were not cut away",)
    cutters = [other for other in smaller if _boxes_meet(solid, other)]
    if not cutters:
        return None, 0.0, ()
    made = manifold3d.Manifold.batch_boolean([solid, *cutters], manifold3d.OpType.Subtract)
    share = 1.0 - float(made.volume()) / float(solid.volume())
    if share <= _NOTHING:
        return None, 0.0, ()
    if share > 1.0 - _LEAST_LEFT:
        told = f"other parts fill {share:.0%} of it; it was not cut, as one of them stands wrong"
        return None, 0.0, (told,)
    return made, share, (f"{share:.1%} of its volume, where smaller parts are, was cut away",)


def _solid(mesh: TriangleMesh, index: int) -> manifold3d.Manifold | None:
    """A surface as a solid that remembers whose it is; None where it is not closed."""
    looks = _looks(mesh)
    given = manifold3d.Mesh(
        vert_properties=np.concatenate([mesh.vertices, looks], axis=1).astype(np.float32),
        tri_verts=mesh.faces.astype(np.uint32),
        run_index=np.array([0, 3 * len(mesh.faces)], dtype=np.uint32),
        run_original_id=np.array([index], dtype=np.uint32),
    )
    given.merge()
    solid = manifold3d.Manifold(given)
    if solid.status() != manifold3d.Error.NoError or solid.volume() <= 0.0:
        return None
    return solid


def _looks(mesh: TriangleMesh) -> Float[np.ndarray, "V C"]:
    """What a vertex carries beside its place: texture coordinates, or a colour of 255."""
    if mesh.uv is not None and mesh.texture is not None:
        return mesh.uv
    if mesh.colors is not None:
        return mesh.colors.astype(np.float64)
    return np.zeros((len(mesh.vertices), 0))


def _mesh_of(solid: manifold3d.Manifold, source: TriangleMesh, index: int) -> TriangleMesh:
    """A cut solid as a mesh with the looks of the part it was.

    Faces that a cutter left behind lie against it, unseen; each gets the look of the part's own
    vertex that is nearest.
    """
    made = solid.to_mesh()
    points, triangles = np.asarray(made.vert_properties), np.asarray(made.tri_verts)
    run_ends = np.asarray(made.run_index)[1:] // 3
    owner = np.asarray(made.run_original_id)[
        np.searchsorted(run_ends, np.arange(len(triangles)), side="right")
    ]
    own = triangles[owner == index].astype(np.int64)
    other = triangles[owner != index].astype(np.int64)
    vertices = np.concatenate([points[:, :3], points[other.ravel(), :3]]).astype(np.float64)
    faces = np.concatenate([own, len(points) + np.arange(3 * len(other)).reshape(-1, 3)])
    width = _looks(source).shape[1]
    used = np.unique(own)
    _, nearest = KDTree(points[used, :3]).query(points[other, :3].mean(axis=1).reshape(-1, 3))
    lent = points[used[np.asarray(nearest, dtype=np.int64)], 3 : 3 + width]
    looks = np.concatenate([points[:, 3 : 3 + width], np.repeat(lent, 3, axis=0)])
    return _dressed(vertices, faces, looks, source)


def _dressed(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    looks: Float[np.ndarray, "V C"],
    source: TriangleMesh,
) -> TriangleMesh:
    kept, index = np.unique(faces, return_inverse=True)
    vertices, looks = vertices[kept], looks[kept].astype(np.float64)
    faces = index.reshape(-1, 3).astype(np.int64)
    if source.uv is not None and source.texture is not None:
        return TriangleMesh(vertices, faces, looks, source.texture)
    if source.colors is None:
        return TriangleMesh(vertices, faces)
    colors: UInt8[np.ndarray, "V 4"] = np.clip(np.rint(looks), 0, 255).astype(np.uint8)
    return TriangleMesh(vertices, faces, colors=colors)


def _boxes_meet(one: manifold3d.Manifold, two: manifold3d.Manifold) -> bool:
    first, second = np.array(one.bounding_box()), np.array(two.bounding_box())
    return bool((first[:3] < second[3:]).all() and (second[:3] < first[3:]).all())


def _shared(one: manifold3d.Manifold, two: manifold3d.Manifold) -> float:
    return float((one ^ two).volume()) if _boxes_meet(one, two) else 0.0
