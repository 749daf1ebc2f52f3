"""Files of objects: pictures, the 3D page, downloads."""

import io
import zipfile
from urllib.parse import quote

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from mmpart_core.intake.image import read_image
from mmpart_core.output.bundle import own_files
from mmpart_core.output.manifest import MANIFEST_FILE
from mmpart_core.storage.codecs import encode_png
from studio.pictures import SIZES_PX, shrink, small_picture
from studio.web import ObjectDep, StudioDep

router = APIRouter()
_MEDIA = {
    "glb": "model/gltf-binary",
    "png": "image/png",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
}
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}


@router.get("/pictures/{sha256}")
def picture(studio: StudioDep, sha256: str, side: int = 320) -> Response:
    """A stored picture by its digest, made small."""
    data = small_picture(studio.library.store.url, sha256, side)
    if data is None:
        raise HTTPException(404, "There is no such picture.")
    return Response(data, media_type="image/webp", headers=_FOREVER)


@router.get("/objects/{object_id}/image")
def image(kept: ObjectDep, studio: StudioDep, side: int = 1280) -> Response:
    """The image an object is made of, made small."""
    data = studio.library.upload(kept.id)
    if data is None or side not in SIZES_PX:
        raise HTTPException(404, "There is no such picture.")
    return Response(_upright(data, side), media_type="image/webp", headers=_FOREVER)


@router.get("/objects/{object_id}/preview")
def preview(kept: ObjectDep, studio: StudioDep) -> Response:
    """The finished object; the image where there is none."""
    data = studio.library.file(kept.id, "preview.png") if kept.result else None
    if data is None:
        return image(kept, studio, 320)
    return Response(
        shrink(data, 320), media_type="image/webp", headers={"Cache-Control": "no-cache"}
    )


@router.get("/objects/{object_id}/view")
def view(kept: ObjectDep, studio: StudioDep) -> Response:
    """The page with the 3D view; it carries all it needs, and its own policy."""
    data = studio.library.file(kept.id, "index.html")
    if data is None:
        raise HTTPException(404, "There is no 3D view yet.")
    headers = {"Content-Security-Policy": "frame-ancestors 'self'"}
    return Response(data, media_type="text/html; charset=utf-8", headers=headers)


@router.get("/objects/{object_id}/files/{name:path}")
def download(kept: ObjectDep, studio: StudioDep, name: str) -> Response:
    """One finished file, by the names that the manifest lists."""
    listed = own_files(studio.library.file(kept.id, MANIFEST_FILE)) | {MANIFEST_FILE}
    data = studio.library.file(kept.id, name) if name in listed else None
    if data is None:
        raise HTTPException(404, "There is no such file.")
    media = _MEDIA.get(name.rsplit(".", 1)[-1], "application/octet-stream")
    saved = f"{kept.title}-{name.rpartition('/')[2]}"
    return Response(data, media_type=media, headers=_saved_as(saved))


@router.get("/objects/{object_id}/parts.zip")
def parts_zip(kept: ObjectDep, studio: StudioDep) -> Response:
    """All parts, each as a GLB, with the manifest."""
    listed = own_files(studio.library.file(kept.id, MANIFEST_FILE))
    names = sorted(name for name in listed if name.startswith("parts/"))
    if not names:
        raise HTTPException(404, "No part was made yet.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (*names, MANIFEST_FILE):
            data = studio.library.file(kept.id, name)
            if data is not None:
                archive.writestr(name.removeprefix("parts/"), data)
    return Response(
        buffer.getvalue(),
        media_type="application/zip",
        headers=_saved_as(f"{kept.title}-parts.zip"),
    )


def _saved_as(name: str) -> dict[str, str]:
    """The header for a name in any language (RFC 6266)."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _upright(data: bytes, side: int) -> bytes:
    """As a viewer would show it; see ``read_image``."""
    return shrink(encode_png(read_image(data, side)), side)
