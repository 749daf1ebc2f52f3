"""What a fresh process does: prepare one part's truth, or make and score it by one method.

What takes seconds to import is imported in the functions: their processes are forks of one that
has it already, and the process that only starts them does without.
"""

from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.methods import Method
from benchmarks.reconstruction.parts import KnownPart
from mmpart_core.errors import MMPartError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.storage import glb


@dataclass(frozen=True)
class Job:
    """One part by one method with one seed.

    Attributes:
        part: what is made.
        method: how.
        seed: of training and of what is wrong with the views.
        condition: how its views are made.
        truth: file of ``prepare_truth``.
        other: the same of another part, where one view is to be its.
        keep: where the mesh goes as a GLB; None keeps none.
    """

    part: KnownPart
    method: Method
    seed: int
    condition: Condition
    truth: Path
    other: Path | None = None
    keep: Path | None = None


def perform(limit_s: int, job: Job, reply: Connection) -> None:
    """Make and score; replies with figures, or with the reason why there are none.

    Args:
        limit_s: processor seconds, see ``preload.prepare_process``.
        job: what to make.
        reply: where the answer goes.
    """
    from benchmarks.reconstruction import preload
    from benchmarks.reconstruction.degradation import degrade
    from benchmarks.reconstruction.making import make
    from benchmarks.reconstruction.scoring import score
    from benchmarks.reconstruction.truth import load_truth

    preload.prepare_process(limit_s)
    truth = load_truth(job.truth)
    other = None if job.other is None else load_truth(job.other).rgba
    rgba = degrade(truth.rgba, other, job.condition, str(job.part), job.seed)
    views = PosedViews(rgba, job.condition.training_cameras())
    try:
        made = make(job.method, views, job.seed)
    except MMPartError as error:
        reply.send({"failed": str(error)})
        return
    mesh, figures = score(made.meshes, truth)
    reply.send({**figures, **asdict(made.cost), "confidence": made.confidence})
    if job.keep is not None:
        job.keep.parent.mkdir(parents=True, exist_ok=True)
        job.keep.write_bytes(glb.encode_glb([glb.GlbNode(job.part.part, mesh)]))


def prepare(
    limit_s: int,
    folder: Path,
    part: KnownPart,
    condition: Condition,
    work: Path,
    reply: Connection,
) -> None:
    """Draw and sample a part's truth; replies with its file or the reason why there is none."""
    from benchmarks.reconstruction import preload
    from benchmarks.reconstruction.truth import prepare_truth

    preload.prepare_process(limit_s)
    try:
        reply.send({"path": prepare_truth(folder, part, condition, work)})
    except MMPartError as error:
        reply.send({"failed": str(error)})
