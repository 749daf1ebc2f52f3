"""What training knows of a part before it starts: its hull, two grids and the first shape."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.band import ROOM
from mmpart_core.reconstruct.frontier import ConvexBody, supported_body
from mmpart_core.reconstruct.hull import GridSpec, VisualHull, fit_grid
from mmpart_core.reconstruct.masks import check_masks
from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.ray_cache import RayCache, build_ray_cache
from mmpart_core.reconstruct.view_agreement import wrong_view

# Times the first sharpness, for the thinnest: at 200 a sheet of .08 keeps its thickness, at 50 it
# swells to three times that.
_SHARPEST = 4.0
# The first shape is that of masks this much less wide than those that bound the part: room for
# views that disagree is no part of what they agree on.
_ROOM_PX = 1.5


@dataclass(frozen=True)
class PartScene:
    """Everything that follows from the views alone.

    Attributes:
        views: the posed images that agree, part frame.
        left_out: indices, among the given views, of those that contradict the others.
        hull: the visual hull of their masks.
        body: the convex body that the outlines ask for; none where training starts from the hull.
        coarse_spec: the first grid.
        coarse_limit: the visual hull on it.
        first: the shape on it from which training starts.
        fine_spec: the second grid.
        limit: the hull on it, which the part may not leave.
        warnings: what the user should know about the masks.
    """

    views: PosedViews
    left_out: tuple[int, ...]
    hull: VisualHull
    body: ConvexBody | None
    coarse_spec: GridSpec
    coarse_limit: Float[Tensor, "A B C"]
    first: Float[Tensor, "A B C"]
    fine_spec: GridSpec
    limit: Float[Tensor, "X Y Z"]
    warnings: tuple[str, ...]

    @property
    def kept(self) -> tuple[int, ...]:
        """Indices, among the given views, of those in ``views``."""
        count = len(self.views.cameras) + len(self.left_out)
        return tuple(index for index in range(count) if index not in self.left_out)

    def rays(self) -> RayCache:
        """The useful rays of the views; takes seconds."""
        return build_ray_cache(self.views, self.hull, self.fine_spec, self.limit)

    def rays_of(self, others: PosedViews) -> RayCache:
        """The useful rays of other views of the same part."""
        hull = VisualHull(others, self.hull.slack_px)
        return build_ray_cache(others, hull, self.fine_spec, self.limit)

    def fine_first(self) -> Float[Tensor, "X Y Z"]:
        """The first shape on the second grid."""
        return _first_shape(self.fine_spec, self.limit, _tight(self.hull, self.views), self.body)


def prepare_scene(
    views: PosedViews,
    *,
    slack_px: float,
    margin: float,
    resolutions: tuple[int, int],
    convex_start: bool,
) -> PartScene:
    """Set up a part.

    Args:
        views: posed views in the part's frame; alpha is the foreground.
        slack_px: by how many pixels masks are widened.
        margin: room around the hull, object units.
        resolutions: corners along the longest side of the coarse and the fine grid; the coarse one
            never has more than the fine one.
        convex_start: start from the hull cut by ``supported_body`` instead of the whole hull.

    Raises:
        BackendError: masks that nothing can be made from.
    """
    warnings = check_masks(views)
    views, left_out, notes = _agreeing(views, slack_px)
    hull = VisualHull(views, slack_px)
    fine_spec, limit = fit_grid(hull, resolutions[1], margin)
    body = supported_body(views) if convex_start else None
    coarse_spec, coarse_limit = fit_grid(hull, min(resolutions), margin)
    first = _first_shape(coarse_spec, coarse_limit, _tight(hull, views), body)
    return PartScene(
        views, left_out, hull, body, coarse_spec, coarse_limit, first, fine_spec, limit,
        warnings + notes,
    )  # fmt: skip


def scene_of(views: PosedViews, options: TrainingOptions) -> PartScene:
    """``prepare_scene`` as a training's options have it."""
    return prepare_scene(
        views,
        slack_px=options.slack_px,
        margin=options.margin,
        resolutions=options.resolutions,
        convex_start=options.convex_start,
    )


def _agreeing(
    views: PosedViews, slack_px: float
) -> tuple[PosedViews, tuple[int, ...], tuple[str, ...]]:
    """Views without the one that contradicts all others, its index, and a word on it."""
    wrong = wrong_view(views, slack_px)
    if wrong is None:
        return views, (), ()
    kept = [index for index in range(len(views.cameras)) if index != wrong]
    agreeing = PosedViews(views.rgba[kept], tuple(views.cameras[index] for index in kept))
    return agreeing, (wrong,), (
        f"view {wrong} contradicts the others: its mask cuts away what they have in common; it is "
        "left out, of the texture too. If the part is wrong, make other views (multiview.kind; "
        "another --seed where it draws at random)",
    )  # fmt: skip


def sharpness_for(
    first: Float[Tensor, "X Y Z"], sharpness: tuple[float, float], thin_widths: float
) -> tuple[float, float]:
    """Inverse surface widths at the first and the last step, higher for a thin part.

    NeuS opacities spread over a few widths to both sides of a surface: where two surfaces are that
    near, their opacities add up before either is reached, and training pushes them apart.

    Args:
        first: distances of the shape that training starts from, negative inside; part units.
        sharpness: of a part that is not thin.
        thin_widths: how many widths of the first sharpness a part is to be thick.
    """
    thickness = max(-2.0 * float(first.min()), 1e-6)
    wanted = thin_widths / (sharpness[0] * thickness)
    factor = min(max(wanted, 1.0), _SHARPEST)
    return sharpness[0] * factor, sharpness[1] * factor**0.5


def _tight(hull: VisualHull, views: PosedViews) -> VisualHull:
    """The hull without the room that it leaves the part."""
    return VisualHull(views, max(hull.slack_px - _ROOM_PX, 0.0))


def _first_shape(
    spec: GridSpec, limit: Float[Tensor, "X Y Z"], hull: VisualHull, body: ConvexBody | None
) -> Float[Tensor, "X Y Z"]:
    """The visual hull on a grid, cut by the convex body that the outlines ask for.

    Where the two have nothing in common on this grid the hull stays whole; where that is lost
    between the corners too, its limit does.
    """
    near = torch.nonzero(limit.reshape(-1) < ROOM * spec.spacing)[:, 0]
    points = spec.positions()[near]
    tight = hull.sdf(points)
    choices = [tight] if body is None else [torch.maximum(tight, body.sdf(points)), tight]
    for choice in choices:
        if bool((choice < 0).any()):
            return limit.reshape(-1).index_copy(0, near, choice).view(limit.shape)
    return limit
