"""Isolate: one part alone, completed, in the pose it has in the image."""

from mmpart_core import errors
from mmpart_core.errors import BackendError
from mmpart_core.geometry import truth_scene
from mmpart_core.isolate import checks
from mmpart_core.isolate.protocol import DrawnTry, ImageEditor, IsolationTask
from mmpart_core.keys import Stage
from mmpart_core.records import ImageRef, IsolatedPart, IsolationTry, PartPrompt
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore

STAGE = Stage("isolate", 2)


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
        BackendError: the isolator failed; pictures that were rejected before are stored, and
            ``tries`` of the error refers to them.
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
    try:
        isolation = backend.isolate(task, seed)
    except BackendError as error:
        drawn = [each for each in error.drawn if isinstance(each, DrawnTry)]
        error.tries = tuple(_stored(each, store) for each in drawn)
        error.drawn = ()  # what crosses a process border holds no pixels
        raise
    with errors.cost_told(isolation.cost_usd):
        checks.check_isolation(isolation, prompt.component)
    return IsolatedPart(
        component=prompt.component,
        rgba=codecs.put_image(store, isolation.rgba),
        visible=codecs.put_mask(store, isolation.visible),
        imagined=codecs.put_mask(store, isolation.imagined),
        camera=prompt.camera,
        truth=prompt.truth,
        placement=isolation.placement,
        tries=tuple(_stored(each, store) for each in isolation.tries),
        cost_usd=isolation.cost_usd,
        warnings=isolation.warnings,
    )


def _stored(drawn: DrawnTry, store: BlobStore) -> IsolationTry:
    return IsolationTry(
        answer=codecs.put_image(store, drawn.answer),
        score=drawn.score,
        accepted=not drawn.faults,
        checked=drawn.checked,
        taken=drawn.taken,
        faults=drawn.faults,
        added=drawn.added,
        seed=drawn.seed,
        cost_usd=drawn.cost_usd,
    )
