"""Everything that making and scoring imports, so that no import is in a measured second.

The fork server of ``running`` imports this module once; every job is a fork of it.
"""

import importlib
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from mmpart_core import torchvision_compat

# Also what libraries import late, at their first call: torch's optimizers load torch._dynamo.
MODULES = (
    "torch._dynamo",
    "fast_simplification",
    "skimage.measure",
    "xatlas",
    "mmpart_core.mesh.backends.flexicubes",
    "mmpart_core.mesh.backends.marching_cubes",
    "mmpart_core.mesh.dual_surface",
    "mmpart_core.mesh.finish",
    "mmpart_core.reconstruct.backends.nerfstudio",
    "mmpart_core.reconstruct.part_training",
    "benchmarks.reconstruction.scoring",
)

torchvision_compat.declare_missing_operators()
for _name in MODULES:
    importlib.import_module(_name)


def prepare_process() -> None:
    """One thread for torch, whatever its default: processor seconds are to be comparable."""
    import torch

    torch.set_num_threads(1)
