"""Everything that making and scoring imports, so that no import is in a measured second.

The fork server of ``running`` imports this module once; every job is a fork of it.
"""

import importlib
import os
import resource
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

from mmpart_core import torchvision_compat

# Also what libraries import late, at their first call: torch's optimizers load torch._dynamo.
MODULES = (
    "torch._dynamo",
    "fast_simplification",
    "skimage.measure._marching_cubes_lewiner",
    "skimage.measure._marching_cubes_lewiner_luts",
    "xatlas",
    "mmpart_core.mesh.backends.flexicubes",
    "mmpart_core.mesh.backends.marching_cubes",
    "mmpart_core.mesh.dual_surface",
    "mmpart_core.mesh.finish",
    "mmpart_core.reconstruct.backends.nerfstudio",
    "mmpart_core.reconstruct.part_training",
    "mmpart_core.reconstruct.torch_threads",
    "benchmarks.reconstruction.scoring",
    "benchmarks.reconstruction.stock",
)

# nerfstudio 1.1.5 uses what torch has renamed since; a line for every job would say nothing.
warnings.filterwarnings("ignore", module=r"nerfstudio\.")
torchvision_compat.declare_missing_operators()
for _name in MODULES:
    importlib.import_module(_name)


def prepare_process(limit_s: int) -> None:
    """One thread for torch, whatever its default, and an end to what takes too long.

    Args:
        limit_s: processor seconds after which the system ends this process (SIGXCPU): unlike those
            of the clock, they are the same on a busy machine.
    """
    import torch

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, resource.getrlimit(resource.RLIMIT_CPU)[1]))
