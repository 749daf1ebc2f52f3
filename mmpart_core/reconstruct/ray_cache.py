"""All rays worth training on, with the stretch of each that may hold something."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import GridSpec, VisualHull

# Steps of a ray through the grid's box, whatever the grid: in the default one, of 112 corners, a
# step along its diagonal spans two cells, and what is thinner may be missed.
_MARCH_STEPS = 96
_CHUNK = 1 << 14  # rays marched at once: bounds memory, no more


@dataclass(frozen=True)
class RayCache:
    """Rays through pixels whose line of sight meets the widened hull.

    Attributes:
        origins: part frame, float32.
        directions: unit length, part frame, float32.
        nears: distance at which the hull may begin.
        fars: distance at which it has ended; greater than nears.
        rgba: sRGB colour and straight alpha in [0, 1].
        views: int64 index of each ray's view.
        on_stride: rays of every second pixel in every second row, for evaluation.
        missed: per view, share of the foreground's pixels that no ray stands for, because the
            other views' masks leave nothing there.
    """

    origins: Float[Tensor, "R 3"]
    directions: Float[Tensor, "R 3"]
    nears: Float[Tensor, "R 1"]
    fars: Float[Tensor, "R 1"]
    rgba: Float[Tensor, "R 4"]
    views: Tensor
    on_stride: Bool[Tensor, "R"]
    missed: tuple[float, ...]

    def __len__(self) -> int:
        """Number of rays."""
        return len(self.origins)

    def to(self, device: torch.device | str) -> "RayCache":
        """The same rays on another device."""
        moved = {
            each.name: getattr(self, each.name).to(device)
            for each in fields(self)
            if each.name != "missed"
        }
        return RayCache(**moved, missed=self.missed)


def build_ray_cache(
    views: PosedViews,
    hull: VisualHull,
    spec: GridSpec,
    hull_sdf: Float[Tensor, "X Y Z"],
    only_on_stride: bool = False,
) -> RayCache:
    """Set up the rays of all views.

    Only pixels within two pixels of a widened silhouette are looked at; of these, only those
    that meet an occupied cell of the hull's grid are kept.

    Args:
        views: the images.
        hull: their visual hull, with its slack.
        spec: a grid around the hull.
        hull_sdf: the hull on that grid.
        only_on_stride: none but those for evaluation.
    """
    # A corner stands for all points up to 0.87 spacings away; one and a half keeps a clear rim.
    occupied = hull_sdf < 1.5 * spec.spacing
    stride = torch.zeros(views.rgba.shape[1:3], dtype=torch.bool)
    stride[::2, ::2] = True
    parts: list[dict[str, Tensor]] = []
    missed: list[float] = []
    for index, camera in enumerate(views.cameras):
        near = hull.silhouettes[index] < hull.slack_px + 2.0
        rows, columns = torch.nonzero(near & stride if only_on_stride else near, as_tuple=True)
        origins, directions = cameras.pixel_rays(
            camera, columns.double().numpy() + 0.5, rows.double().numpy() + 0.5
        )
        rays = {
            "origins": torch.from_numpy(origins).float(),
            "directions": torch.from_numpy(directions).float(),
            "rgba": torch.from_numpy(views.rgba[index]).float()[rows, columns] / 255.0,
            "views": torch.full_like(rows, index),
            "on_stride": stride[rows, columns],
        }
        forward_only = camera.projection == "perspective"
        nears, fars = occupied_spans(
            rays["origins"], rays["directions"], spec, occupied, forward_only
        )
        rays["nears"], rays["fars"] = nears[:, None], fars[:, None]
        kept = fars > nears
        missed.append(_missed_share(rays["rgba"][:, 3], kept))
        parts.append({name: values[kept] for name, values in rays.items()})
    joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return RayCache(**joined, missed=tuple(missed))


def _missed_share(alpha: Float[Tensor, "P"], kept: Bool[Tensor, "P"]) -> float:
    """Share of foreground pixels without a ray."""
    foreground = alpha >= 0.5
    return float((foreground & ~kept).sum()) / max(int(foreground.sum()), 1)


def occupied_spans(
    origins: Float[Tensor, "P 3"],
    directions: Float[Tensor, "P 3"],
    spec: GridSpec,
    occupied: Bool[Tensor, "X Y Z"],
    forward_only: bool,
) -> tuple[Float[Tensor, "P"], Float[Tensor, "P"]]:
    """First and last distance at which each ray is in an occupied cell; 0, 0 where it never is.

    Args:
        origins: of the rays, part frame.
        directions: of the rays, per unit of distance.
        spec: the grid.
        occupied: cells, by their corner, that hold something.
        forward_only: nothing behind a ray's origin counts.
    """
    device = origins.device
    starts = torch.tensor(spec.origin, device=device)
    counts = torch.tensor(spec.shape, device=device)
    # In units of the grid: corner (i, j, k) is at (i, j, k).
    local_origins = (origins - starts) / spec.spacing
    local_directions = directions / spec.spacing
    strides = (spec.shape[1] * spec.shape[2], spec.shape[2], 1)
    fractions = (torch.arange(_MARCH_STEPS, device=device) + 0.5) / _MARCH_STEPS
    nears, fars = [], []
    for origin, direction in zip(
        local_origins.split(_CHUNK), local_directions.split(_CHUNK), strict=True
    ):
        enter, leave = box_span(origin, direction, counts - 1, forward_only)
        step = (leave - enter).clamp(min=0.0) / _MARCH_STEPS
        index = torch.zeros((len(origin), _MARCH_STEPS), dtype=torch.long, device=device)
        distance = enter[:, None] + (leave - enter).clamp(min=0.0)[:, None] * fractions
        for axis in range(3):
            along = origin[:, axis : axis + 1] + direction[:, axis : axis + 1] * distance
            cell = along.round_().long().clamp_(0, spec.shape[axis] - 1)
            index += cell * strides[axis]
        hit = occupied.reshape(-1)[index] & (leave > enter)[:, None]
        first = hit.int().argmax(dim=1)
        last = _MARCH_STEPS - 1 - hit.flip(1).int().argmax(dim=1)
        found = hit.any(dim=1)
        nears.append(torch.where(found, enter + (first - 0.5) * step, torch.zeros_like(enter)))
        fars.append(torch.where(found, enter + (last + 1.5) * step, torch.zeros_like(enter)))
    if not nears:
        return torch.zeros(0, device=device), torch.zeros(0, device=device)
    return torch.cat(nears), torch.cat(fars)


def box_span(
    origins: Float[Tensor, "P 3"],
    directions: Float[Tensor, "P 3"],
    extent: Tensor,
    forward_only: bool,
) -> tuple[Float[Tensor, "P"], Float[Tensor, "P"]]:
    """Where rays enter and leave the box from 0 to extent; leave <= enter where they miss it."""
    safe = torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
    one, two = -origins / safe, (extent - origins) / safe
    enter = torch.minimum(one, two).amax(dim=1)
    leave = torch.maximum(one, two).amin(dim=1)
    return (enter.clamp(min=0.0) if forward_only else enter), leave
