"""Isolated parts that cannot be used are refused."""

import numpy as np
import pytest

from mmpart_core.errors import StageError
from mmpart_core.isolate.checks import check_isolation
from mmpart_core.isolate.protocol import Isolation


def isolation(visible: np.ndarray, imagined: np.ndarray | None = None) -> Isolation:
    imagined = np.zeros_like(visible) if imagined is None else imagined
    rgba = np.zeros((*visible.shape, 4), np.uint8)
    rgba[visible | imagined] = 255
    return Isolation(rgba=rgba, visible=visible, imagined=imagined)


def square(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros((100, 100), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def test_a_part_passes_visible_or_imagined_or_cut_off_by_the_photograph() -> None:
    check_isolation(isolation(square(20, 60, 20, 60)), "hat")
    check_isolation(isolation(square(0, 0, 0, 0), square(20, 60, 20, 60)), "hat")
    check_isolation(isolation(square(50, 100, 20, 80)), "hat")


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (isolation(square(0, 2, 0, 2)), r"part 'hat': foreground covers 4 px.*12 px expected"),
        (isolation(square(0, 0, 0, 0)), "covers 0 px"),
        (isolation(square(0, 100, 0, 100)), "background was not removed"),
        (isolation(square(20, 60, 20, 60), square(60, 100, 20, 60)), "cut off"),
        (
            Isolation(
                rgba=np.full((100, 100, 4), 255, np.uint8) * square(0, 50, 0, 50)[..., None],
                visible=square(50, 100, 50, 100),
                imagined=square(0, 0, 0, 0),
            ),
            "overlap its opaque pixels by 0 %",
        ),
    ],
)
def test_faults_are_named(drawn: Isolation, message: str) -> None:
    with pytest.raises(StageError, match=message):
        check_isolation(drawn, "hat")


def test_masks_of_another_size_are_named() -> None:
    drawn = isolation(square(20, 60, 20, 60))
    object.__setattr__(drawn, "visible", np.ones((50, 100), dtype=bool))  # past the type guard
    with pytest.raises(StageError, match="got visible 100x50 px"):
        check_isolation(drawn, "hat")
