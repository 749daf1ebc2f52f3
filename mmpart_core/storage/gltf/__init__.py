"""glTF 2.0, binary form: how named meshes become a GLB and come back.

Own code on numpy rather than trimesh's loader and exporter, which write vertex colours as 8-bit
values without converting them to linear light, name no materials and add extras of their own
(docs/decisions/0005-own-glb-codec.md).
"""
