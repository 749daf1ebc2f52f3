"""A cube, two sets of points and a picture that arguments of metrics are made of."""

import numpy as np
import trimesh

_CUBE = trimesh.creation.box((1.0, 1.0, 1.0))
VERTICES, FACES = np.array(_CUBE.vertices), np.array(_CUBE.faces, dtype=np.int64)
POINTS = np.random.default_rng(0).random((40, 3))
OTHER = np.random.default_rng(1).random((40, 3))
PICTURE = np.random.default_rng(2).random((16, 16, 3))
