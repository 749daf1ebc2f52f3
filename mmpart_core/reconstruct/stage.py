"""Reconstruct: a field per part, trained on its views."""

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.keys import Stage
from mmpart_core.reconstruct import checks
from mmpart_core.reconstruct.input_view import add_input_view
from mmpart_core.reconstruct.protocol import FieldTrainer, TrainedField
from mmpart_core.records import WHOLE_OBJECT, IsolatedPart, RadianceField, View, ViewSet
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore

STAGE = Stage("reconstruct", 1)


def reconstruct_part(
    views: ViewSet,
    input_part: IsolatedPart | None = None,
    *,
    backend: FieldTrainer,
    store: BlobStore,
    seed: int,
) -> RadianceField:
    """Train a field on one part's views.

    Args:
        views: the posed views.
        input_part: the isolated part that they were made from, to be trained on as one more view;
            left out with a warning where it does not fit them. None for the views alone.
        backend: the trainer.
        store: where views are and the checkpoint goes.
        seed: every random choice follows from it.

    Raises:
        StageError: the trained field has no surface.
        BackendError: training failed.
    """
    component = views.component or WHOLE_OBJECT
    views, overlap, notes = _with_input(views, input_part, store)
    posed = codecs.get_views(store, views)
    trained = backend.train(posed, seed)
    low, high = checks.check_field(trained, component)
    return RadianceField(
        component=component,
        checkpoint=codecs.put_field(store, trained.grid),
        bounds_min=low,
        bounds_max=high,
        train_psnr_db=trained.train_psnr_db,
        confidence=trained.confidence,
        views=_trained_on(views, posed, trained, store),
        truth=views.truth,
        input_view_iou=overlap,
        warnings=(*notes, *trained.warnings),
    )


def _trained_on(
    views: ViewSet, posed: PosedViews, trained: TrainedField, store: BlobStore
) -> ViewSet:
    """The views as they were trained on: as they came they would be painted beside the surface."""
    kept = [view for index, view in enumerate(views.views) if index not in trained.left_out]
    if trained.deformations is not None:
        bent = trained.trained_on(posed)
        kept = [
            view.model_copy(update={"image": codecs.put_image(store, rgba)})
            for view, rgba in zip(kept, bent.rgba, strict=True)
        ]
    return views.model_copy(update={"views": tuple(kept)})


def _with_input(
    views: ViewSet, part: IsolatedPart | None, store: BlobStore
) -> tuple[ViewSet, float | None, tuple[str, ...]]:
    """The views to train on, how well the input image fits them, and why it is not among them."""
    if part is None:
        return views, None, ()
    posed = codecs.get_views(store, views)
    fit = add_input_view(posed, codecs.get_image(store, part.rgba), part.camera)
    if fit.views is None:
        return views, fit.iou, (fit.warning,)
    image = codecs.put_image(store, fit.views.rgba[-1])
    added = View(image=image, camera=fit.views.cameras[-1])
    method = f"{views.method}, and the input image"
    together = views.model_copy(update={"views": (*views.views, added), "method": method})
    return together, fit.iou, ()
