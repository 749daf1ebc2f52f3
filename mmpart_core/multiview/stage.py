"""Multiview: consistent posed views of one isolated part or of the whole object."""

from mmpart_core.geometry import truth_scene
from mmpart_core.images.framing import cut_out
from mmpart_core.keys import Stage
from mmpart_core.multiview import checks
from mmpart_core.multiview.protocol import PartImage, ViewGenerator
from mmpart_core.records import IsolatedPart, View, ViewSet
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore

STAGE = Stage("multiview", 2)


def generate_views(
    part: IsolatedPart, *, backend: ViewGenerator, store: BlobStore, seed: int
) -> ViewSet:
    """Make posed views of one part.

    Args:
        part: the isolated part, or the whole object.
        backend: the view generator.
        store: where images are and go.
        seed: for generators that sample.

    Raises:
        StageError: views that are empty, or do not agree in size and number with their cameras.
        BackendError: the generator failed.
    """
    rgba, visible = codecs.get_image(store, part.rgba), codecs.get_mask(store, part.visible)
    image = PartImage(
        # The whole object's image is the source itself, background and all.
        rgba=cut_out(rgba, visible) if part.component is None else rgba,
        visible=visible,
        camera=part.camera,
        truth=truth_scene.load_truth(store, part.truth),
        node=part.truth.node if part.truth else None,
        azimuth_deg=part.truth.azimuth_deg if part.truth else 0.0,
    )
    generated = backend.generate(image, seed)
    checks.check_views(generated.views, part.component)
    views = tuple(
        View(image=codecs.put_image(store, rgba), camera=camera)
        for rgba, camera in zip(generated.views.rgba, generated.views.cameras, strict=True)
    )
    return ViewSet(
        component=part.component,
        views=views,
        method=generated.method,
        framed_by_truth=generated.framed_by_truth,
        truth=part.truth,
    )
