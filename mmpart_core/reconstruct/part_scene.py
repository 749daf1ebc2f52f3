"""What training knows of a part before it starts: its hull, two grids and the first shape."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.carving import keep_carved
from mmpart_core.reconstruct.convex_body import ConvexBody
from mmpart_core.reconstruct.density_field import DensityField, train_density
from mmpart_core.reconstruct.disputed import cut_disputed, keep_disputed
from mmpart_core.reconstruct.edge_on import show_edge_on
from mmpart_core.reconstruct.facets import find_facets
from mmpart_core.reconstruct.first_shape import FirstShape
from mmpart_core.reconstruct.free_space import fuse_depths
from mmpart_core.reconstruct.frontier import supported_body
from mmpart_core.reconstruct.hull import GridSpec, VisualHull, fit_grid
from mmpart_core.reconstruct.masks import check_masks
from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.ray_cache import RayCache, build_ray_cache
from mmpart_core.reconstruct.recesses import Recess, cut_recesses, find_recesses
from mmpart_core.reconstruct.sight_lines import sight_lines
from mmpart_core.reconstruct.view_agreement import wrong_view

# Times the first sharpness, for the thinnest: at 200 a sheet of .08 keeps its thickness, at 50 it
# swells to three times that.
_SHARPEST = 4.0
# The first shape is that of masks this much less wide than those that bound the part: room for
# views that disagree is no part of what they agree on.
_ROOM_PX = 1.5
# Corners along the longest side of the grids of densities, of what they leave free, and of facets.
_DENSITY_CORNERS, _FREE_CORNERS, _FACET_CORNERS = 56, 80, 64
# Training may fill recesses by this much, object units: a wall may stand a little further in.
_ROOM = 0.01


@dataclass(frozen=True)
class PartScene:
    """Everything that follows from the views alone.

    Attributes:
        views: the posed images that agree, part frame.
        left_out: indices, among the given views, of those that contradict the others.
        hull: the visual hull of their masks.
        body: the convex body that the outlines ask for; none where training starts from the hull.
        coarse_spec: the first grid.
        coarse_limit: as ``limit``, on it.
        first: the shape on it from which training starts.
        fine_spec: the second grid.
        limit: the hull on it, less recesses, which the part may not leave.
        rays: the useful rays of the views.
        fine_first: the first shape on the second grid.
        agreeing: densities found that the views agree.
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
    rays: RayCache
    fine_first: Float[Tensor, "X Y Z"]
    agreeing: bool
    warnings: tuple[str, ...]

    @property
    def kept(self) -> tuple[int, ...]:
        """Indices, among the given views, of those in ``views``."""
        count = len(self.views.cameras) + len(self.left_out)
        return tuple(index for index in range(count) if index not in self.left_out)

    def after_carving(
        self, carved: Float[Tensor, "X Y Z"], threshold: float
    ) -> Float[Tensor, "X Y Z"]:
        """The shape that refinement begins with; see ``keep_carved`` and ``keep_disputed``.

        Args:
            carved: distances on the fine grid after carving.
            threshold: what moved by less goes back to the first shape, object units; 0 keeps all.
        """
        first = self.fine_first
        kept = keep_carved(first, carved, threshold)
        if not self.agreeing or threshold <= 0.0:
            return kept
        return keep_disputed(self.views, self.fine_spec, first, kept, threshold)

    def rays_of(self, others: PosedViews) -> RayCache:
        """The useful rays of other views of the same part."""
        hull = VisualHull(others, self.hull.slack_px)
        return build_ray_cache(others, hull, self.fine_spec, self.limit)


def prepare_scene(
    views: PosedViews,
    *,
    slack_px: float,
    margin: float,
    resolutions: tuple[int, int],
    convex_start: bool,
    trained: bool = True,
    density_steps: int = 0,
    facets: bool = False,
    hollow: float = 0.0,
    recesses: bool = False,
    seed: int = 0,
) -> PartScene:
    """Set up a part.

    Args:
        views: posed views in the part's frame; alpha is the foreground.
        slack_px: by how many pixels masks are widened.
        margin: room around the hull, object units.
        resolutions: corners along the longest side of the coarse and the fine grid; the coarse one
            never has more than the fine one.
        convex_start: start from the hull cut by ``supported_body`` instead of the whole hull.
        trained: rays of all pixels are set up, not only those for evaluation.
        density_steps: batches of the density field that finds hollows; none is looked for with 0.
        facets: cut off what stands in front of flat faces without need, where densities find that
            views agree.
        hollow: hollows less deep than this are left to training, object units; more where views
            disagree.
        recesses: cut out hollows behind flat openings, where densities find that views agree.
        seed: of the density field's random numbers.

    Raises:
        BackendError: masks that nothing can be made from.
    """
    warnings = check_masks(views)
    views, _, edge_on = show_edge_on(views, slack_px)
    views, left_out, notes = _agreeing(views, slack_px)
    hull = VisualHull(views, slack_px)
    fine_spec, limit = fit_grid(hull, resolutions[1], margin)
    lines = sight_lines(views) if convex_start else None
    body = supported_body(views, lines) if lines is not None else None
    coarse_spec, coarse_limit = fit_grid(hull, min(resolutions), margin)
    rays = build_ray_cache(views, hull, fine_spec, limit, only_on_stride=not trained)
    start, agreeing = FirstShape(_tight(hull, views), body, None, hollow), False
    if density_steps > 0:
        density = _density(hull, body, rays, margin, density_steps, seed)
        agreeing = density.doubt <= 1.0
        if facets and lines is not None and agreeing:
            spec, around = fit_grid(hull, _FACET_CORNERS, margin)
            found = find_facets(views, lines, spec, start.on(spec, around))
            start = replace(start, facets=found)
        grid = fit_grid(hull, _FREE_CORNERS, margin)
        start = _hollowed(start, density, rays, views, grid, recesses)
    coarse_first, first = start.on(coarse_spec, coarse_limit), start.on(fine_spec, limit)
    coarse_limit = _without(start.recesses, coarse_spec, coarse_limit)
    limit = _without(start.recesses, fine_spec, limit)
    return PartScene(
        views, left_out, hull, body, coarse_spec, coarse_limit, coarse_first, fine_spec, limit,
        rays, first, agreeing, warnings + edge_on + notes,
    )  # fmt: skip


def _hollowed(
    start: FirstShape,
    density: DensityField,
    rays: RayCache,
    views: PosedViews,
    grid: tuple[GridSpec, Float[Tensor, "X Y Z"]],
    recesses: bool,
) -> FirstShape:
    """A first shape, cut by what the views look into; by recesses only where they agree."""
    spec, around = grid
    free, doubt = fuse_depths(density, rays, views, spec, around), density.doubt
    cut = replace(start, free=free, hollow=start.hollow * doubt)
    if doubt > 1.0:
        return cut
    cut, found = cut_disputed(start, cut, views, grid), list[Recess]()
    if recesses:
        faces = [facet.plane for facet in start.facets]
        found = find_recesses(views, spec, start.on(spec, around), start.hollow, faces)
    return replace(cut, recesses=found)


def _without(
    recesses: Sequence[Recess], spec: GridSpec, limit: Float[Tensor, "X Y Z"]
) -> Float[Tensor, "X Y Z"]:
    """A limit, less recesses: training would fill them, as nothing in plain colours holds it."""
    if not recesses:
        return limit
    return cut_recesses(recesses, spec.positions(), limit.reshape(-1), _ROOM).view(limit.shape)


def scene_of(views: PosedViews, options: TrainingOptions, seed: int) -> PartScene:
    """``prepare_scene`` as a training's options have it."""
    return prepare_scene(
        views,
        slack_px=options.slack_px,
        margin=options.margin,
        resolutions=options.resolutions,
        convex_start=options.convex_start,
        trained=options.steps > 0 or options.density_steps > 0,
        density_steps=options.density_steps,
        hollow=options.hollow,
        facets=options.facets,
        recesses=options.recesses,
        seed=seed,
    )


def _agreeing(
    views: PosedViews, slack_px: float
) -> tuple[PosedViews, tuple[int, ...], tuple[str, ...]]:
    """Views without the one that contradicts all others, its index, and a word on it."""
    wrong = wrong_view(views, slack_px)
    if wrong is None:
        return views, (), ()
    return views.without((wrong,)), (wrong,), (
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


def _density(
    hull: VisualHull, body: ConvexBody | None, rays: RayCache, margin: float, steps: int, seed: int
) -> DensityField:
    """The field that finds hollows."""
    spec, limit = fit_grid(hull, _DENSITY_CORNERS, margin)
    return train_density(rays, spec, limit, body, steps=steps, seed=seed)
