"""Placements that a user corrected, applied to an assembled object."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mmpart_core.geometry import transforms
from mmpart_core.output.agreement import measure_again
from mmpart_core.output.glb_edit import GlbFile
from mmpart_core.records import MeshRef, ObjectResult, Placement
from mmpart_core.storage import glb
from mmpart_core.storage.blob_store import BlobStore
from studio.objects import Nudge


def nudged_result(
    result: ObjectResult, nudges: Mapping[str, Nudge], store: BlobStore
) -> ObjectResult:
    """The same result with parts moved, turned and scaled as the user said.

    Geometry and textures stay as they are: only nodes of the GLB and placements change. Overlaps
    with the image are measured anew, of all parts, as one may hide another now; how uncertain the
    old depth was is left out.

    Args:
        result: as the pipeline gave it.
        nudges: by component; those of parts that are not there are left out.
        store: where the object is, and where the changed one goes.

    Raises:
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
    """
    made = result.assembled
    if made is None:
        return result
    wanted = {name: nudge for name, nudge in nudges.items() if nudge.changes}
    placed = {placement.component for placement in made.placements}
    if not wanted.keys() & placed:
        return result
    data = store.get(made.glb)
    file = GlbFile.read(data)
    moves = {
        node.name: nudge_matrix(wanted[node.name], _center(node.world_mesh().vertices))
        for node in glb.decode_glb(data)
        if node.name in wanted
    }
    blob = store.put(_moved(file, moves).to_bytes(), made.glb.media)
    changed: dict[str, Any] = {
        "glb": MeshRef(**blob.model_dump(), vertices=made.glb.vertices, faces=made.glb.faces),
        "placements": tuple(_placed(each, moves.get(each.component)) for each in made.placements),
    }
    assembled = measure_again(result, made.model_copy(update=changed), store)
    return result.model_copy(update={"assembled": assembled})


def nudge_matrix(nudge: Nudge, center: Float[np.ndarray, "3"]) -> Float[np.ndarray, "4 4"]:
    """``p -> center + move + R S (p - center)``, with R = Rz Ry Rx; world frame.

    Args:
        nudge: what the user said.
        center: of the part where it was placed, world frame.
    """
    matrix = np.eye(4)
    turn = Rotation.from_euler("xyz", nudge.turn_deg, degrees=True).as_matrix()
    matrix[:3, :3] = turn * nudge.scale
    matrix[:3, 3] = center + np.array(nudge.move) - matrix[:3, :3] @ center
    return matrix


def _center(vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "3"]:
    return (vertices.min(axis=0) + vertices.max(axis=0)) / 2.0


def _moved(file: GlbFile, moves: Mapping[str, Float[np.ndarray, "4 4"]]) -> GlbFile:
    """The scene with nodes moved; nodes have no parent, as assembly writes them."""
    nodes = [dict(node) for node in file.document.get("nodes", [])]
    for node in nodes:
        move = moves.get(node.get("name", ""))
        if move is None:
            continue
        in_gltf = transforms.GLTF_FROM_WORLD @ move @ transforms.WORLD_FROM_GLTF
        matrix = in_gltf @ _matrix(node)
        scale = transforms.similarity_scale(matrix)
        turn = Rotation.from_matrix(matrix[:3, :3] / scale)
        node["translation"] = matrix[:3, 3].tolist()
        node["rotation"] = turn.as_quat().tolist()
        node["scale"] = [scale] * 3
    return GlbFile({**file.document, "nodes": nodes}, file.binary)


def _matrix(node: Mapping[str, Any]) -> Float[np.ndarray, "4 4"]:
    """A node's own transform, glTF frame (glTF 2.0 specification, section 3.5.3)."""
    matrix = np.eye(4)
    turn = Rotation.from_quat(node.get("rotation", [0.0, 0.0, 0.0, 1.0])).as_matrix()
    matrix[:3, :3] = turn * np.array(node.get("scale", [1.0, 1.0, 1.0]))
    matrix[:3, 3] = node.get("translation", [0.0, 0.0, 0.0])
    return matrix


def _placed(placement: Placement, move: Float[np.ndarray, "4 4"] | None) -> Placement:
    if move is None:
        return placement
    world_from_part = move @ transforms.to_array(placement.world_from_part)
    return placement.model_copy(
        update={
            "world_from_part": transforms.to_tuple(world_from_part),
            "scale": placement.scale * transforms.similarity_scale(move),
            "depth_uncertainty": None,
            "method": f"{placement.method}; corrected by hand",
        }
    )
