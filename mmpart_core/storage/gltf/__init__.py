"""glTF 2.0, binary form: how named meshes become a GLB and come back.

Own code on numpy rather than trimesh's loader and exporter, which keep vertex colours in 8-bit
linear light (dark sRGB colours collapse) and give meshes names of their own.
"""
