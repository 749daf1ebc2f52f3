"""The multiview stage on a whole object: a photograph's background is no part of it."""

import numpy as np

from mmpart_core.geometry import cameras
from mmpart_core.multiview.backends import lift
from mmpart_core.multiview.stage import generate_views
from mmpart_core.records import IsolatedPart, ViewSet
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

SIDE = 160


def whole_views(rgba: np.ndarray, mask: np.ndarray) -> tuple[ViewSet, list[np.ndarray]]:
    store = MemoryStore()
    outline = codecs.put_mask(store, mask)
    whole = IsolatedPart(
        component=None,
        rgba=codecs.put_image(store, rgba),
        visible=outline,
        imagined=outline,
        camera=cameras.orbit_camera(0.0, 10.0, 30.0, SIDE),
    )
    settings = lift.Settings.model_validate({"outline_px": 96, "supersample": 1})
    views = generate_views(whole, backend=lift.BACKEND(settings), store=store, seed=0)
    return views, [codecs.get_image(store, view.image) for view in views.views]


def test_whole_object_of_an_opaque_photograph_is_lifted_without_its_background() -> None:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    mask = (rows - 80) ** 2 + ((columns - 80) * 2) ** 2 < 60**2
    mask |= (np.abs(rows - 120) < 12) & (np.abs(columns - 95) < 30)
    opaque = np.full((SIDE, SIDE, 4), 255, dtype=np.uint8)
    opaque[..., :3] = np.where(mask[..., None], (180, 60, 40), (240, 240, 240))
    clear = opaque.copy()
    clear[~mask, 3] = 0
    photograph, images = whole_views(opaque, mask)
    _, expected = whole_views(clear, mask)
    assert "slab" not in photograph.method
    for made, known in zip(images, expected, strict=True):
        solid, true = made[..., 3] >= 128, known[..., 3] >= 128
        assert (solid & true).sum() / (solid | true).sum() > 0.96
