"""Everything that making and scoring imports, so that no import is in a measured second.

The fork server of ``running`` imports this module once; every job is a fork of it.
"""

# ruff: noqa: F401, E402 - imported for their side: being loaded; torchvision's operators first.

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from mmpart_core import torchvision_compat

torchvision_compat.declare_missing_operators()

import fast_simplification
import skimage.measure
import torch
import torch._dynamo
import xatlas

import benchmarks.reconstruction.child
import mmpart_core.mesh.backends.flexicubes
import mmpart_core.mesh.backends.marching_cubes
import mmpart_core.mesh.dual_surface
import mmpart_core.mesh.finish
import mmpart_core.reconstruct.backends.nerfstudio
import mmpart_core.reconstruct.part_training


def prepare_process() -> None:
    """One thread for torch, whatever its default: processor seconds are to be comparable."""
    torch.set_num_threads(1)
