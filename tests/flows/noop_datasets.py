"""Data sets whose stages do nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from flows.dataset_job import DatasetJob
from mmpart_core.backends import STAGES
from mmpart_core.storage.codecs import encode_png

PACKAGES = Path(__file__).resolve().parents[1] / "packages"


def picture_of(value: int) -> bytes:
    """A small image unlike those of other values."""
    pixels = np.zeros((32, 32, 4), dtype=np.uint8)
    pixels[6:26, 6:26] = [200, 60, value, 255]
    return encode_png(pixels)


@pytest.fixture
def dataset_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DatasetJob]:
    """Makes a manifest and its job from rows; images are made where rows name them."""
    monkeypatch.syspath_prepend(PACKAGES)

    def make(
        *rows: dict[str, Any], isolate: dict[str, Any] | None = None, **job: Any
    ) -> DatasetJob:
        for value, row in enumerate(rows):
            image = str(row.get("image", ""))
            if image.startswith("good"):
                (tmp_path / image).write_bytes(picture_of(value))
        (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n, and nothing more")
        (tmp_path / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        profile: dict[str, Any] = {stage: {"kind": "noop"} for stage in STAGES}
        profile["isolate"]["settings"] = isolate or {}
        (tmp_path / "noop.yaml").write_text(yaml.safe_dump(profile))
        given = {"source": str(tmp_path / "data.jsonl"), "output": str(tmp_path / "out"),
                 "profile": str(tmp_path / "noop.yaml"), "store": str(tmp_path / "store"),
                 "components": "seat, back", "files": "glb"}  # fmt: skip
        return DatasetJob.model_validate({**given, **job})

    return make
