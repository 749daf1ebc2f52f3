"""The loops of training on a CPU, compiled by numba: one thread per part, no Python per ray.

They give the values and gradients of the torch operations that a GPU takes (``rendering``,
``voxel_field``), to rounding. Their arguments are arrays that the caller has made contiguous;
positions are in grid steps, corner (i, j, k) at (i, j, k).
"""
