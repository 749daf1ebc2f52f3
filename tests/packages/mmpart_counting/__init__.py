"""A package outside MMPart with one small, deterministic back-end per stage.

Each does real work on real arrays, notes every call in ``journal`` and fails where ``journal``
says so. A part's colour is its identity: it travels from the isolated image to the mesh.
"""
