"""Writes what the user receives: one folder of files per object.

``object.glb`` the object, a named node per part with its history in ``extras``; ``exploded.glb``
the same pushed apart; ``parts/<slug>.glb`` each part alone, standing where it stands in the
object; ``manifest.json``; ``preview.png``; ``sheet.png``; ``index.html``. Without an assembled
object the scenes and the preview are absent, and parts that were made lie in ``parts/`` in their
own frame (``placement`` is null in the manifest).
"""

import json

from mmpart_core import provenance
from mmpart_core.config import PipelineConfig
from mmpart_core.output import glb_edit, manifest, page, pictures, sheet
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
    files = _part_files(parts, scene, store)
    preview = poster = None
    if scene is not None:
        extras = {part.name: part.extras() for part in parts}
        whole = glb_edit.with_extras(scene.file, extras)
        files["object.glb"] = whole.to_bytes()
        moved = glb_edit.with_moves(whole, scene.names, scene.offsets)
        files["exploded.glb"] = moved.to_bytes()
        camera = pictures.scaled_camera(scene.camera, _PREVIEW_PX)
        preview, poster = pictures.render_on_ground(scene.rendered, camera)
        files["preview.png"] = codecs.encode_png(preview)
    files["sheet.png"] = codecs.encode_png(sheet.draw_sheet(result, parts, scene, preview, store))
    source = codecs.get_image(store, result.request.image)
    model = files.get("object.glb")
    files["index.html"] = page.build_page(result, parts, facts, scene, model, source, poster)
    listed = manifest.with_files(facts, files)
    return {**files, manifest.MANIFEST_FILE: manifest.to_json(listed)}


def _part_files(
    parts: tuple[PartFacts, ...], scene: BundleScene | None, store: BlobStore
) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for part in parts:
        if part.result is None:
            continue
        if scene is not None and part.name in scene.names:
            alone = glb_edit.single_node(scene.file, part.name)
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
    if folder == "parts":
        return file.endswith(".glb") and file.strip(".") == file and "\\" not in file
    return name in SINGLE_FILES
