"""torchvision imports, whatever it was built for."""

import subprocess
import sys

from mmpart_core import torchvision_compat


def test_torchvision_imports_after_declaring_twice() -> None:
    code = (
        "from mmpart_core import torchvision_compat as compat\n"
        "first, second = compat.declare_missing_operators(), compat.declare_missing_operators()\n"
        "import torch, torchvision\n"
        "assert first == second\n"
        "assert hasattr(torch.ops.torchvision, 'nms')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_operators_that_exist_are_left_alone() -> None:
    import torch

    declared = torchvision_compat.declare_missing_operators()
    nms = torch.ops.torchvision.nms
    assert torchvision_compat.declare_missing_operators() == declared
    assert torch.ops.torchvision.nms is nms
