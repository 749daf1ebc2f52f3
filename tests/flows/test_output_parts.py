"""A user's files among a result's parts are not written over."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.output_folder import check_output
from mmpart_core.errors import ConfigError
from mmpart_core.output.manifest import SCHEMA


def test_a_users_parts_are_refused(request_of: Any, tmp_path: Path, store_url: str) -> None:
    request, out = request_of("hat", "man"), tmp_path / "out"
    (out / "parts").mkdir(parents=True)
    (out / "parts" / "hat.glb").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"no result of MMPart \(parts/hat\.glb\)"):
        check_output(str(out), store_url, request, overwrite=False)
    check_output(str(out), store_url, request, overwrite=True)


@pytest.mark.parametrize("mine", ["parts/man.glb", "sheet.png"])
def test_beside_the_same_object_only_files_in_the_way_are_refused(
    mine: str, request_of: Any, tmp_path: Path, store_url: str
) -> None:
    request = request_of("hat", "man")
    content = {"image": {"sha256": request.image.sha256}, "truth_scene": None}
    manifest = {"schema": SCHEMA, "name": request.name, "request": content}
    manifest["files"] = [{"path": "parts/hat.glb"}, {"path": "object.glb"}]
    (tmp_path / "parts").mkdir()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    for name in ("parts/hat.glb", "parts/other.glb", "object.glb", "notes.txt"):
        (tmp_path / name).write_bytes(b"there")
    check_output(str(tmp_path), store_url, request, overwrite=False)
    (tmp_path / mine).write_bytes(b"mine")
    with pytest.raises(ConfigError, match=f"no result of MMPart .{mine}.*--overwrite"):
        check_output(str(tmp_path), store_url, request, overwrite=False)
