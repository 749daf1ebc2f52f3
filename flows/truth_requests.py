"""True objects of a data set as requests: the image is drawn, the components are the parts."""

import tempfile
from pathlib import Path
from typing import Literal

import numpy as np

from evaluation.objects import GroundTruthObject, mesh_fault
from mmpart_core.errors import InputError, StorageError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.truth_scene import TruthGeometry, load_truth
from mmpart_core.intake.truth import request_from_truth
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
    nodes = [GlbNode(name, mesh) for name, mesh in truth.parts.items() if mesh_fault(mesh) is None]
    if not nodes:
        raise InputError(f"object '{truth.object_id}': no part of the truth is usable")
    request = _drawn(truth.object_id, nodes, view, store, size_px)
    geometry = load_truth(store, request.truth)
    if geometry is None:
        raise StorageError(f"object '{truth.object_id}': its scene was stored and is not there")
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


def _drawn(
    name: str, nodes: list[GlbNode], view: InputView, store: BlobStore, size_px: int
) -> ObjectRequest:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.glb"
        path.write_bytes(glb.encode_glb(nodes))
        try:
            return request_from_truth(path, view=view, store=store, size_px=size_px, name=name)
        except InputError as error:
            # the file is gone when the message is read: name the object instead
            raise InputError(str(error).replace(str(path), f"object '{name}'")) from error
