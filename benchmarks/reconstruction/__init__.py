"""The benchmark of reconstruct and mesh: views of known parts in, meshes out, side by side.

See ``python -m benchmarks.reconstruction --help`` and the docstring of ``__main__``.
"""
