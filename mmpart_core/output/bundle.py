"""Writes what the user receives: one folder of files per object.

``object.glb`` the object, a named node per part with its history in ``extras``; ``exploded.glb``
the same pushed apart; ``parts/<slug>.glb`` each part alone, standing where it stands in the
object; ``tries/<slug>-<n>.png`` what an image model drew of a part; ``manifest.json``;
``preview.png``; ``sheet.png``; ``index.html``. Without an assembled object the scenes and the
preview are absent, and parts that were made lie in ``parts/`` in their own frame (``placement`` is
null in the manifest).
"""

import json

import numpy as np
from jaxtyping import UInt8

from mmpart_core import provenance
from mmpart_core.config import PipelineConfig
from mmpart_core.geometry import cameras
from mmpart_core.output import drawn_tries, glb_edit, manifest, page, pictures, sheet
from mmpart_core.output.part_facts import PartFacts, gather_parts
from mmpart_core.output.scene import BundleScene, read_scene
from mmpart_core.records import ObjectResult
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore
from mmpart_core.storage.fsspec_store import FsspecStore

_PREVIEW_PX = 640
SINGLE_FILES = frozenset({"object.glb", "exploded.glb", "preview.png", "sheet.png", "index.html"})


def write_bundle(
    result: ObjectResult,
    store: BlobStore,
    destination: str,
    *,
    config: PipelineConfig,
) -> dict[str, str]:
    """Write the files of one object, whatever was made of it.

    Each file is complete or absent. The manifest is written last, after files of an earlier
    bundle that this one does not have were removed (only files the earlier manifest lists). Into a
    folder without a manifest it is written first as well, so that a bundle whose writing was broken
    off is known as ours and can be written again.

    Args:
        result: what the pipeline gave, finished or not.
        store: where the artifacts are.
        destination: a folder, or any address fsspec knows (``s3://bucket/lamp``).
        config: the profile it was made with.

    Returns:
        File name (``parts/seat.glb``) -> where it was written.

    Raises:
        StorageError: the destination cannot be read or written.
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
    """
    with provenance.unusable_blobs_named(result):
        files = build_files(result, store, config)
    target = FsspecStore(destination)
    earlier = target.read_file(manifest.MANIFEST_FILE)
    if earlier is None:
        target.write_file(manifest.MANIFEST_FILE, files[manifest.MANIFEST_FILE])
    stale = own_files(earlier) - set(files)
    for name, data in files.items():
        if name != manifest.MANIFEST_FILE:
            target.write_file(name, data)
    for name in sorted(stale):
        target.delete_file(name)
    target.write_file(manifest.MANIFEST_FILE, files[manifest.MANIFEST_FILE])
    return {name: f"{target.url.rstrip('/')}/{name}" for name in files}


def build_files(result: ObjectResult, store: BlobStore, config: PipelineConfig) -> dict[str, bytes]:
    """All files of a bundle, in memory; see ``write_bundle``."""
    parts = gather_parts(result)
    scene = read_scene(result, store)
    facts = manifest.build_manifest(result, parts, config)
    files = _part_files(result, parts, scene, store)
    preview = poster = None
    if scene is not None:
        extras = {part.name: part.extras() for part in parts}
        whole = glb_edit.with_extras(scene.file, extras)
        files["object.glb"] = whole.to_bytes()
        moved = glb_edit.with_moves(whole, scene.names, scene.offsets)
        files["exploded.glb"] = moved.to_bytes()
        camera = cameras.bounded_camera(scene.camera, _PREVIEW_PX)
        preview, poster = pictures.render_on_ground(scene.rendered, camera)
        files["preview.png"] = codecs.encode_png(preview)
    files["sheet.png"] = codecs.encode_png(sheet.draw_sheet(result, parts, scene, preview, store))
    source = codecs.get_image(store, result.request.image)
    model = files.get("object.glb")
    drawn = drawn_tries.tries_section(parts, store)
    files["index.html"] = page.build_page(result, parts, facts, scene, model, source, poster, drawn)
    files |= drawn_tries.try_pictures(parts, store)
    listed = manifest.with_files(facts, files)
    return {**files, manifest.MANIFEST_FILE: manifest.to_json(listed)}


def draw_pictures(
    result: ObjectResult, store: BlobStore
) -> tuple[UInt8[np.ndarray, "PH PW 3"] | None, UInt8[np.ndarray, "H W 3"]]:
    """``preview.png`` and ``sheet.png`` as pixels, without the other files.

    Args:
        result: what the pipeline gave, finished or not.
        store: where the artifacts are.

    Returns:
        The object seen by the input camera, None without one; and the contact sheet.

    Raises:
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
    """
    scene = read_scene(result, store)
    preview = None
    if scene is not None:
        camera = cameras.bounded_camera(scene.camera, _PREVIEW_PX)
        preview, _ = pictures.render_on_ground(scene.rendered, camera)
    return preview, sheet.draw_sheet(result, gather_parts(result), scene, preview, store)


def read_pictures(
    destination: str,
) -> tuple[UInt8[np.ndarray, "PH PW 3"] | None, UInt8[np.ndarray, "H W 3"] | None]:
    """``preview.png`` and ``sheet.png`` of a bundle that was written, as pixels.

    Args:
        destination: see ``write_bundle``.

    Returns:
        As ``draw_pictures``; None for one that is not there.

    Raises:
        StorageError: the destination cannot be read.
    """
    target = FsspecStore(destination)
    found = (target.read_file(name) for name in ("preview.png", "sheet.png"))
    preview, sheet = (None if data is None else codecs.decode_png(data, "RGB") for data in found)
    return preview, sheet


def _part_files(
    result: ObjectResult,
    parts: tuple[PartFacts, ...],
    scene: BundleScene | None,
    store: BlobStore,
) -> dict[str, bytes]:
    """Each part alone, whole also where the object has it without what smaller parts fill."""
    files: dict[str, bytes] = {}
    placed = scene.file if scene is not None else None
    if result.assembled is not None and result.assembled.uncut is not None:
        placed = glb_edit.GlbFile.read(store.get(result.assembled.uncut))
    for part in parts:
        if part.result is None:
            continue
        if scene is not None and placed is not None and part.name in scene.names:
            alone = glb_edit.single_node(placed, part.name)
        else:
            alone = glb_edit.GlbFile.read(store.get(part.result.mesh.mesh))
        named = glb_edit.with_extras(alone, {part.name: part.extras()})
        files[f"parts/{part.slug}.glb"] = named.to_bytes()
    return files


def own_files(old_manifest: bytes | None) -> set[str]:
    """Names that an earlier manifest lists and that a bundle can have; nothing else is ours.

    Args:
        old_manifest: content of ``manifest.json``; None where there is none.
    """
    if old_manifest is None:
        return set()
    try:
        data = json.loads(old_manifest)
    except ValueError:
        return set()
    if not isinstance(data, dict) or data.get("schema") != manifest.SCHEMA:
        return set()
    entries = data.get("files", [])
    names = {entry.get("path") for entry in entries if isinstance(entry, dict)}
    return {name for name in names if isinstance(name, str) and _is_ours(name)}


def _is_ours(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    ending = {"parts": ".glb", drawn_tries.FOLDER: ".png"}.get(folder)
    if ending is not None:
        return file.endswith(ending) and file.strip(".") == file and "\\" not in file
    return name in SINGLE_FILES
