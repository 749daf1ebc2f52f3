"""Whether the device that extraction was asked to use is there."""

from mmpart_core import devices


def check_device(name: str) -> None:
    """Refuse a device that this machine does not have.

    Args:
        name: a PyTorch device, for instance ``cpu`` or ``cuda:1``.

    Raises:
        ConfigError: torch cannot put a tensor there.
    """
    devices.check_device("mesh.device", name)
