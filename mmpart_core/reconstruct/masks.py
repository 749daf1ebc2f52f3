"""Which masks can be reconstructed from."""

import numpy as np

from mmpart_core.errors import BackendError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.images.silhouette import FOREGROUND

# Shares of a view, set by hand. A sheet seen edge-on is thin, not absent: one view may show little,
# as long as another shows more. Above the last a view shows no outline.
MIN_COVERAGE = 0.0005
MIN_BEST_COVERAGE = 0.01
MAX_COVERAGE = 0.98
# A part fills the unit sphere, whose outline overflows the 30 degree frame of Zero123++ by design:
# by 1 / sqrt(1 - tan(15 degrees)^2) = 1.038, so a ball touches 28 % of each edge and loses little.
# What touches more of an edge does not lie in the unit sphere: it is really cut.
_CUT_SHARE = 0.3


def check_masks(views: PosedViews) -> tuple[str, ...]:
    """Refuse views that hold nothing to reconstruct.

    Args:
        views: alpha is the foreground.

    Returns:
        Warnings: views whose part runs out of the frame.

    Raises:
        BackendError: fewer cameras than images or the other way round, fewer than two views, a
            view whose foreground covers less than 0.05 % of its frame, no view where it covers 1 %,
            or one that has no background.
    """
    count = len(views.rgba)
    if count != len(views.cameras) or count < 2:
        raise BackendError(
            f"reconstruct: expected at least two views, each with a camera, got {count} images and "
            f"{len(views.cameras)} cameras; regenerate the views"
        )
    foreground = views.rgba[..., 3] >= FOREGROUND
    coverage = foreground.reshape(count, -1).mean(axis=1)
    empty = _listed(coverage, coverage < MIN_COVERAGE)
    if empty:
        raise BackendError(
            f"reconstruct: foreground covers less than {MIN_COVERAGE:.2%} of {empty}; every view "
            "must show the part: regenerate the views, or check the part's isolated image"
        )
    if coverage.max() < MIN_BEST_COVERAGE:
        raise BackendError(
            f"reconstruct: foreground covers at most {coverage.max():.2%} of a view, at least "
            f"{MIN_BEST_COVERAGE:.0%} of some view expected; regenerate the views so that the part "
            "fills the frame"
        )
    full = _listed(coverage, coverage > MAX_COVERAGE)
    if full:
        raise BackendError(
            f"reconstruct: foreground covers more than {MAX_COVERAGE:.0%} of {full}, which leaves "
            "no outline; expected views with a transparent background: check the view back-end's "
            "background removal"
        )
    return _cut_views(foreground)


def _cut_views(foreground: np.ndarray) -> tuple[str, ...]:
    """A warning that names the views whose foreground is cut by the frame."""
    edges = [foreground[:, 0], foreground[:, -1], foreground[:, :, 0], foreground[:, :, -1]]
    cut = np.flatnonzero(np.any([edge.mean(axis=1) > _CUT_SHARE for edge in edges], axis=0))
    if len(cut) == 0:
        return ()
    names = ", ".join(str(index) for index in cut)
    return (
        f"the part is cut by the frame in view {names}, farther than a part in the unit sphere is; "
        "its shape there is a guess: isolate it with more room around it",
    )


def _listed(coverage: np.ndarray, chosen: np.ndarray) -> str:
    """``view 0 (0.2 %), view 3 (0.0 %)`` for the chosen views, or an empty string."""
    return ", ".join(
        f"view {index} ({coverage[index] * 100.0:.1f} %)" for index in np.flatnonzero(chosen)
    )
