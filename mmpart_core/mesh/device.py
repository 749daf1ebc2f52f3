"""Whether a PyTorch device can be used."""

import torch

from mmpart_core.errors import BackendError


def check_device(name: str) -> None:
    """Refuse a device that this machine does not have.

    Args:
        name: a PyTorch device, for instance ``cpu`` or ``cuda:1``.

    Raises:
        BackendError: torch cannot put a tensor there.
    """
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BackendError(
            f"mesh.device '{name}': expected a device of this machine, torch says: {reason}; use "
            "mesh.device=cpu"
        ) from error
