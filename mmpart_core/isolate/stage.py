"""Isolate: one part alone, completed, in the pose it has in the image."""

from mmpart_core import errors
from mmpart_core.geometry import truth_scene
from mmpart_core.isolate import checks
from mmpart_core.isolate.protocol import ImageEditor, IsolationTask
from mmpart_core.keys import Stage
from mmpart_core.records import ImageRef, IsolatedPart, PartPrompt
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore

STAGE = Stage("isolate", 1)


def isolate_part(
    image: ImageRef, prompt: PartPrompt, *, backend: ImageEditor, store: BlobStore, seed: int
) -> IsolatedPart:
    """Draw one part alone.

    Args:
        image: the source image.
        prompt: what to isolate.
        backend: the isolator.
        store: where images are and go.
        seed: for isolators that sample.

    Raises:
        StageError: the part came out empty or cut off.
        BackendError: the isolator failed.
    """
    task = IsolationTask(
        source=codecs.get_image(store, image),
        foreground=codecs.get_mask(store, prompt.foreground),
        prompt=prompt,
        region_masks={
            index: codecs.get_mask(store, region.mask)
            for index, region in enumerate(prompt.regions)
            if region is not None and region.mask is not None
        },
        truth=truth_scene.load_truth(store, prompt.truth),
    )
    isolation = backend.isolate(task, seed)
    with errors.cost_told(isolation.cost_usd):
        checks.check_isolation(isolation, prompt.component)
    return IsolatedPart(
        component=prompt.component,
        rgba=codecs.put_image(store, isolation.rgba),
        visible=codecs.put_mask(store, isolation.visible),
        imagined=codecs.put_mask(store, isolation.imagined),
        camera=prompt.camera,
        truth=prompt.truth,
        cost_usd=isolation.cost_usd,
        warnings=isolation.warnings,
    )
