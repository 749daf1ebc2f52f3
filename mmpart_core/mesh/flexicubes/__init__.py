"""FlexiCubes in plain PyTorch, written from the paper.

Shen et al., "Flexible Isosurface Extraction for Gradient-Based Mesh Optimization", ACM
Transactions on Graphics 42(4), 2023. Same calls as ``kaolin.ops.conversions.FlexiCubes``.
"""

from mmpart_core.mesh.flexicubes.extraction import FlexiCubes

__all__ = ["FlexiCubes"]
