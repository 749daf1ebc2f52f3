"""The framed square."""

import numpy as np
import pytest

from mmpart_core.errors import StageError
from mmpart_core.images.framing import framed_square


def test_square_is_centred_on_the_bounding_box_and_may_leave_the_image() -> None:
    mask = np.zeros((50, 30), dtype=bool)
    mask[0:50, 10:12] = True
    square = framed_square(mask, margin=1.1)
    assert square.center_px == (11.0, 25.0)
    assert square.side_px == pytest.approx(55.0)


def test_empty_mask_is_refused() -> None:
    with pytest.raises(StageError, match="is empty"):
        framed_square(np.zeros((4, 5), dtype=bool))
