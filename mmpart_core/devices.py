"""Whether a PyTorch device can be used in this process."""

import ctypes
import functools
import importlib
from typing import Any

from mmpart_core.errors import ConfigError, MissingDependencyError
from mmpart_core.quoting import first_line

# Every machine has a processor, and "auto" takes what there is.
_ALWAYS_THERE = ("auto", "cpu")
# NVIDIA's driver on Linux and on Windows; without it there is no need to import torch.
_DRIVERS = ("libcuda.so.1", "nvcuda.dll")


def check_device(setting: str, name: str) -> None:
    """Refuse a device that this machine does not have; imports torch only where it must.

    Args:
        setting: what asks for it, such as ``reconstruct.device``.
        name: a PyTorch device, for instance ``cpu`` or ``cuda:1``; or ``auto``.

    Raises:
        MissingDependencyError: torch is not installed, or does not import.
        ConfigError: torch cannot put a tensor there.
    """
    if name in _ALWAYS_THERE:
        return
    try:
        torch: Any = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"{setting} '{name}': needs torch, which does not import ({error}); install the "
            "project again: make setup"
        ) from error
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = first_line(error).rstrip(".")
        raise ConfigError(
            f"{setting} '{name}': expected a device of this machine, torch {torch.__version__} "
            f"says: {reason}; use {setting}=cpu, or install a build of torch for this device"
        ) from error


@functools.cache
def has_cuda() -> bool:
    """Whether torch finds a CUDA device; torch is imported only where there is a driver for one."""
    if not any(map(_loads, _DRIVERS)):
        return False
    try:
        torch: Any = importlib.import_module("torch")
    except (ImportError, OSError):
        return False
    return bool(torch.cuda.is_available())


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
