"""Runs in Blender: imports a GLB and prints, as JSON, what became of it.

blender --background --factory-startup --python-exit-code 3 --python blender_import.py -- FILE
"""

import json
import sys

import bpy  # pyright: ignore[reportMissingImports]
import numpy

# Debian's Blender 3.4 asks its importer for a name that the NumPy beside it has no longer.
if not hasattr(numpy, "bool"):
    numpy.bool = numpy.bool_

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=sys.argv[sys.argv.index("--") + 1])


def plain(value):
    """A custom property as plain data."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return value.to_list() if hasattr(value, "to_list") else value


def told(item):
    """What there is to say of an object."""
    data = item.data
    corners = [item.matrix_world @ vertex.co for vertex in data.vertices]
    return {
        "name": item.name,
        "type": item.type,
        "parent": item.parent.name if item.parent else None,
        "faces": len(data.polygons),
        "low": [min(corner[axis] for corner in corners) for axis in range(3)],
        "high": [max(corner[axis] for corner in corners) for axis in range(3)],
        "materials": [material.name for material in data.materials],
        "images": [
            list(node.image.size)
            for material in data.materials
            for node in material.node_tree.nodes
            if node.type == "TEX_IMAGE" and node.image
        ],
        "properties": {name: plain(item[name]) for name in item.keys()},  # noqa: SIM118
    }


found = [told(item) for item in bpy.data.objects]
sys.stdout.write(f"\nFOUND {json.dumps(found)}\n")
