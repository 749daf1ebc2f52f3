"""The framed square."""

import numpy as np
import pytest

from mmpart_core.errors import StageError
from mmpart_core.images.framing import cut_out, framed_square


def test_square_is_centred_on_the_bounding_box_and_may_leave_the_image() -> None:
    mask = np.zeros((50, 30), dtype=bool)
    mask[0:50, 10:12] = True
    square = framed_square(mask, margin=1.1)
    assert square.center_px == (11.0, 25.0)
    assert square.side_px == pytest.approx(55.0)


def test_empty_mask_is_refused() -> None:
    with pytest.raises(StageError, match="is empty"):
        framed_square(np.zeros((4, 5), dtype=bool))


def test_cut_out_clears_an_opaque_background_and_keeps_less_alpha_and_colours() -> None:
    rgba = np.full((40, 40, 4), 255, dtype=np.uint8)
    rgba[..., :3] = 90
    rgba[18:22, 18:22, 3] = 60
    mask = np.zeros((40, 40), dtype=bool)
    mask[10:30, 10:30] = True
    cut = cut_out(rgba, mask)
    assert not cut[:7, :, 3].any()
    assert not cut[:, 33:, 3].any()
    assert (cut[13:17, 13:27, 3] == 255).all()
    assert (cut[18:22, 18:22, 3] == 60).all()
    assert ((cut[..., 3] >= 128) == (mask & (rgba[..., 3] >= 128))).all()
    assert (cut[..., :3] == rgba[..., :3]).all()
    assert (rgba[0, 0] == [90, 90, 90, 255]).all()
