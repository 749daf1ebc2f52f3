"""MMPart: one image and a list of components in, a part-aware GLB out."""
