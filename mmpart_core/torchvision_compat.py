"""Lets torchvision import beside a torch whose compiled operators it does not match.

The torchvision that package registries serve by default is built against a CUDA torch. Beside a
CPU-only torch its compiled library does not load, and ``import torchvision`` then fails on the
operators it annotates (``torchvision::nms``, ``torchvision::qnms``). nerfstudio and diffusers
import torchvision without using these operators, so declaring their signatures is enough; calling
one still fails, as it should.
"""

import importlib.util
import threading
from pathlib import Path
from typing import Any

_SIGNATURES = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_lock = threading.Lock()
# A torch.library.Library withdraws its operators when it is collected, so it is kept here.
_declared: list[Any] = []


def declare_missing_operators() -> bool:
    """Declare torchvision's operators where its compiled library cannot provide them.

    Call it before the first import of torchvision. Does nothing when the compiled library loads,
    and nothing the second time.

    Returns:
        True when the operators are declared here rather than compiled.
    """
    import torch

    with _lock:
        if _declared:
            return True
        _load_compiled_operators()
        if hasattr(torch.ops.torchvision, "nms"):
            return False
        library = torch.library.Library("torchvision", "FRAGMENT")
        for signature in _SIGNATURES:
            library.define(signature)
        _declared.append(library)
        return True


def _load_compiled_operators() -> None:
    """Load torchvision's compiled library as torchvision would; a misfit is left unloaded."""
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or hasattr(torch.ops.torchvision, "nms"):
        return
    folder = Path(spec.origin).parent
    for library in sorted([*folder.glob("_C*.so"), *folder.glob("_C*.pyd")]):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue
