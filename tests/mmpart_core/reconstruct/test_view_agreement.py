"""A view of something else among views that agree."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from mmpart_core.backends import open_backend
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.part_scene import prepare_scene
from mmpart_core.reconstruct.stage import reconstruct_part
from mmpart_core.reconstruct.view_agreement import wrong_view
from mmpart_core.records import View, ViewSet
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]
SLACK_PX = 1.5


def leaning(degrees: float = 0.0) -> trimesh.Trimesh:
    """A slab that leans to one side, so that no view is its own mirror image."""
    slab = trimesh.creation.box((0.3, 0.9, 1.2))
    slab.apply_transform(trimesh.transformations.rotation_matrix(0.6, (1, 0, 0)))
    turn = trimesh.transformations.rotation_matrix(np.radians(degrees), (0, 0, 1))
    return slab.apply_transform(turn)


@pytest.fixture(scope="module")
def right(views_of: ViewsOf) -> PosedViews:
    """Six views that agree."""
    return views_of(leaning(), 96)


def test_views_that_agree_are_all_kept(right: PosedViews) -> None:
    assert wrong_view(right, SLACK_PX) is None


@pytest.mark.parametrize("index", [0, 3])
def test_a_mirrored_view_is_found(right: PosedViews, index: int) -> None:
    rgba = right.rgba.copy()
    rgba[index] = rgba[index][:, ::-1]
    assert wrong_view(PosedViews(rgba, right.cameras), SLACK_PX) == index


def test_a_view_of_another_thing_is_found(right: PosedViews, views_of: ViewsOf) -> None:
    rgba = right.rgba.copy()
    rgba[2] = views_of(trimesh.creation.box((1.2, 0.2, 0.3)), 96).rgba[2]
    assert wrong_view(PosedViews(rgba, right.cameras), SLACK_PX) == 2


def test_bent_views_are_no_wrong_views(right: PosedViews) -> None:
    rgba = np.stack(
        [
            np.roll(view, shift, axis=1)
            for view, shift in zip(right.rgba, (0, 1, -1, 1, 0, -1), strict=True)
        ]
    )
    assert wrong_view(PosedViews(rgba, right.cameras), SLACK_PX) is None


def test_three_views_cannot_outvote_one(right: PosedViews) -> None:
    rgba = right.rgba[:3].copy()
    rgba[1] = rgba[1][:, ::-1]
    assert wrong_view(PosedViews(rgba, right.cameras[:3]), SLACK_PX) is None


def test_a_scene_leaves_the_wrong_view_out_and_says_so(right: PosedViews) -> None:
    rgba = right.rgba.copy()
    rgba[3] = rgba[3][:, ::-1]
    scene = prepare_scene(
        PosedViews(rgba, right.cameras),
        slack_px=SLACK_PX, margin=0.02, resolutions=(24, 32), convex_start=True,
    )  # fmt: skip
    assert scene.left_out == (3,)
    assert scene.kept == (0, 1, 2, 4, 5)
    assert len(scene.rays.missed) == 5
    assert "view 3 contradicts the others" in scene.warnings[-1]
    whole = prepare_scene(
        right, slack_px=SLACK_PX, margin=0.02, resolutions=(24, 32), convex_start=True
    )
    assert whole.left_out == ()
    # Without the wrong mask the body is as large as that of the right ones, and no smaller.
    volume = float((scene.limit < 0).sum()) * scene.fine_spec.spacing**3
    true_volume = float((whole.limit < 0).sum()) * whole.fine_spec.spacing**3
    assert volume > 0.98 * true_volume


def test_what_is_left_out_does_not_reach_the_texture(right: PosedViews) -> None:
    rgba = right.rgba.copy()
    rgba[3] = rgba[3][:, ::-1]
    store = MemoryStore()
    given = ViewSet(
        component="slab",
        views=tuple(
            View(image=codecs.put_image(store, image), camera=camera)
            for image, camera in zip(rgba, right.cameras, strict=True)
        ),
        method="drawn",
    )
    backend = open_backend("reconstruct", "nerfstudio", {"preset": "preview", "resolution": 40})
    field = reconstruct_part(given, backend=backend, store=store, seed=0)
    assert field.views.views == given.views[:3] + given.views[4:]
    assert any("view 3 contradicts" in warning for warning in field.warnings)
    assert field.confidence < 5.0 / 6.0 + 1e-6
