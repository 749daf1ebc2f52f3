"""Opaque views on plain ground, as Zero123++ draws them -> views with straight alpha."""

from mmpart_core.multiview.matting.grid import cut_grid
from mmpart_core.multiview.matting.matte import matte_views

__all__ = ["cut_grid", "matte_views"]
