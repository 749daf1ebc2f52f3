"""Fits FlexiCubes' free parameters to the field and the views' outlines.

Vertices and face centres go to the field's zero level, faces turn across its gradient, and those
that a view sees come to the depth and the normal that the field has at the view's pixels (see
``seen_depth``); no vertex stays outside a mask, and every mask's rim is reached by the surface's
own outline. The signs of the field are kept, and with them which cubes are crossed: the surface
stays closed and keeps its pieces and holes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.mesh.flexicubes.grid import voxel_grid
from mmpart_core.mesh.outlines import Outline, find_outlines
from mmpart_core.mesh.seen_depth import see_surface
from mmpart_core.mesh.settings import DualSettings

_LEARNING_RATE = 0.03
# Weights of the terms; all lengths are in cubes. L_dev's is a tenth of the vertices' own, as in the
# paper's appendix C it is small against what pulls the surface.
_ON_LEVEL, _ACROSS_GRADIENT = 1.0, 0.3
_INSIDE_MASKS, _AT_RIMS = 1.0, 0.3
_ALONG_NORMALS = 0.3
_DEVIATION, _SLIVERS = 0.1, 0.3
# Triangles worse than this are rounded.
_GOOD_QUALITY = 0.6
# A rim farther away than this is one that the field does not have at all.
_FARTHEST_RIM = 2.0
_LOOK_EVERY = 5
_LEAST_FACTOR = float(np.log(4.0))


@dataclass(frozen=True)
class _Parameters:
    """Free parameters, all 0 at the start; those of the cubes for crossed ones only.

    Attributes:
        field: factor of each corner's value, before tanh.
        moves: step of each corner, before tanh.
        alpha: see ``FlexiCubes``.
        beta: see ``FlexiCubes``.
        gamma: see ``FlexiCubes``.
    """

    field: Float[torch.Tensor, "V"]
    moves: Float[torch.Tensor, "V 3"]
    alpha: Float[torch.Tensor, "S 8"]
    beta: Float[torch.Tensor, "S 12"]
    gamma: Float[torch.Tensor, "S"]

    def all(self) -> list[torch.Tensor]:
        """Every parameter."""
        return [self.field, self.moves, self.alpha, self.beta, self.gamma]


class Refinement:
    """The grid, its parameters and the evidence.

    Args:
        extractor: ``FlexiCubes`` of this package or of kaolin.
        field: closed, see ``solid_field``.
        views: posed images of the part; their alpha counts.
        device: where to work.
    """

    def __init__(self, extractor: Any, field: FieldGrid, views: PosedViews, device: str) -> None:
        self._extractor = extractor
        counts = np.array(field.sdf.shape) - 1
        self._counts = int(counts[0]), int(counts[1]), int(counts[2])
        corners, self._cubes = voxel_grid(self._counts, device)
        self._corners = torch.round((corners + 0.5) * torch.tensor(self._counts, device=device))
        self._values = torch.as_tensor(field.sdf, device=device).reshape(-1) / field.spacing
        self._volume = (self._values.reshape(field.sdf.shape))[None, None]
        self._extent = torch.tensor(field.sdf.shape, device=device, dtype=torch.float32) - 1
        self._field, self._views = field, views
        inside = (self._values < 0)[self._cubes].sum(dim=1)
        self._crossed = torch.nonzero((inside > 0) & (inside < 8)).reshape(-1)
        self._outlines = find_outlines(views, device)
        size = len(self._crossed)
        shapes = ((len(corners),), (len(corners), 3), (size, 8), (size, 12), (size,))
        self._free = _Parameters(
            *(torch.zeros(shape, device=device, requires_grad=True) for shape in shapes)
        )

    def run(self, steps: int, depth_weight: float) -> None:
        """Take so many steps of Adam.

        Args:
            steps: at least one.
            depth_weight: of what views see of the field.
        """
        optimizer = torch.optim.Adam(self._free.all(), lr=_LEARNING_RATE)
        with torch.no_grad():
            seen = see_surface(self._field, self._views, *self.extract(training=True)[:2])
        targets: list[tuple[Int[torch.Tensor, "_"], Float[torch.Tensor, "_ 2"]]] = []
        met = torch.zeros(0, dtype=torch.int64)
        for step in range(steps):
            vertices, faces, deviation = self.extract(training=True)
            if step % _LOOK_EVERY == 0:
                met = seen.met_faces(vertices, faces)
                targets = [
                    nearest_rims(outline, self._world(vertices), faces)
                    for outline in self._outlines
                ]
            depth, tilt = seen.loss(vertices, faces, met)
            loss = self._shape_loss(vertices, faces) + _DEVIATION * deviation.square().mean()
            loss = loss + depth_weight * (depth + _ALONG_NORMALS * tilt)
            loss = loss + self._outline_loss(vertices, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def extract(self, *, training: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Vertices in grid steps, faces and deviations at the present parameters."""
        free, count = self._free, len(self._cubes)

        def spread(values: torch.Tensor) -> torch.Tensor:
            whole = values.new_zeros((count, *values.shape[1:]))
            return whole.index_copy(0, self._crossed, values)

        return self._extractor(
            self._corners + 0.5 * torch.tanh(free.moves),
            self._values * torch.exp(_LEAST_FACTOR * torch.tanh(free.field)),
            self._cubes,
            self._counts,
            alpha=spread(free.alpha),
            beta=spread(free.beta),
            gamma_f=spread(free.gamma),
            training=training,
        )

    def _world(self, steps: Float[torch.Tensor, "W 3"]) -> Float[torch.Tensor, "W 3"]:
        origin = torch.as_tensor(self._field.origin, device=steps.device, dtype=steps.dtype)
        return steps * self._field.spacing + origin

    def _distance(self, steps: Float[torch.Tensor, "P 3"]) -> Float[torch.Tensor, "P"]:
        """The field at points, trilinear, in cubes."""
        at = (steps / self._extent * 2 - 1).flip(1)[None, None, None]
        found = torch.nn.functional.grid_sample(
            self._volume, at, align_corners=True, padding_mode="border"
        )
        return found.reshape(-1)

    def _shape_loss(
        self, vertices: Float[torch.Tensor, "W 3"], faces: Int[torch.Tensor, "F 3"]
    ) -> torch.Tensor:
        corners = vertices[faces]
        centres = corners.mean(dim=1)
        normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        doubled = torch.linalg.vector_norm(normals, dim=1)
        edges = (corners - corners.roll(1, dims=1)).square().sum(dim=(1, 2))
        quality = 2 * 3**0.5 * doubled / (edges + 1e-12)
        with torch.no_grad():
            steps = 0.5 * torch.eye(3, device=vertices.device)
            slope = torch.stack(
                [self._distance(centres + s) - self._distance(centres - s) for s in steps], dim=1
            )
            slope = torch.nn.functional.normalize(slope, dim=1)
        tilt = (doubled - (normals * slope).sum(dim=1)).sum() / doubled.detach().sum()
        level = self._distance(vertices).square().mean() + self._distance(centres).square().mean()
        slivers = torch.relu(_GOOD_QUALITY - quality).square().mean()
        return _ON_LEVEL * level + _ACROSS_GRADIENT * tilt + _SLIVERS * slivers

    def _outline_loss(
        self,
        vertices: Float[torch.Tensor, "W 3"],
        targets: list[tuple[Int[torch.Tensor, "_"], Float[torch.Tensor, "_ 2"]]],
    ) -> torch.Tensor:
        world = self._world(vertices)
        total = vertices.new_zeros(())
        for outline, (index, rims) in zip(self._outlines, targets, strict=True):
            place, size = outline.project(world)
            cubes_per_px = (size / self._field.spacing).detach()
            outside = torch.relu(outline.distance(place)) * cubes_per_px
            # Over those outside alone: of all vertices they are too few to count against the level.
            number = (outside.detach() > 0).sum().clamp(min=1)
            total = total + _INSIDE_MASKS * outside.square().sum() / number
            if len(index):
                away = (place[index] - rims).square().sum(dim=1) * cubes_per_px[index] ** 2
                near = away < _FARTHEST_RIM**2
                total = total + _AT_RIMS * torch.where(near, away, 0.0).mean()
        return total / max(len(self._outlines), 1)


def refine_surface(
    extractor: Any, field: FieldGrid, views: PosedViews, settings: DualSettings
) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """Vertices and faces of a field's zero level after refinement.

    Args:
        extractor: ``FlexiCubes`` of this package or of kaolin.
        field: closed, see ``solid_field``.
        views: posed images of the part.
        settings: steps, the weight of depths, and where to work.

    Returns:
        float64 positions in the part frame; int64 faces turned outward.
    """
    refinement = Refinement(extractor, field, views, settings.device)
    refinement.run(settings.refine_steps, settings.refine_depth_weight)
    with torch.no_grad():
        vertices, faces, _ = refinement.extract(training=False)
    moved = vertices.cpu().numpy().astype(np.float64) * field.spacing + field.origin
    return moved, faces.cpu().numpy().astype(np.int64)


def nearest_rims(
    outline: Outline, world: Float[torch.Tensor, "W 3"], faces: Int[torch.Tensor, "F 3"]
) -> tuple[Int[torch.Tensor, "R"], Float[torch.Tensor, "R 2"]]:
    """For each sample of a mask's rim the nearest vertex of the surface's outline, and the sample.

    Args:
        outline: of the view.
        world: vertices, part frame.
        faces: turned outward.
    """
    device = world.device
    with torch.no_grad():
        place, _ = outline.project(world)
        flat = place[faces]
        first, second = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
        # Rows run down: a face that looks at the camera runs clockwise in the image's axes.
        front = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0
        seen = torch.zeros((2, len(world)), dtype=torch.bool, device=device)
        seen[0, faces[front].reshape(-1)] = True
        seen[1, faces[~front].reshape(-1)] = True
        contour = torch.nonzero(seen.all(dim=0)).reshape(-1)
    if not len(contour) or not len(outline.rim):
        return contour[:0], outline.rim[:0]
    _, index = KDTree(place[contour].cpu().numpy()).query(outline.rim.cpu().numpy())
    return contour[torch.as_tensor(index, device=device)], outline.rim
