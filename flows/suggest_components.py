"""Components that a profile's planner sees in an image, as a flow of its own."""

from flows.threaded_flow import threaded_flow
from mmpart_core.config import BackendChoice
from mmpart_core.hosted.spending import spending
from mmpart_core.plan import suggestions
from mmpart_core.plan.suggestion_answer import Suggestions
from mmpart_core.records import ImageRef
from mmpart_core.storage import codecs
from mmpart_core.storage.opening import open_store
from tasks._hosted import prepare_hosted

__all__ = ["suggest_components"]


@threaded_flow("suggest-components", "{name}/suggest")
def suggest_components(
    name: str,
    image: ImageRef,
    planner: BackendChoice,
    store: str,
    seed: int = 0,
    max_cost_usd: float | None = None,
) -> Suggestions:
    """Ask a planner which components it sees; nothing is made or stored of the answer.

    Args:
        name: of the object, for the run's name.
        image: in the store.
        planner: back-end of the plan stage, and its settings.
        store: folder or fsspec address where the image lives.
        seed: for planners that sample.
        max_cost_usd: what hosted models may cost.

    Raises:
        ConfigError: a planner that does not look at images, or that cannot be used here.
        RefusedError, BackendError: it gave no usable answer.
        StorageError: the image cannot be read.
    """
    suggestions.check_suggests(planner.kind)
    prepare_hosted("plan", planner)
    source = codecs.get_image(open_store(store), image)
    with spending(max_cost_usd):
        return suggestions.suggest_components(source, planner, seed)
