"""Colours baked from views that differ in exposure, that shine, or that are wrong."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh import bake, blend, exposure, view_look
from tests.mmpart_core.mesh.conftest import Known, known_shape, rainbow, sphere

# Geometric mean 1 in each channel.
GAINS = np.exp(
    np.array(
        [
            [0.20, 0.15, 0.10],
            [-0.25, -0.20, -0.15],
            [0.10, 0.00, -0.10],
            [-0.10, 0.05, 0.20],
            [0.15, 0.10, 0.00],
            [-0.10, -0.10, -0.05],
        ]
    )
)


@pytest.fixture(scope="module")
def ball() -> Known:
    """Mid colours, so that no gain drives them to black or white; the field's colour is grey."""
    known = known_shape(sphere, lambda points: 0.25 + 0.35 * rainbow(points), size=40, fine=90)
    grey = np.full_like(known.field.rgb, 0.45)
    return Known(
        FieldGrid(known.field.sdf, grey, known.field.origin, known.field.spacing),
        known.views,
        known.truth,
    )


def exposed(views: PosedViews, gains: np.ndarray) -> PosedViews:
    rgb = np.clip(views.rgba[..., :3] * gains[:, None, None], 0, 255)
    rgba = np.concatenate([np.rint(rgb).astype(np.uint8), views.rgba[..., 3:]], axis=-1)
    return PosedViews(rgba, views.cameras)


def shining(views: PosedViews, view: int) -> PosedViews:
    """A white spot on what one view sees, a fifth of the ball's width across."""
    rgba = views.rgba.copy()
    rows, columns = np.mgrid[: rgba.shape[1], : rgba.shape[2]]
    spot = np.hypot(rows - 90, columns - 112) < 0.1 * np.ptp(np.nonzero(rgba[view, ..., 3])[1])
    rgba[view, spot, :3] = 250
    return PosedViews(rgba, views.cameras)


def baked_errors(known: Known, views: PosedViews) -> np.ndarray:
    """Distance of each seen vertex' colour from the truth, 0..255, largest channel."""
    truth = known.truth.meshes[0]
    mesh, _ = bake.color_vertices(truth.vertices, truth.faces, known.field, views)
    assert isinstance(mesh, TriangleMesh)
    # The poles, which no view sees well, are left out.
    band = np.abs(truth.vertices[:, 2]) < 0.5
    return np.abs(mesh.colors[band, :3].astype(float) - truth.colors[band, :3]).max(axis=1)


@pytest.fixture
def without_gains(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def switch_off() -> None:
        monkeypatch.setattr(blend, "view_gains", lambda weights, _: np.ones((len(weights), 3)))

    return switch_off


def test_equal_views_have_no_gains(ball: Known) -> None:
    errors = baked_errors(ball, ball.views)
    assert errors.mean() < 1.5
    assert np.percentile(errors, 99) < 8.0


def test_views_of_different_exposure_and_a_highlight(
    ball: Known, without_gains: Callable[[], None]
) -> None:
    """The colour is that of the common exposure, without a seam and without the highlight."""
    views = shining(exposed(ball.views, GAINS), 2)
    errors = baked_errors(ball, views)
    without_gains()
    plain = baked_errors(ball, views)
    assert errors.mean() < 2.0
    assert np.percentile(errors, 99) < 10.0
    assert plain.mean() > 5 * errors.mean()


def test_gains_of_points_are_found_and_wrong_views_ignored() -> None:
    """One view is upside down: it shares no factor with any other and gets none."""
    random = np.random.default_rng(0)
    colors = random.uniform(0.2, 0.6, size=(1, 4000, 3)).repeat(6, axis=0)
    weights = np.where(random.uniform(size=(6, 4000)) < 0.5, random.uniform(size=(6, 4000)), 0.0)
    seen = np.clip(colors * GAINS[:, None], 0.0, 1.0)
    seen[:, :400] = 1.0  # a highlight in all
    np.testing.assert_allclose(exposure.view_gains(weights, seen), GAINS, rtol=0.02)
    seen[3] = 1.0 - seen[3, ::-1]
    gains = exposure.view_gains(weights, seen)
    others = [0, 1, 2, 4, 5]
    np.testing.assert_allclose(gains[3], 1.0)
    ratio = gains[others] / GAINS[others]
    np.testing.assert_allclose(ratio, ratio[:1].repeat(5, axis=0), rtol=0.02)


def test_a_highlight_loses_a_tie(ball: Known) -> None:
    """Where two views contradict each other, white is light and not paint."""
    errors = baked_errors(ball, shining(ball.views, 2))
    assert np.mean(errors > 30) < 0.008  # 0.012 where white has a whole vote


def test_points_a_few_at_a_time_have_the_same_colours(
    ball: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = baked_errors(ball, ball.views)
    monkeypatch.setattr(blend, "_AT_ONCE", 6 * 501)
    np.testing.assert_array_equal(baked_errors(ball, ball.views), whole)


def test_memory_does_not_grow_with_points_times_views(
    ball: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at once, 30 000 points in twelve views take 38 MB; a few at a time, 8."""
    monkeypatch.setattr(blend, "_AT_ONCE", 1 << 16)
    monkeypatch.setattr(blend, "_COMPARED", 3000)
    views = PosedViews(np.tile(ball.views.rgba, (2, 1, 1, 1)), ball.views.cameras * 2)
    truth = ball.truth.meshes[0]
    normals = truth.vertices / np.linalg.norm(truth.vertices, axis=1, keepdims=True)
    some = np.arange(30_000) % len(normals)
    tracemalloc.start()
    try:
        colors, _ = blend.blend_views(
            truth.vertices[some], normals[some], ball.truth, ball.field, views
        )
        peak_mb = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    assert len(colors) == len(some)
    assert peak_mb < 20.0


def test_pictures_are_sampled_between_their_pixels(ball: Known) -> None:
    """As scipy does it on premultiplied floats; beyond the outer pixels' centres there is none."""
    camera, rgba = ball.views.cameras[1], ball.views.rgba[1]
    look = view_look.ViewLook.of(ball.truth, camera, rgba, ball.field.spacing)
    place = np.random.default_rng(0).uniform(-3.0, 203.0, size=(4000, 2))
    sure, color = look._sample(place)
    alpha = rgba[..., 3].astype(np.float64) / 255.0
    maps = [*(rgba[..., c] / 255.0 * alpha for c in range(3)), alpha, look.sure / 255.0]
    expected = [map_coordinates(each, place[:, ::-1].T - 0.5, order=1) for each in maps]
    np.testing.assert_allclose(sure, expected[4], atol=1e-5)
    covered = expected[3] > 0.5
    straight = np.stack(expected[:3], axis=1)[covered] / expected[3][covered, None]
    np.testing.assert_allclose(color[covered], straight, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 30])
def test_too_little_in_common_is_no_evidence(count: int) -> None:
    colors = np.linspace(0.2, 0.6, max(2 * count * 3, 6))[: 2 * count * 3].reshape(2, count, 3)
    np.testing.assert_array_equal(exposure.view_gains(np.ones((2, count)), colors), np.ones((2, 3)))
