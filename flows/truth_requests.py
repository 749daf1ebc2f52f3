"""True objects of a data set as requests: the image is drawn, the components are the parts."""

from typing import Literal

import numpy as np

from evaluation.objects import GroundTruthObject, mesh_fault
from mmpart_core.errors import InputError, StorageError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.truth_scene import TruthGeometry, load_truth
from mmpart_core.intake.components import MAX_COMPONENTS
from mmpart_core.intake.names import MAX_NAME_CHARS
from mmpart_core.intake.truth import request_from_scene
from mmpart_core.quoting import quoted
from mmpart_core.records import ComponentRequest, InputView, ObjectRequest, Region
from mmpart_core.storage import glb
from mmpart_core.storage.blob_store import BlobStore
from mmpart_core.storage.gltf.node import GlbNode

Regions = Literal["truth", "none"]


def request_of_object(
    truth: GroundTruthObject,
    view: InputView,
    regions: Regions,
    store: BlobStore,
    *,
    size_px: int,
    keep_truth: bool,
) -> ObjectRequest:
    """What a user would ask who has a picture of the object.

    Args:
        truth: the object; parts that cannot be used are left out, as they are in its scores.
        view: the input camera; its azimuth counts from the object's front.
        regions: ``truth`` gives each component the box around its visible pixels; one that is
            nowhere visible has none.
        store: where image and scene go.
        size_px: side of the drawn image.
        keep_truth: let back-ends see the known scene, which ``groundtruth`` ones need and which
            tells all others the input camera exactly.

    Raises:
        InputError: no usable part, more than a request may have, or names that cannot be used.
        StorageError: the store cannot be written.
    """
    label = f"object '{truth.object_id}'"
    nodes = [GlbNode(name, mesh) for name, mesh in truth.parts.items() if mesh_fault(mesh) is None]
    _check_parts(label, [node.name for node in nodes])
    request = request_from_scene(
        glb.encode_glb(nodes), label, view=view, store=store, name=truth.object_id, size_px=size_px
    )
    geometry = load_truth(store, request.truth)
    if geometry is None:
        raise StorageError(f"{label}: its scene was stored and is not there")
    boxes = visible_boxes(geometry, view, size_px) if regions == "truth" else {}
    components = tuple(
        ComponentRequest(name=component.name, region=boxes.get(component.name))
        for component in request.components
    )
    return request.model_copy(
        update={"components": components, "truth": request.truth if keep_truth else None}
    )


def visible_boxes(geometry: TruthGeometry, view: InputView, size_px: int) -> dict[str, Region]:
    """The box around what is seen of each part from the input camera, by name.

    Args:
        geometry: the known scene.
        view: the input camera.
        size_px: side of the square image.
    """
    camera = cameras.orbit_camera(view.azimuth_deg, view.elevation_deg, view.fov_deg, size_px)
    nearest = geometry.render_scene.ids(camera)
    found: dict[str, Region] = {}
    for index, name in enumerate(geometry.names):
        rows, columns = np.nonzero(nearest == index)
        if len(rows):
            low, high = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
            left, top, right, bottom = (float(value) / size_px for value in (*low, *high))
            found[name] = Region(kind="box", box=(left, top, right, bottom))
    return found


def _check_parts(label: str, names: list[str]) -> None:
    """Refuse what no request can hold; who measures can only leave such an object out."""
    if not names:
        raise InputError(f"{label}: no part of the truth is usable")
    if len(names) > MAX_COMPONENTS:
        raise InputError(
            f"{label}: {len(names)} usable parts in the truth, a request can hold at most "
            f"{MAX_COMPONENTS}; it counts as failed, choose objects with --only to leave it out"
        )
    long = next((name for name in names if len(name) > MAX_NAME_CHARS), None)
    if long is not None:
        raise InputError(
            f"{label}: the part name {quoted(long, 40)} has {len(long)} characters, at most "
            f"{MAX_NAME_CHARS} expected; it counts as failed, choose objects with --only to leave "
            "it out"
        )
