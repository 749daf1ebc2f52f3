"""A finished field as one safetensors file: what a nerfstudio run of ours leaves for meshing."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mmpart_core.errors import InputError
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.reconstruct.protocol import TrainedField

FIELD_NAME = "field.safetensors"
FORMAT = "mmpart field 2"
_DEFORMATIONS = "deformations"


@dataclass(frozen=True)
class FieldFile:
    """A field and where it belongs.

    Attributes:
        trained: the field, part frame, and how well it agrees with its views.
        given_from_part: similarity from the part frame to the frame that the views were given in.
        views: the views folder or file that it was trained on; it may have moved since.
    """

    trained: TrainedField
    given_from_part: Float[np.ndarray, "4 4"]
    views: Path


def write_field_file(path: Path, field: FieldFile) -> None:
    """Write a field.

    Args:
        path: the file; its folder exists.
        field: what to write.
    """
    grid, trained = field.trained.grid, field.trained
    about = {
        "format": FORMAT,
        "origin": json.dumps(grid.origin.tolist()),
        "spacing": json.dumps(grid.spacing),
        "doubt": json.dumps(grid.doubt),
        "given_from_part": json.dumps(field.given_from_part.tolist()),
        "views": str(field.views),
        "train_psnr_db": json.dumps(trained.train_psnr_db),
        "confidence": json.dumps(trained.confidence),
        "warnings": json.dumps(list(trained.warnings)),
        "left_out": json.dumps(list(trained.left_out)),
    }
    tensors = {"sdf": np.ascontiguousarray(grid.sdf), "rgb": np.ascontiguousarray(grid.rgb)}
    if trained.deformations is not None:
        tensors[_DEFORMATIONS] = trained.deformations
    save_file(tensors, path, metadata=about)


def read_field_file(path: Path) -> FieldFile:
    """Read a field; nothing in the file is executed.

    Args:
        path: the file.

    Raises:
        InputError: absent, or not such a file.
    """
    try:
        with safe_open(path, framework="numpy") as opened:
            about = opened.metadata() or {}
            if about.get("format") != FORMAT:
                raise InputError(
                    f"field '{path}': format {about.get('format')!r}, {FORMAT!r} expected; give "
                    "the field.safetensors of a run of mmpart-part"
                )
            grid = FieldGrid(
                sdf=opened.get_tensor("sdf"),
                rgb=opened.get_tensor("rgb"),
                origin=np.array(json.loads(about["origin"]), dtype=np.float64),
                spacing=float(json.loads(about["spacing"])),
                doubt=float(json.loads(about["doubt"])),
            )
            names = list(opened.keys())
            bends = opened.get_tensor(_DEFORMATIONS) if _DEFORMATIONS in names else None
        trained = TrainedField(
            grid=grid,
            train_psnr_db=float(json.loads(about["train_psnr_db"])),
            confidence=float(json.loads(about["confidence"])),
            warnings=tuple(json.loads(about["warnings"])),
            left_out=tuple(json.loads(about["left_out"])),
            deformations=bends,
        )
        given_from_part = np.array(json.loads(about["given_from_part"]), dtype=np.float64)
        return FieldFile(trained, given_from_part, Path(about["views"]))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(
            f"field '{path}': cannot be read ({error}); ns-train mmpart-part writes it beside "
            "config.yml when training ends"
        ) from error
