"""Assemble: all parts in one frame, as the image shows them."""

from mmpart_core.assemble import checks, compose
from mmpart_core.assemble.protocol import Assembler, Assembly, AssemblyTask, PartEvidence
from mmpart_core.geometry import cameras, transforms, truth_scene
from mmpart_core.keys import Stage
from mmpart_core.records import (
    AssembledObject,
    IsolatedPart,
    ObjectRequest,
    PartMesh,
    PartPlan,
    PartPrompt,
    PartSight,
    Placement,
    ViewSet,
)
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.blob_store import BlobStore

STAGE = Stage("assemble", 3)


def assemble_object(
    request: ObjectRequest,
    plan: PartPlan,
    isolated: tuple[IsolatedPart, ...],
    meshes: tuple[PartMesh, ...],
    whole_views: ViewSet | None,
    *,
    backend: Assembler,
    store: BlobStore,
    seed: int,
) -> AssembledObject:
    """Place the parts that were made and write them into one GLB.

    Args:
        request: what was asked.
        plan: the plan the parts were made by.
        isolated: the isolated parts, in the request's order.
        meshes: their meshes, in the same order.
        whole_views: views of the whole object, or None.
        backend: the assembler.
        store: where everything is and the GLB goes.
        seed: every random choice follows from it.

    Raises:
        StageError: a placement that is not a finite similarity.
        BackendError: nothing can be placed.
    """
    task = _task(request, plan, isolated, meshes, whole_views, store)
    assembly = backend.assemble(task, seed)
    checks.check_assembly(assembly, task)
    seen_by = assembly.camera or plan.camera
    camera = cameras.camera_in_frame(seen_by, assembly.world_from_object)
    composed = compose.compose(task, assembly, camera)
    return AssembledObject(
        glb=glb.put_scene(store, composed.nodes),
        placements=_placements(task, assembly, composed),
        camera=camera,
        silhouette_iou=composed.object_iou,
        color_error=composed.object_color_error,
        preview=codecs.put_image(store, composed.preview),
        warnings=assembly.warnings,
        elevation_uncertainty_deg=assembly.elevation_uncertainty_deg,
        fov_uncertainty_deg=assembly.fov_uncertainty_deg,
        uncut=glb.put_scene(store, composed.uncut) if composed.uncut else None,
        overlap_pct=assembly.overlap_pct,
    )


def _placements(
    task: AssemblyTask, assembly: Assembly, composed: compose.Composed
) -> tuple[Placement, ...]:
    """The placed parts as the record has them, with what was measured of each."""
    return tuple(
        Placement(
            component=part.component,
            world_from_part=transforms.to_tuple(placed.world_from_part),
            scale=transforms.similarity_scale(placed.world_from_part),
            silhouette_iou=iou,
            color_error=error,
            imagined=not part.visible.any(),
            method=placed.method,
            warnings=placed.warnings,
            depth_uncertainty=placed.depth_uncertainty,
            color_gain=placed.color_gain,
            stretch=placed.stretch,
        )
        for part, placed, iou, error in zip(
            task.parts,
            assembly.placed,
            composed.part_ious,
            composed.part_color_errors,
            strict=True,
        )
    )


def _task(
    request: ObjectRequest,
    plan: PartPlan,
    isolated: tuple[IsolatedPart, ...],
    meshes: tuple[PartMesh, ...],
    whole_views: ViewSet | None,
    store: BlobStore,
) -> AssemblyTask:
    prompts = {prompt.component: prompt for prompt in plan.prompts}
    parts = tuple(
        PartEvidence(
            component=mesh.component,
            rgba=codecs.get_image(store, part.rgba),
            visible=codecs.get_mask(store, part.visible),
            imagined=codecs.get_mask(store, part.imagined),
            mesh=glb.get_mesh(store, mesh.mesh),
            truth_node=part.truth.node if part.truth else None,
            touches=_touches(prompts[mesh.component].sight),
            box=_box(prompts[mesh.component]),
        )
        for part, mesh in zip(isolated, meshes, strict=True)
    )
    return AssemblyTask(
        source=codecs.get_image(store, request.image),
        foreground=codecs.get_mask(store, plan.foreground),
        camera=plan.camera,
        view=request.view,
        parts=parts,
        whole_views=codecs.get_views(store, whole_views) if whole_views else None,
        whole_frame_known=whole_views is not None and whole_views.framed_by_truth,
        truth=truth_scene.load_truth(store, plan.prompts[0].truth),
        chosen=tuple(
            prompt.truth.node for prompt in plan.prompts if prompt.truth and prompt.truth.node
        ),
    )


def _touches(sight: PartSight | None) -> tuple[str, ...] | None:
    return sight.touches if sight is not None else None


def _box(prompt: PartPrompt) -> tuple[float, float, float, float] | None:
    region = prompt.regions[prompt.index] if prompt.index < len(prompt.regions) else None
    return region.box if region is not None else None
