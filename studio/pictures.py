"""Pictures of what stages made: stored ones by digest, drawn ones of meshes, all made small."""

import io
import re
from functools import lru_cache
from typing import Any

from PIL import Image

from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.output.pictures import camera_around, render_on_clear
from mmpart_core.records import AssembledObject, IsolatedPart, PartMesh, StageRun, ViewSet
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.blob_store import blob_path, digest_of
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.opening import open_store
from studio.library import FOLDER
from tasks._caching import stored_record

SIZES_PX = (160, 320, 640, 1280)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MESH_PX = 320
# From beside and above, where most of a part's form shows.
_MESH_AZIMUTH_DEG, _MESH_ELEVATION_DEG = 30.0, 20.0


def pictures_of_run(run: StageRun, store: FsspecStore) -> tuple[str, ...]:
    """Digests of the pictures that a finished piece of work gave.

    Args:
        run: what was done.
        store: where its record is.

    Raises:
        StorageError: the store cannot be used.
    """
    return pictures_of(stored_record(store, run.key), store)


def pictures_of(record: Any, store: FsspecStore) -> tuple[str, ...]:
    """Digests of the pictures that belong to a record; none where it has none to show."""
    if isinstance(record, IsolatedPart):
        return (record.rgba.sha256,)
    if isinstance(record, ViewSet):
        return tuple(view.image.sha256 for view in record.views)
    if isinstance(record, AssembledObject):
        return (record.preview.sha256,)
    if isinstance(record, PartMesh):
        return (draw_mesh(record, store),)
    return ()


def draw_mesh(part: PartMesh, store: FsspecStore) -> str:
    """Draw a part from beside and above; gives the digest of the stored picture."""
    return _drawn(part.mesh.sha256, store.url) or _draw(part, store)


@lru_cache(maxsize=512)
def _drawn(mesh: str, url: str) -> str:
    """The picture of a mesh that was drawn before; empty where none was."""
    found = open_store(url).read_file(_note_path(mesh))
    return found.decode() if found else ""


def _draw(part: PartMesh, store: FsspecStore) -> str:
    mesh = glb.get_mesh(store, part.mesh)
    orbit = cameras.orbit_camera(_MESH_AZIMUTH_DEG, _MESH_ELEVATION_DEG, 30.0, _MESH_PX)
    camera = camera_around(orbit, [mesh], 0.0, (_MESH_PX, _MESH_PX))
    picture = codecs.put_image(store, render_on_clear(RenderScene([mesh]), camera))
    store.write_file(_note_path(part.mesh.sha256), picture.sha256.encode())
    _drawn.cache_clear()
    return picture.sha256


def _note_path(mesh: str) -> str:
    return f"{FOLDER}/drawn/{mesh}"


def small_picture(url: str, sha256: str, side_px: int) -> bytes | None:
    """A stored picture as WebP, at most so large; None where there is none of that digest.

    Args:
        url: address of the store.
        sha256: digest of a PNG.
        side_px: the longer side at most; one of ``SIZES_PX``.

    Raises:
        StorageError: the store cannot be read.
    """
    if not _DIGEST.fullmatch(sha256) or side_px not in SIZES_PX:
        return None
    return _small_picture(url, sha256, side_px)


@lru_cache(maxsize=256)
def _small_picture(url: str, sha256: str, side_px: int) -> bytes | None:
    data = open_store(url).read_file(blob_path(sha256))
    if data is None or not data.startswith(b"\x89PNG") or digest_of(data) != sha256:
        return None
    return shrink(data, side_px)


def shrink(data: bytes, side_px: int) -> bytes:
    """A picture as WebP, its longer side at most so long."""
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP", quality=84, method=2)
    return buffer.getvalue()


def same_picture(one: Any, other: Any) -> bool:
    """Whether two tries of a part were drawn alike, so that nothing is to be compared."""
    if one is None or other is None:
        return False
    return bool(one.isolated.rgba.sha256 == other.isolated.rgba.sha256)
