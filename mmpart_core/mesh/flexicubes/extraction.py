"""Extraction of a mesh from signed distances, differentiable in all its inputs."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int

from mmpart_core.errors import GeometryError
from mmpart_core.mesh.flexicubes import dual, grid, quads, tetrahedra
from mmpart_core.mesh.flexicubes.tables import case_tables

Extracted = tuple[torch.Tensor, ...]
# Of the field, at points: (P 3) -> (P 3).
GradientFunction = Callable[[torch.Tensor], torch.Tensor]


class FlexiCubes:
    """Dual marching cubes with a few free weights per cube.

    Calls and results are those of kaolin's class of this name, up to the order of faces. Where
    kaolin refuses, or gives what cannot be used, this goes further: features come with tetrahedra
    and tangent planes too, a quad whose cut would fold its tetrahedra is cut the other way, and in
    training with ``grad_func`` diagonals weigh 1 plus their normals' cosine, never less than 0.

    Args:
        device: where the lookup tables are; must be that of the tensors passed in.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        tables = case_tables()
        self._tables = dual.CaseTensors(
            *(
                torch.as_tensor(array, device=self.device)
                for array in (
                    tables.patch_edges,
                    tables.patch_counts,
                    tables.twin_offset,
                    tables.edge_axis,
                    tables.edge_slot,
                )
            )
        )

    def construct_voxel_grid(
        self, resolution: grid.Resolution
    ) -> tuple[Float[torch.Tensor, "V 3"], Int[torch.Tensor, "N 8"]]:
        """Corners in [-0.5, 0.5] and cubes; see ``grid.voxel_grid``."""
        return grid.voxel_grid(resolution, self.device)

    def __call__(
        self,
        voxelgrid_vertices: Float[torch.Tensor, "V 3"],
        scalar_field: Float[torch.Tensor, "V"],
        cube_idx: Int[torch.Tensor, "N 8"],
        resolution: grid.Resolution,
        qef_reg_scale: float = 1e-3,
        weight_scale: float = 0.99,
        beta: Float[torch.Tensor, "N 12"] | None = None,
        alpha: Float[torch.Tensor, "N 8"] | None = None,
        gamma_f: Float[torch.Tensor, "N"] | None = None,
        training: bool = False,
        output_tetmesh: bool = False,
        grad_func: GradientFunction | None = None,
        voxelgrid_features: Float[torch.Tensor, "V C"] | None = None,
    ) -> Any:
        """Extract the zero level.

        Args:
            voxelgrid_vertices: corner positions, possibly moved from their places.
            scalar_field: value at each corner, negative inside.
            cube_idx: corners of each cube, order as ``construct_voxel_grid`` gives it.
            resolution: cubes along each axis, or one number for all.
            qef_reg_scale: pull towards the crossings' mean, with ``grad_func``.
            weight_scale: how far the weights may move from 1.
            beta: weight of each edge's crossing, before tanh; 1 where None.
            alpha: weight of each corner's value, before tanh; 1 where None.
            gamma_f: weight of each cube in choosing a quad's diagonal, before the sigmoid.
            training: put a centre vertex into each quad, so that gamma has a gradient.
            output_tetmesh: fill the inside, see ``tetrahedra``; the border must be outside.
            grad_func: vertices of least squared error to tangent planes, quads by agreeing normals.
            voxelgrid_features: values at the corners, carried to the vertices.

        Returns:
            Vertices (V' 3), faces (F 3) turned outward, L_dev: one deviation per vertex and
            crossing (equation 9 of the paper), a single 0 with ``grad_func``; with features also
            their values (V' C). With tetrahedra the surface's come first, elements (K 4) are faces.

        Raises:
            GeometryError: sizes that do not fit each other.
        """
        counts = _checked_counts(resolution, len(cube_idx))
        cubes = dual.surface_cubes(scalar_field, cube_idx, counts, self._tables)
        weights = dual.squash_weights(cubes.index, beta, alpha, gamma_f, weight_scale, scalar_field)
        crossings = dual.find_crossings(cubes, scalar_field, self._tables)
        given = [voxelgrid_vertices, voxelgrid_features]
        carried = torch.cat([part for part in given if part is not None], dim=1)
        placing = (crossings, weights, grad_func, qef_reg_scale)
        values, deviation = _place(carried, scalar_field, *placing)
        rings, inner = quads.vertex_rings(crossings, scalar_field, self._tables)
        pull = quads.diagonal_pull(rings, values[:, :3], weights.gamma[crossings.cube], grad_func)
        if output_tetmesh and not training:
            pull = quads.unfolded(rings, values[:, :3], voxelgrid_vertices[inner], pull)
        values, elements = _make_faces(rings, values, pull, training)
        if output_tetmesh:
            corners = tetrahedra.Corners(carried, scalar_field < 0, cube_idx, counts)
            values, elements = self._fill(values, elements, inner, corners, cubes)
        if voxelgrid_features is None:
            return values, elements, deviation
        return values[:, :3], elements, deviation, values[:, 3:]

    def _fill(
        self,
        values: Float[torch.Tensor, "W C"],
        triangles: Int[torch.Tensor, "F 3"],
        inner: Int[torch.Tensor, "Q"],
        corners: tetrahedra.Corners,
        cubes: dual.SurfaceCubes,
    ) -> tuple[Float[torch.Tensor, "P C"], Int[torch.Tensor, "K 4"]]:
        """Tetrahedra under the triangles, of which each quad has as many, and within."""
        bases = inner.repeat_interleave(len(triangles) // max(len(inner), 1))
        return tetrahedra.fill(values, triangles, bases, corners, cubes, self._tables)


def _place(
    carried: Float[torch.Tensor, "V C"],
    field: Float[torch.Tensor, "V"],
    crossings: dual.Crossings,
    weights: dual.Weights,
    grad_func: GradientFunction | None,
    qef_reg_scale: float,
) -> tuple[Float[torch.Tensor, "D C"], Float[torch.Tensor, "M"]]:
    """Values at the dual vertices, positions first, and their deviations."""
    values = dual.dual_values(carried, field, crossings, weights)
    plain = dual.zero_crossings(carried[:, :3], field, crossings)
    if grad_func is None:
        return values, dual.deviations(values[:, :3], plain, crossings)
    solved = dual.solve_qef(plain, grad_func(plain), crossings, qef_reg_scale)
    return torch.cat([solved, values[:, 3:]], dim=1), values.new_zeros(min(len(values), 1))


def _checked_counts(resolution: grid.Resolution, cubes: int) -> tuple[int, int, int]:
    """Cubes along each axis, once it is clear that the inputs can be extracted."""
    counts = grid.cubes_per_axis(resolution)
    if cubes != counts[0] * counts[1] * counts[2]:
        raise GeometryError(
            f"FlexiCubes: resolution {counts} has {counts[0] * counts[1] * counts[2]} cubes, "
            f"cube_idx has {cubes}"
        )
    return counts


def _make_faces(
    rings: Int[torch.Tensor, "Q 4"],
    values: Float[torch.Tensor, "D C"],
    pull: Float[torch.Tensor, "Q 2"],
    training: bool,
) -> tuple[Float[torch.Tensor, "W C"], Int[torch.Tensor, "F 3"]]:
    """Quads as triangles; in training round a centre vertex each, which joins the values."""
    if training:
        return quads.fan(rings, values, pull)
    return values, quads.split(rings, pull)
