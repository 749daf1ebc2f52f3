"""Plan: one isolation prompt per component, and the input camera all parts share."""

from mmpart_core import backends, errors
from mmpart_core.geometry import cameras
from mmpart_core.images import foreground, framing, region_masks
from mmpart_core.keys import Stage
from mmpart_core.plan import checks
from mmpart_core.plan.protocol import PartPlanner, PlanDraft
from mmpart_core.records import (
    ComponentRequest,
    ImageRef,
    ObjectRequest,
    PartPlan,
    PartPrompt,
    PartSight,
    Region,
    TruthPart,
)
from mmpart_core.records.views import Camera
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore

STAGE = Stage("plan", 4)


def plan_parts(
    request: ObjectRequest, *, backend: PartPlanner, store: BlobStore, seed: int
) -> PartPlan:
    """Write one isolation prompt per component.

    Args:
        request: the image and its components.
        backend: the planner.
        store: where the image is and the foreground mask goes.
        seed: for planners that sample.

    Raises:
        InputError: no object is found in the image, or nothing of it where a region says.
        StageError: prompts that do not match the components.
        BackendError: the planner failed.
    """
    source = codecs.get_image(store, request.image)
    mask = foreground.foreground_mask(source, _evidence(request, store))
    checks.check_foreground(mask, request)
    draft = backend.plan(source, request, seed)
    with errors.cost_told(draft.cost_usd):
        checks.check_draft(draft, request)
    mask_ref = codecs.put_mask(store, mask)
    camera = _input_camera(request, framing.framed_square(mask))
    return PartPlan(
        prompts=_prompts(request, draft, mask_ref, camera),
        foreground=mask_ref,
        camera=camera,
        planner=backends.describe(backend),
        cost_usd=draft.cost_usd,
        warnings=draft.warnings,
    )


def _evidence(request: ObjectRequest, store: BlobStore) -> region_masks.Evidence | None:
    """What the components' region hints say about the object as a whole."""
    regions = tuple(component.region for component in request.components)
    masks = {
        index: codecs.get_mask(store, region.mask)
        for index, region in enumerate(regions)
        if region is not None and region.mask is not None
    }
    shape = (request.image.height, request.image.width)
    return region_masks.gather_evidence(regions, masks, shape)


def _prompts(
    request: ObjectRequest, draft: PlanDraft, mask: ImageRef, camera: Camera
) -> tuple[PartPrompt, ...]:
    sights = draft.sights or (None,) * len(request.components)
    regions = tuple(map(_region, request.components, sights))
    counts = tuple(component.count for component in request.components)
    names = tuple(component.name for component in request.components)
    return tuple(
        PartPrompt(
            component=component.name,
            prompt=text,
            hidden=component.hidden,
            index=index,
            regions=regions,
            counts=counts,
            names=names,
            foreground=mask,
            camera=camera,
            truth=truth_part(request, component.name),
            sight=sight,
        )
        for index, (component, text, sight) in enumerate(
            zip(request.components, draft.prompts, sights, strict=True)
        )
    )


def _region(component: ComponentRequest, sight: PartSight | None) -> Region | None:
    """Where a component is: as the user says, else as the planner sees it."""
    if component.region is not None or sight is None or sight.box is None:
        return component.region
    return Region(kind="box", box=sight.box)


def truth_part(request: ObjectRequest, node: str | None) -> TruthPart | None:
    """The node of the request's known scene that a component stands for, if there is a scene."""
    if request.truth is None:
        return None
    return TruthPart(scene=request.truth.scene, node=node, azimuth_deg=request.view.azimuth_deg)


def _input_camera(request: ObjectRequest, square: framing.FramedSquare) -> Camera:
    view = request.view
    if request.truth is not None:  # rendered by us, framing known exactly
        return cameras.orbit_camera(0.0, view.elevation_deg, view.fov_deg, request.image.width)
    return cameras.framed_camera(
        view.elevation_deg,
        view.fov_deg,
        square.center_px,
        square.side_px,
        request.image.width,
        request.image.height,
    )
