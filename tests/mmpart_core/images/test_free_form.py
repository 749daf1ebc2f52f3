"""A picture bent smoothly until it lies on another."""

import cv2
import numpy as np
import pytest
from jaxtyping import Float32

from mmpart_core.images import free_form

SIDE = 160


def textured(seed: int) -> Float32[np.ndarray, "H W C"]:
    """A smooth random picture."""
    noise = np.random.default_rng(seed).random((SIDE, SIDE, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4.0)
    return ((smooth - smooth.min()) / (smooth.max() - smooth.min())).astype(np.float32)


@pytest.fixture
def lattice() -> Float32[np.ndarray, "2 Y X"]:
    """A deformation of up to some two pixels."""
    rough = np.random.default_rng(1).normal(size=(11, 11, 2)).astype(np.float32)
    return (0.03 * cv2.GaussianBlur(rough, (0, 0), 1.5)).transpose(2, 0, 1).astype(np.float32)


def moved_by(
    picture: Float32[np.ndarray, "H W C"], lattice: Float32[np.ndarray, "2 Y X"]
) -> Float32[np.ndarray, "H W C"]:
    """The picture as its deformation shows it."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    by = free_form.displacements(lattice, (SIDE, SIDE))
    return cv2.remap(picture, columns + by[0], rows + by[1], cv2.INTER_CUBIC)


def test_a_known_deformation_is_found(lattice: Float32[np.ndarray, "2 Y X"]) -> None:
    picture = textured(0)
    wanted = free_form.displacements(lattice, (SIDE, SIDE))
    assert np.abs(wanted).max() > 1.0
    found = free_form.register(picture, moved_by(picture, lattice))
    inner = (slice(None), slice(15, -15), slice(15, -15))
    wanted = wanted[inner]
    error = free_form.displacements(found, (SIDE, SIDE))[inner] - wanted
    assert np.abs(error).mean() < 0.1
    assert np.abs(error).mean() < 0.2 * np.abs(wanted).mean()


def test_equal_pictures_stay_where_they_are() -> None:
    picture = textured(0)
    assert np.abs(free_form.register(picture, picture)).max() == 0.0


def test_what_one_picture_alone_shows_bends_nothing_elsewhere() -> None:
    fixed = textured(0)
    moving = fixed.copy()
    moving[60:100, 60:100] = (1.0, 0.0, 0.0)
    by = free_form.displacements(free_form.register(moving, fixed), (SIDE, SIDE))
    elsewhere = np.ones((SIDE, SIDE), bool)
    elsewhere[40:120, 40:120] = False
    assert np.abs(by[:, elsewhere]).mean() < 0.1


def test_pictures_that_are_not_square() -> None:
    picture = np.ascontiguousarray(textured(0)[:100])
    moved = np.ascontiguousarray(np.roll(picture, 2, axis=1))
    by = free_form.displacements(free_form.register(picture, moved), (100, SIDE))
    assert by.shape == (2, 100, SIDE)
    inner = by[:, 15:85, 15:-15]
    np.testing.assert_allclose(inner.mean(axis=(1, 2)), (-2.0, 0.0), atol=0.1)


def test_a_deformation_holds_at_any_size(lattice: Float32[np.ndarray, "2 Y X"]) -> None:
    small = free_form.displacements(lattice, (SIDE, SIDE))
    large = free_form.displacements(lattice, (2 * SIDE, 2 * SIDE))
    halves = large.reshape(2, SIDE, 2, SIDE, 2).mean(axis=(2, 4)) / 2.0
    np.testing.assert_allclose(halves, small, atol=1e-3)


def test_colours_of_a_bent_cut_out_do_not_darken(lattice: Float32[np.ndarray, "2 Y X"]) -> None:
    rgba = np.zeros((SIDE, SIDE, 4), np.uint8)
    rgba[50:110, 50:110] = (200, 100, 50, 255)
    bent = free_form.bent(rgba, lattice)
    assert not np.array_equal(bent[..., 3], rgba[..., 3])
    covered = bent[..., 3] > 8
    assert np.abs(bent[covered][:, :3].astype(int) - (200, 100, 50)).max() <= 16


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (100, SIDE), (SIDE, 90)])
def test_growth_is_measured_and_taken_away(shape: tuple[int, int]) -> None:
    rows, columns = (int(np.ceil(8 * side / SIDE)) + 3 for side in shape)
    still = np.zeros((2, rows, columns), np.float32)
    grown = free_form.without_growth(still, np.array([-0.02, 0.01]), shape)
    by = free_form.displacements(grown, shape)
    middle = np.array(shape[::-1]) / 2.0
    places = np.indices(shape)[::-1] + 0.5
    wanted = np.array([0.02, -0.01])[:, None, None] * (places - middle[:, None, None])
    np.testing.assert_allclose(by, wanted, atol=1e-4)
    mask = np.zeros(shape, bool)
    mask[20:60, 10:70] = True
    np.testing.assert_allclose(free_form.growth(grown, mask), (0.02, -0.01), atol=1e-5)


@pytest.mark.parametrize("full", [(301, 400), (1024, 1365), (1201, 1920)])
def test_a_lattice_of_a_small_picture_holds_for_one_of_rounded_size(full: tuple[int, int]) -> None:
    factor = SIDE / max(full)
    small = (round(full[0] * factor), SIDE)
    cells = int(np.ceil(8 * small[0] / SIDE))
    lattice = np.full((2, cells + 3, 11), 0.01, np.float32)
    by = free_form.displacements(lattice, full)
    assert by.shape == (2, *full)
    np.testing.assert_allclose(by, 0.01 * max(full), rtol=0.01)
