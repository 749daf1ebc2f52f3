"""How an assembled object agrees with its image, measured anew after parts were moved by hand."""

import numpy as np
from jaxtyping import Bool

from mmpart_core.assemble.compose import PREVIEW_SIDE_PX
from mmpart_core.assemble.fit_image import silhouette_iou
from mmpart_core.geometry.cameras import bounded_camera
from mmpart_core.geometry.render import RenderScene
from mmpart_core.images.silhouette import resized_mask
from mmpart_core.records import AssembledObject, Camera, ImageRef, ObjectResult
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.blob_store import BlobStore


def measure_again(result: ObjectResult, made: AssembledObject, store: BlobStore) -> AssembledObject:
    """The object with its overlaps with the image, and its picture, as its nodes stand now.

    The measures are those of assembly: each part's visible pixels at the input camera, other parts
    hiding it, against its visible pixels in the source; and the whole outline against the
    foreground.

    Args:
        result: whose parts and plan the object is made of.
        made: the object, its nodes and placements in the same order.
        store: where everything is, and the picture goes.

    Raises:
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
    """
    camera = bounded_camera(made.camera, PREVIEW_SIDE_PX)
    nodes = {node.name: node.world_mesh() for node in glb.get_scene(store, made.glb)}
    names = [placement.component for placement in made.placements]
    view = RenderScene([nodes[name] for name in names]).render(camera)
    visible = {part.component: part.isolated.visible for part in result.parts}
    placements = tuple(
        placement.model_copy(
            update={
                "silhouette_iou": _overlap(
                    view.node_index == index, visible.get(placement.component), camera, store
                ),
                "color_error": None,  # of the place before
            }
        )
        for index, placement in enumerate(made.placements)
    )
    foreground = result.plan.foreground if result.plan is not None else None
    return made.model_copy(
        update={
            "placements": placements,
            "silhouette_iou": _overlap(view.node_index >= 0, foreground, camera, store),
            "color_error": None,
            "preview": codecs.put_image(store, view.rgba),
        }
    )


def _overlap(
    seen: Bool[np.ndarray, "h w"], mask: ImageRef | None, camera: Camera, store: BlobStore
) -> float | None:
    """Overlap with a mask of the source; None where it shows nothing."""
    if mask is None:
        return None
    wanted = resized_mask(codecs.get_mask(store, mask), (camera.height_px, camera.width_px))
    return silhouette_iou(seen, wanted) if wanted.any() else None
