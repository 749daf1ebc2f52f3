"""Checkpoints of nerfstudio runs as safetensors: the field, the optimizers' moments, the step.

nerfstudio's own tools (``ns-eval``, ``ns-viewer``, ``ns-export``, ``ns-render``) open nothing but
``step-*.ckpt`` with ``torch.load``, which since torch 2.6 reads tensors and plain values only,
while what nerfstudio's Trainer writes there holds numpy scalars. So each checkpoint here is a
safetensors file, which training resumes from and which needs no pickle to read, and beside it a
``.ckpt`` with the weights alone, for those tools.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from nerfstudio.engine.optimizers import Optimizers
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmpart_core.errors import InputError

FORMAT = "mmpart-part checkpoint 1"
_WEIGHTS, _MOMENTS = "pipeline.", "optimizers."


@dataclass(frozen=True)
class Checkpoint:
    """A state of training.

    Attributes:
        step: of the batch that it was saved after.
        weights: the pipeline's state_dict.
        moments: ``<group>.<name>`` -> tensor of an optimizer's state.
        updates: how often each group's schedule has been advanced.
    """

    step: int
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    updates: dict[str, int]


def write_checkpoint(
    folder: Path, step: int, weights: Mapping[str, Any], optimizers: Optimizers, only_latest: bool
) -> Path:
    """Write ``step-<step>.safetensors``, and ``.ckpt`` for nerfstudio's tools.

    Args:
        folder: made if absent.
        step: of the batch just trained.
        weights: the pipeline's state_dict.
        optimizers: what training goes on with.
        only_latest: remove all other checkpoints of the folder.

    Returns:
        The safetensors file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:09d}.safetensors"
    saved = {_WEIGHTS + name: value.detach().cpu() for name, value in weights.items()}
    tensors = {name: value.contiguous().clone() for name, value in saved.items()}
    tensors |= {_MOMENTS + name: value for name, value in _moments(optimizers).items()}
    updates = {name: int(each.last_epoch) for name, each in optimizers.schedulers.items()}
    about = {"format": FORMAT, "step": str(step), "updates": json.dumps(updates)}
    save_file(tensors, path, metadata=about)
    pipeline = {name: tensors[_WEIGHTS + name] for name in weights}
    torch.save({"step": step, "pipeline": pipeline}, path.with_suffix(".ckpt"))
    if only_latest:
        for other in [*folder.glob("step-*.safetensors"), *folder.glob("step-*.ckpt")]:
            if other.stem != path.stem:
                other.unlink()
    return path


def find_checkpoint(folder: Path, step: int | None = None) -> Path:
    """A folder's checkpoint of one step, or its latest.

    Args:
        folder: what nerfstudio calls the load dir.
        step: of the batch it was saved after.

    Raises:
        InputError: there is none.
    """
    found = sorted(folder.glob("step-*.safetensors"))
    wanted = found if step is None else [folder / f"step-{step:09d}.safetensors"]
    if not wanted or not wanted[-1].is_file():
        came = ", ".join(path.name for path in found) or "no such file"
        raise InputError(
            f"checkpoint folder '{folder}': expected "
            f"{'step-*.safetensors' if step is None else wanted[-1].name}, got {came}; give the "
            "nerfstudio_models folder of a run of mmpart-part"
        )
    return wanted[-1]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what ``write_checkpoint`` wrote; nothing in it is executed.

    Args:
        path: the safetensors file; a ``.ckpt`` stands for the one beside it.

    Raises:
        InputError: absent, or not such a file.
    """
    path = path.with_suffix(".safetensors")
    try:
        with safe_open(path, framework="pt") as opened:
            about = opened.metadata() or {}
            names: list[str] = opened.keys()
            tensors = {name: opened.get_tensor(name) for name in names}
        if about.get("format") != FORMAT:
            raise InputError(
                f"checkpoint '{path}': format {about.get('format')!r}, {FORMAT!r} expected; give "
                "one that ns-train mmpart-part wrote"
            )
        return Checkpoint(
            step=int(about["step"]),
            weights=_under(_WEIGHTS, tensors),
            moments=_under(_MOMENTS, tensors),
            updates=json.loads(about["updates"]),
        )
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(
            f"checkpoint '{path}': cannot be read ({error}); give one that ns-train mmpart-part "
            "wrote"
        ) from error


def restore_optimizers(optimizers: Optimizers, checkpoint: Checkpoint) -> None:
    """Give fresh optimizers the moments and learning rates of a checkpoint.

    Args:
        optimizers: built for parameters of the checkpoint's shapes.
        checkpoint: what to go on from.
    """
    for group, optimizer in optimizers.optimizers.items():
        (parameter,) = optimizer.param_groups[0]["params"]
        state = _under(f"{group}.", checkpoint.moments)
        if state:
            optimizer.state[parameter] = {
                name: value.to(parameter.device) for name, value in state.items()
            }
    for group, scheduler in optimizers.schedulers.items():
        count = checkpoint.updates[group]
        # The rate is a function of the count: no history to replay.
        state = {**scheduler.state_dict(), "last_epoch": count, "_step_count": count + 1}
        rates = [
            base * rate(count)
            for base, rate in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
        ]
        scheduler.load_state_dict({**state, "_last_lr": rates})
        for each, rate in zip(scheduler.optimizer.param_groups, rates, strict=True):
            each["lr"] = rate


def _moments(optimizers: Optimizers) -> dict[str, Tensor]:
    """Each optimizer's state by group and name; one parameter per group."""
    return {
        f"{group}.{name}": value.detach().cpu().contiguous().clone()
        for group, optimizer in optimizers.optimizers.items()
        for state in optimizer.state.values()
        for name, value in state.items()
    }


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
