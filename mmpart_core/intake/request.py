"""Ties image and components to one request."""

from collections.abc import Sequence
from pathlib import Path

from mmpart_core.config import InputConfig
from mmpart_core.intake.components import ComponentEntry, check_components
from mmpart_core.intake.image import check_size, image_size, read_image
from mmpart_core.intake.names import slug
from mmpart_core.intake.region_hints import resolve_region
from mmpart_core.records import ComponentRequest, InputView, ObjectRequest
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore


def build_request(
    image: Path | bytes,
    components: Sequence[ComponentEntry],
    *,
    store: BlobStore,
    name: str | None = None,
    view: InputView | None = None,
    input_config: InputConfig | None = None,
) -> ObjectRequest:
    """Read the image, store it, and tie the components' regions to it.

    Args:
        image: file or its content.
        components: from ``read_components`` and ``parse_part``, in the user's order.
        store: where the image and masks go.
        name: what to call the object; the image file's name where not given. Made file-safe.
        view: the input camera as far as it is known.
        input_config: how the image is taken in.

    Raises:
        InputError: an image, list or region that cannot be used.
        StorageError: the store cannot be written.
    """
    entries = check_components(components, "components")
    config = input_config or InputConfig()
    pixels = read_image(image, config.max_side_px)
    height, width = pixels.shape[:2]
    original = image_size(image)
    check_size(image, original, (width, height))
    stem = image.stem if isinstance(image, Path) else "object"
    return ObjectRequest(
        name=slug(name or stem),
        image=codecs.put_image(store, pixels),
        components=tuple(_tied(entry, original, (width, height), store) for entry in entries),
        view=view or InputView(),
    )


def _tied(
    entry: ComponentEntry, original: tuple[int, int], working: tuple[int, int], store: BlobStore
) -> ComponentRequest:
    region = None
    if entry.region is not None:
        region = resolve_region(entry.region, entry.where, original, working, store)
    return ComponentRequest(name=entry.name, hidden=entry.hidden, region=region, count=entry.count)
