"""Views that must be refused, each for its own reason."""

import numpy as np
import pytest

from mmpart_core.errors import StageError
from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.multiview.checks import check_views

SIZE = 64


def views(count: int = 6, size: int = SIZE) -> PosedViews:
    rgba = np.zeros((count, size, size, 4), dtype=np.uint8)
    rgba[:, 20:44, 20:44] = (200, 100, 50, 255)
    poses = cameras.zero123plus_cameras("v1.2", SIZE)
    return PosedViews(rgba, tuple(poses[index % 6] for index in range(count)))


def test_good_views_pass() -> None:
    check_views(views(), "hat")
    thin = views()
    thin.rgba[2, :, :, 3] = 0
    thin.rgba[2, 20:44, 32, 3] = 255  # a sheet seen edge-on
    check_views(thin, None)


def test_too_few_or_empty_views_are_refused() -> None:
    with pytest.raises(StageError, match=r"'hat'.*at least two views"):
        check_views(views(1), "hat")
    with pytest.raises(StageError, match="at least two views"):
        check_views(views(6, 0), "hat")


def test_cameras_must_match_views() -> None:
    good = views()
    with pytest.raises(StageError, match="5 cameras for 6 views"):
        check_views(PosedViews(good.rgba, good.cameras[:5]), "hat")
    with pytest.raises(StageError, match="32x32 px but its camera 64x64"):
        check_views(PosedViews(good.rgba[:, :32, :32], good.cameras), "hat")


def test_a_view_without_foreground_is_refused() -> None:
    empty = views()
    empty.rgba[3, ..., 3] = 20
    with pytest.raises(StageError, match=r"whole object: view 3 shows 0\.000% foreground"):
        check_views(empty, None)


def test_a_view_that_runs_out_of_its_frame_is_refused() -> None:
    full = views()
    full.rgba[1] = 255
    with pytest.raises(StageError, match=r"'hat': in view 1 .* border"):
        check_views(full, "hat")
