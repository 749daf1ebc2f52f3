"""The six stages by name: their identity, their function, and how one piece of work is run."""

from collections.abc import Callable, Mapping
from typing import Any

from mmpart_core import backends, keys, provenance
from mmpart_core.assemble import stage as assemble
from mmpart_core.config import BackendChoice
from mmpart_core.hosted import answer_book
from mmpart_core.isolate import stage as isolate
from mmpart_core.mesh import stage as mesh
from mmpart_core.multiview import stage as multiview
from mmpart_core.plan import stage as plan
from mmpart_core.reconstruct import stage as reconstruct
from mmpart_core.records import Record, StageName
from mmpart_core.storage.blob_store import BlobStore

IDENTITIES: Mapping[StageName, keys.Stage] = {
    module.STAGE.name: module.STAGE
    for module in (plan, isolate, multiview, reconstruct, mesh, assemble)
}
_FUNCTIONS: Mapping[StageName, Callable[..., Record]] = {
    "plan": plan.plan_parts,
    "isolate": isolate.isolate_part,
    "multiview": multiview.generate_views,
    "reconstruct": reconstruct.reconstruct_part,
    "mesh": mesh.mesh_part,
    "assemble": assemble.assemble_object,
}


def work_key(stage: StageName, inputs: Mapping[str, Any], choice: BackendChoice, seed: int) -> str:
    """The cache key of one piece of work; see ``keys.stage_key``."""
    return keys.stage_key(IDENTITIES[stage], choice, inputs, seed)


def run_stage(
    stage: StageName,
    inputs: Mapping[str, Any],
    choice: BackendChoice,
    store: BlobStore,
    seed: int,
    *,
    key: str | None = None,
) -> Any:
    """Open the back-end and do one piece of work.

    Args:
        stage: which stage.
        inputs: the stage function's positional arguments by name.
        choice: back-end kind and settings.
        store: where artifacts live.
        seed: every random choice follows from it.
        key: of this work, where it is known; see ``work_key``.

    Raises:
        MMPartError: whatever the stage raises.
    """
    backend = backends.open_backend(stage, choice.kind, choice.settings)
    piece = answer_book.piece_of_work(key or work_key(stage, inputs, choice, seed))
    with piece, provenance.unusable_blobs_named(inputs):
        return _FUNCTIONS[stage](**inputs, backend=backend, store=store, seed=seed)
