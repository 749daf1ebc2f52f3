"""Views that contradict each other by some pixels are bent onto what they have in common."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from jaxtyping import Float32

from mmpart_core.backends import open_backend
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.images.silhouette import silhouette_distance
from mmpart_core.reconstruct.backends.nerfstudio import VoxelFieldTrainer
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_core.reconstruct.stage import reconstruct_part
from mmpart_core.reconstruct.view_registration import register_views, small_views, unexplained
from mmpart_core.reconstruct.voxel_field import VoxelField
from mmpart_core.records import View, ViewSet
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]
SLACK_PX = 1.5


def trained(views: PosedViews) -> tuple[VoxelField, float]:
    """The sketch that the back-end uses."""
    from mmpart_core.reconstruct.sketch import sketch

    return sketch(views, SLACK_PX, 0)


def untrained(views: PosedViews) -> tuple[VoxelField, float]:
    """No sketch is needed."""
    raise AssertionError(f"{len(views.cameras)} views were trained on")


def displaced(views: PosedViews, seed: int = 0) -> PosedViews:
    """Each view bent by some pixels, in its own way."""
    draws = np.random.default_rng(seed).normal(scale=0.02, size=(len(views.cameras), 2, 11, 11))
    return views.bent(draws.astype(np.float32))


def outline_error(views: PosedViews, truth: PosedViews) -> float:
    """Mean distance between masks' rims, pixels."""
    pairs = zip(views.rgba, truth.rgba, strict=True)
    found, wanted = zip(
        *((silhouette_distance(a[..., 3]), silhouette_distance(b[..., 3])) for a, b in pairs),
        strict=True,
    )
    near = np.abs(np.stack(wanted)) < 2.0
    return float(np.abs(np.stack(found) - np.stack(wanted))[near].mean())


@pytest.fixture(scope="module")
def right(views_of: ViewsOf) -> PosedViews:
    """Six views that agree."""
    return views_of(trimesh.creation.box((0.5, 0.9, 1.1)), 160)


@pytest.fixture(scope="module")
def bent(right: PosedViews) -> PosedViews:
    """The same, bent."""
    return displaced(right)


@pytest.fixture(scope="module")
def deformations(bent: PosedViews) -> Float32[np.ndarray, "N 2 Y X"]:
    """What lays them on each other."""
    found = register_views(bent, SLACK_PX, trained)
    assert found is not None
    return found


def test_views_that_agree_stay_as_they_are(right: PosedViews) -> None:
    assert unexplained(right).max() == 0.0
    assert register_views(right, SLACK_PX, untrained) is None


def test_bent_views_agree_better_afterwards(
    right: PosedViews, bent: PosedViews, deformations: Float32[np.ndarray, "N 2 Y X"]
) -> None:
    made = bent.bent(deformations)
    assert unexplained(bent).max() > 0.002
    assert unexplained(made).sum() < 0.25 * unexplained(bent).sum()
    assert outline_error(made, right) < 0.9 * outline_error(bent, right)


def test_bends_change_only_with_a_version_of_the_back_end(
    deformations: Float32[np.ndarray, "N 2 Y X"],
) -> None:
    assert VoxelFieldTrainer.VERSION == "14"
    assert np.abs(deformations).mean() == pytest.approx(0.0022929, rel=0.05)


@pytest.mark.long
def test_a_view_of_another_thing_takes_no_part(bent: PosedViews, views_of: ViewsOf) -> None:
    rgba = bent.rgba.copy()
    rgba[2] = views_of(trimesh.creation.box((1.4, 0.2, 0.3)), 160).rgba[2]
    found = register_views(PosedViews(rgba, bent.cameras), SLACK_PX, trained)
    assert found is not None
    assert np.abs(found[2]).max() == 0.0
    assert (np.abs(found[[0, 1, 3, 4, 5]]).max(axis=(1, 2, 3)) > 0.0).all()


def test_small_views_keep_their_place(views_of: ViewsOf) -> None:
    body = trimesh.creation.box((0.5, 0.9, 1.1))
    small, drawn = small_views(views_of(body, 320)), views_of(body, 160)
    assert small.cameras == drawn.cameras
    assert np.abs(small.rgba[..., 3].astype(int) - drawn.rgba[..., 3]).mean() < 2.0
    assert small_views(small) is small


def test_the_record_holds_the_views_as_they_were_trained_on(
    bent: PosedViews, deformations: Float32[np.ndarray, "N 2 Y X"]
) -> None:
    store = MemoryStore()
    given = ViewSet(
        component=None,
        views=tuple(
            View(image=codecs.put_image(store, rgba), camera=camera)
            for rgba, camera in zip(bent.rgba, bent.cameras, strict=True)
        ),
        method="test",
    )
    quick = {"preset": "preview", "device": "cpu"}
    plain = open_backend("reconstruct", "nerfstudio", quick)
    kept = reconstruct_part(given, backend=plain, store=store, seed=0)
    assert [view.image for view in kept.views.views] == [view.image for view in given.views]

    class Bends:
        """The untrained shape, as if its views had been bent."""

        VERSION = "test"

        def open(self) -> None:
            """Nothing to load."""

        def train(self, views: PosedViews, seed: int) -> TrainedField:
            field = plain.train(views, seed)
            return TrainedField(
                field.grid, field.train_psnr_db, field.confidence, left_out=(1,),
                deformations=deformations,
            )  # fmt: skip

    made = reconstruct_part(given, backend=Bends(), store=store, seed=0)
    posed = codecs.get_views(store, made.views)
    np.testing.assert_array_equal(posed.rgba, bent.bent(deformations).without((1,)).rgba)
    assert posed.cameras == bent.without((1,)).cameras


def test_views_that_would_not_agree_better_stay_as_they_are(
    bent: PosedViews, views_of: ViewsOf
) -> None:
    other = trained(views_of(trimesh.creation.icosphere(3, 0.9), 160))
    assert register_views(bent, SLACK_PX, lambda views: other) is None


def test_what_small_views_do_not_hold_stays_as_it_is(views_of: ViewsOf) -> None:
    rod = views_of(trimesh.creation.cylinder(0.01, 1.6), 160)
    rgba = rod.rgba.copy()
    rgba[::2] = np.roll(rgba[::2], 6, axis=2)
    assert register_views(PosedViews(rgba, rod.cameras), SLACK_PX, trained) is None
