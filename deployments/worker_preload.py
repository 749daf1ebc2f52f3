"""For ``dask worker --preload deployments.worker_preload``: a worker's first task pays no imports.

Imports torch and what the stages need, and opens the back-ends of the profile that
``MMPART_PRELOAD_PROFILE`` names (of the cluster's stages only), once per process. They stay open:
``open_backend`` gives the same instance to every later task with the same settings. A back-end
that cannot be opened ends the worker at its start, where that is seen, not in somebody's task.
"""

import os
from typing import Any

from flows.profiles import find_config
from mmpart_core import backends
from mmpart_core.config import PipelineConfig
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.records import StageName

PROFILE_VARIABLE = "MMPART_PRELOAD_PROFILE"


def dask_setup(worker: Any) -> None:
    """Called by Dask as a worker or its nanny starts.

    Raises:
        MMPartError: a back-end of the profile cannot be opened here.
    """
    if type(worker).__name__ == "Nanny":
        return  # it only watches the worker's process
    profile = os.environ.get(PROFILE_VARIABLE)
    if profile:
        open_backends(find_config(profile))


def open_backends(config: PipelineConfig) -> tuple[StageName, ...]:
    """Open what a worker will be asked for.

    Args:
        config: a profile.

    Returns:
        The stages whose back-end is open; those that call a hosted model are left out, as they
        run beside the flow.

    Raises:
        MissingDependencyError, ConfigError: one cannot be used here.
    """
    opened: list[StageName] = []
    for stage in backends.STAGES:
        choice = config.choice(stage)
        settings = backends.check_settings(stage, choice.kind, choice.settings)
        if not isinstance(settings, HostedSettings):
            backends.open_backend(stage, choice.kind, choice.settings)
            opened.append(stage)
    return tuple(opened)
