"""Bytes <-> in-memory values: PNG images and masks, posed views, field checkpoints."""

import io

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from mmpart_core.errors import BlobCorruptError
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import BlobRef, ImageRef, ViewSet
from mmpart_core.storage.blob_store import BlobStore

PNG_MEDIA = "image/png"
FIELD_MEDIA = "application/vnd.mmpart.field+safetensors"


def encode_png(pixels: UInt8[np.ndarray, "H W ..."]) -> bytes:
    """PNG of a grey (H W), RGB (H W 3) or RGBA (H W 4) uint8 image; the same bytes every time."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()


def decode_png(
    data: bytes, mode: str, size: tuple[int, int] | None = None
) -> UInt8[np.ndarray, "H W ..."]:
    """Pixels of a PNG in a Pillow mode (``L``, ``RGB`` or ``RGBA``).

    Args:
        data: the file; no other format is tried.
        mode: what to convert to.
        size: width and height it must have, looked at before anything is unpacked.

    Raises:
        BlobCorruptError: not a whole PNG, one of another size, or one of too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if size is not None and image.size != size:
                raise BlobCorruptError(
                    f"image: expected a PNG of {size[0]} x {size[1]} px, got {image.size[0]} x "
                    f"{image.size[1]}; refresh the stage that made it"
                )
            return np.asarray(image.convert(mode))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BlobCorruptError(
            f"image: expected a PNG, got {len(data)} bytes that are none ({error}); refresh the "
            "stage that made it"
        ) from error


def put_image(store: BlobStore, pixels: UInt8[np.ndarray, "H W ..."]) -> ImageRef:
    """Store an image as PNG."""
    blob = store.put(encode_png(pixels), PNG_MEDIA)
    height, width = pixels.shape[:2]
    return ImageRef(**blob.model_dump(), width=width, height=height)


def get_image(store: BlobStore, ref: ImageRef) -> UInt8[np.ndarray, "H W 4"]:
    """A stored image as RGBA.

    Raises:
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``; or it is no image of that size.
    """
    return decode_png(store.get(ref), "RGBA", (ref.width, ref.height))


def put_mask(store: BlobStore, mask: Bool[np.ndarray, "H W"]) -> ImageRef:
    """Store a mask as an 8-bit PNG, 255 where true."""
    return put_image(store, mask.astype(np.uint8) * np.uint8(255))


def get_mask(store: BlobStore, ref: ImageRef) -> Bool[np.ndarray, "H W"]:
    """A stored mask; true where at least half white."""
    return decode_png(store.get(ref), "L", (ref.width, ref.height)) >= 128


def get_views(store: BlobStore, views: ViewSet) -> PosedViews:
    """All views of a set, stacked."""
    rgba = np.stack([get_image(store, view.image) for view in views.views])
    return PosedViews(rgba, tuple(view.camera for view in views.views))


def put_field(store: BlobStore, grid: FieldGrid) -> BlobRef:
    """Store a field grid as safetensors."""
    tensors = {
        "sdf": np.ascontiguousarray(grid.sdf, dtype=np.float32),
        "rgb": np.ascontiguousarray(grid.rgb, dtype=np.float16),
        "origin": np.ascontiguousarray(grid.origin, dtype=np.float64),
        "spacing": np.array([grid.spacing], dtype=np.float64),
        "doubt": np.array([grid.doubt], dtype=np.float64),
    }
    return store.put(save_safetensors(tensors), FIELD_MEDIA)


def get_field(store: BlobStore, ref: BlobRef) -> FieldGrid:
    """A stored field grid.

    Raises:
        BlobCorruptError: the bytes are no field checkpoint.
    """
    try:
        tensors = load_safetensors(store.get(ref))
        return FieldGrid(
            sdf=tensors["sdf"],
            rgb=tensors["rgb"].astype(np.float32),
            origin=tensors["origin"],
            spacing=float(tensors["spacing"][0]),
            doubt=float(tensors["doubt"][0]),
        )
    except (SafetensorError, KeyError) as error:
        raise BlobCorruptError(
            f"blob {ref.sha256[:12]}: expected a field checkpoint (sdf, rgb, origin, spacing, "
            f"doubt), got something else ({error}); refresh reconstruct"
        ) from error
