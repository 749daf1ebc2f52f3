"""One folder per object: what is refused before anything starts, and what is replaced."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.log_file import LOG_FILE
from flows.output_folder import check_output
from mmpart_core.errors import ConfigError
from mmpart_core.output.manifest import SCHEMA
from mmpart_core.records import ObjectRequest
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.fsspec_store import FsspecStore

pytestmark = [pytest.mark.xdist_group("prefect")]


def manifest_of(request: ObjectRequest, **changes: Any) -> bytes:
    """As much of a manifest as tells one object from another."""
    image = {"sha256": request.image.sha256}
    content = {"image": image, "truth_scene": None, **changes}
    files = [{"path": "object.glb"}]
    return json.dumps(
        {"schema": SCHEMA, "name": request.name, "request": content, "files": files}
    ).encode()


def test_a_new_an_empty_and_the_same_objects_folder_will_do(
    request_of: Any, tmp_path: Path, store_url: str
) -> None:
    request, out = request_of(), tmp_path / "out"
    check_output(str(out), store_url, request, overwrite=False)
    assert not out.exists()
    out.mkdir()
    (out / "other-object").mkdir()
    (out / ".hidden").write_text("")
    (out / LOG_FILE).write_text("a run that broke off")
    check_output(str(out), store_url, request, overwrite=False)
    (out / "manifest.json").write_bytes(manifest_of(request))
    (out / "notes.txt").write_text("mine")
    check_output(str(out), store_url, request, overwrite=False)


@pytest.mark.parametrize("changes", [{"image": {"sha256": "0" * 64}}, {"truth_scene": "1" * 64}])
def test_another_source_of_the_same_name_is_refused(
    changes: dict[str, Any], request_of: Any, tmp_path: Path, store_url: str
) -> None:
    request = request_of()
    (tmp_path / "manifest.json").write_bytes(manifest_of(request, **changes))
    (tmp_path / "object.glb").write_text("made")
    with pytest.raises(ConfigError, match=r"another object.*'pair'.*--overwrite"):
        check_output(str(tmp_path), store_url, request, overwrite=False)
    check_output(str(tmp_path), store_url, request, overwrite=True)


def test_another_objects_folder_is_refused(request_of: Any, tmp_path: Path, store_url: str) -> None:
    request = request_of()
    (tmp_path / "manifest.json").write_bytes(manifest_of(request))
    (tmp_path / "object.glb").write_text("made")
    other = request.model_copy(update={"name": "lamp"})
    with pytest.raises(ConfigError, match=r"'pair', not 'lamp'.*/lamp'"):
        check_output(str(tmp_path), store_url, other, overwrite=False)


def test_another_objects_run_that_made_no_part_does_not_count(
    request_of: Any, tmp_path: Path, store_url: str
) -> None:
    request = request_of()
    failed = json.loads(manifest_of(request))
    failed["files"] = [{"path": "sheet.png"}, {"path": "index.html"}, {"path": "object.glb"}]
    (tmp_path / "manifest.json").write_text(json.dumps(failed))
    for name in ("sheet.png", "index.html", LOG_FILE):
        (tmp_path / name).write_text("of the run that failed")
    other = request.model_copy(update={"name": "lamp"})
    check_output(str(tmp_path), store_url, other, overwrite=False)
    (tmp_path / "preview.png").write_text("mine")
    with pytest.raises(ConfigError, match=r"no result of MMPart \(preview\.png\)"):
        check_output(str(tmp_path), store_url, other, overwrite=False)
    (tmp_path / "preview.png").unlink()
    (tmp_path / "object.glb").write_text("made")
    with pytest.raises(ConfigError, match="'pair', not 'lamp'"):
        check_output(str(tmp_path), store_url, other, overwrite=False)


@pytest.mark.parametrize("name", ["photo.png", "manifest.json"])
def test_foreign_files_are_refused(
    name: str, request_of: Any, tmp_path: Path, store_url: str
) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(ConfigError, match=f"no result of MMPart .{name}.*--overwrite"):
        check_output(str(tmp_path), store_url, request_of(), overwrite=False)
    check_output(str(tmp_path), store_url, request_of(), overwrite=True)


def test_files_in_the_way_the_store_and_what_cannot_be_written(
    request_of: Any, tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of()
    (tmp_path / "file").write_text("")
    for output, message in (
        (str(tmp_path / "file"), "this is a file"),
        (str(tmp_path / "file" / "below" / "it"), "'file' above it is a file"),
        (store_url, "the store"),
        (f"{store_url}/out", "the store"),
        ("/proc/out", "nothing can be written to .*proc"),
        ("nosuch://x", "an address that fsspec knows"),
    ):
        with pytest.raises(ConfigError, match=message) as raised:
            check_output(output, store_url, request, overwrite=True)
        assert str(raised.value).startswith(f"--output '{output}': ")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="the store"):
        check_output(".mmpart", ".mmpart", request, overwrite=False)


def test_a_prefix_is_held_to_the_same_rule(request_of: Any, s3_server: str) -> None:
    request, prefix = request_of(), f"{s3_server}/objects/pair"
    check_output(prefix, f"{s3_server}/store", request, overwrite=False)
    target = FsspecStore(prefix)
    target.write_file("photo.png", b"mine")
    with pytest.raises(ConfigError, match=r"photo\.png"):
        check_output(prefix, f"{s3_server}/store", request, overwrite=False)
    target.write_file("manifest.json", manifest_of(request))
    target.write_file("object.glb", b"made")
    check_output(prefix, f"{s3_server}/store", request, overwrite=False)
    other = request.model_copy(update={"name": "lamp"})
    with pytest.raises(ConfigError, match="'pair', not 'lamp'"):
        check_output(prefix, f"{s3_server}/store", other, overwrite=False)
    with pytest.raises(ConfigError, match="the store"):
        check_output(prefix, s3_server, request, overwrite=False)
    with pytest.raises(ConfigError, match="no-such-bucket"):
        check_output("s3://no-such-bucket/x", s3_server, request, overwrite=False)


@pytest.mark.usefixtures("prefect")
def test_the_command_keeps_the_rule(
    image: Path, counting_profile: Path, tmp_path: Path, journal: Any, mmpart: Any
) -> None:
    common = ["--profile", counting_profile, "--store", tmp_path / "store"]
    out = tmp_path / "out"
    both = mmpart("generate", image, "--part", "hat", "--part", "man", *common, "-o", out)
    assert both.exit_code == 0, both.output
    (out / "notes.txt").write_text("mine")
    journal.taken()
    fewer = mmpart("generate", image, "--part", "hat", *common, "-o", out)
    assert fewer.exit_code == 0, fewer.output
    assert (out / "parts" / "hat.glb").is_file()
    assert not (out / "parts" / "man.glb").exists()
    assert (out / "notes.txt").read_text() == "mine"
    journal.taken()
    other = tmp_path / "lamp.png"
    pixels = np.zeros((96, 96, 4), dtype=np.uint8)
    pixels[30:60, 30:60] = [20, 200, 40, 255]
    other.write_bytes(encode_png(pixels))
    refused = mmpart("generate", other, "--part", "shade", *common, "-o", out)
    assert refused.exit_code == 2
    assert "holds another object ('pair', not 'lamp')" in refused.stderr
    assert (out / "parts" / "hat.glb").is_file()
    assert journal.taken() == []
    replaced = mmpart("generate", other, "--part", "shade", *common, "-o", out, "--overwrite")
    assert replaced.exit_code == 0, replaced.output
    assert not (out / "parts" / "hat.glb").exists()
    assert json.loads((out / "manifest.json").read_text())["name"] == "lamp"
