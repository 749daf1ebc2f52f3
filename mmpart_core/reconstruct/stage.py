"""Reconstruct: a field per part, trained on its views."""

from mmpart_core.keys import Stage
from mmpart_core.reconstruct import checks
from mmpart_core.reconstruct.protocol import FieldTrainer
from mmpart_core.records import WHOLE_OBJECT, RadianceField, ViewSet
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore

STAGE = Stage("reconstruct", 1)


def reconstruct_part(
    views: ViewSet, *, backend: FieldTrainer, store: BlobStore, seed: int
) -> RadianceField:
    """Train a field on one part's views.

    Args:
        views: the posed views.
        backend: the trainer.
        store: where views are and the checkpoint goes.
        seed: every random choice follows from it.

    Raises:
        StageError: the trained field has no surface.
        BackendError: training failed.
    """
    component = views.component or WHOLE_OBJECT
    trained = backend.train(codecs.get_views(store, views), seed)
    low, high = checks.check_field(trained, component)
    return RadianceField(
        component=component,
        checkpoint=codecs.put_field(store, trained.grid),
        bounds_min=low,
        bounds_max=high,
        train_psnr_db=trained.train_psnr_db,
        confidence=trained.confidence,
        views=views,
        truth=views.truth,
        warnings=trained.warnings,
    )
