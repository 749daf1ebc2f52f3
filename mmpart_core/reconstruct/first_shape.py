"""The shape that training starts from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.reconstruct.band import ROOM
from mmpart_core.reconstruct.carving import keep_carved
from mmpart_core.reconstruct.convex_body import ConvexBody
from mmpart_core.reconstruct.facets import Facet, cut_facets
from mmpart_core.reconstruct.free_space import FreeSpace
from mmpart_core.reconstruct.hull import GridSpec, VisualHull
from mmpart_core.reconstruct.recesses import Recess, cut_recesses


@dataclass(frozen=True)
class FirstShape:
    """The shape that training starts from: the visual hull, cut by what else is known.

    Attributes:
        hull: the visual hull, without room.
        body: cuts it; not at all where none is given.
        free: cuts it further.
        hollow: no less deep than this, object units.
        recesses: cut it whole.
        facets: cut it with the body.
    """

    hull: VisualHull
    body: ConvexBody | None
    free: FreeSpace | None
    hollow: float
    recesses: Sequence[Recess] = ()
    facets: Sequence[Facet] = ()

    def on(self, spec: GridSpec, limit: Float[Tensor, "X Y Z"]) -> Float[Tensor, "X Y Z"]:
        """Its distances on a grid.

        Where hull, body and the rest have nothing in common on this grid, the last of them that
        leaves nothing does not count; where the hull is lost between the corners too, its limit
        does.
        """
        near = torch.nonzero(limit.reshape(-1) < ROOM * spec.spacing)[:, 0]
        points = spec.positions()[near]
        choices = [self.hull.sdf(points)]
        if self.body is not None:
            choices.append(torch.maximum(choices[-1], self.body.sdf(points)))
        if self.facets:
            choices.append(cut_facets(self.facets, points, choices[-1]))
        if self.free is not None:
            hollowed = self.free.cut(points, choices[-1])
            choices.append(keep_carved(choices[-1], hollowed, self.hollow))
        choices.append(cut_recesses(self.recesses, points, choices[-1]))
        for choice in reversed(choices):
            if bool((choice < 0).any()):
                return limit.reshape(-1).index_copy(0, near, choice).view(limit.shape)
        return limit
