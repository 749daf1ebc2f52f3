"""Assemble: all parts in one frame, as the image shows them."""

from mmpart_core.assemble import checks, compose
from mmpart_core.assemble.protocol import Assembler, AssemblyTask, PartEvidence
from mmpart_core.geometry import cameras, transforms, truth_scene
from mmpart_core.keys import Stage
from mmpart_core.records import (
    AssembledObject,
    IsolatedPart,
    ObjectRequest,
    PartMesh,
    PartPlan,
    Placement,
    ViewSet,
)
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.blob_store import BlobStore

STAGE = Stage("assemble", 2)


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
    camera = cameras.camera_in_frame(plan.camera, assembly.world_from_object)
    composed = compose.compose(task, assembly, camera)
    placements = tuple(
        Placement(
            component=part.component,
            world_from_part=transforms.to_tuple(placed.world_from_part),
            scale=transforms.similarity_scale(placed.world_from_part),
            silhouette_iou=iou,
            method=placed.method,
            warnings=placed.warnings,
        )
        for part, placed, iou in zip(task.parts, assembly.placed, composed.part_ious, strict=True)
    )
    return AssembledObject(
        glb=glb.put_scene(store, composed.nodes),
        placements=placements,
        camera=camera,
        silhouette_iou=composed.object_iou,
        preview=codecs.put_image(store, composed.preview),
        warnings=assembly.warnings,
    )


def _task(
    request: ObjectRequest,
    plan: PartPlan,
    isolated: tuple[IsolatedPart, ...],
    meshes: tuple[PartMesh, ...],
    whole_views: ViewSet | None,
    store: BlobStore,
) -> AssemblyTask:
    parts = tuple(
        PartEvidence(
            component=mesh.component,
            rgba=codecs.get_image(store, part.rgba),
            visible=codecs.get_mask(store, part.visible),
            imagined=codecs.get_mask(store, part.imagined),
            mesh=glb.get_mesh(store, mesh.mesh),
            truth_node=part.truth.node if part.truth else None,
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
