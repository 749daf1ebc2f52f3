"""Pictures of placements beside each other: the image, ours, the alternative and the truth."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from benchmarks.assembly.methods import Method
from benchmarks.assembly.scenes import Scene
from mmpart_core.assemble import compose
from mmpart_core.assemble.protocol import Assembly
from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

_SIDE_PX = 160
_TURN_DEG, _RAISED_DEG = 70.0, 25.0  # from the side, where a wrong depth shows


def write_pictures(
    scene: Scene, methods: dict[str, Method], seed: int, folder: Path
) -> dict[str, Assembly]:
    """One PNG: the source, then each method's object and the truth as seen from the side.

    Args:
        scene: an object.
        methods: by name, in the order of the pictures.
        seed: of the methods.
        folder: the file is called after the object.

    Returns:
        What the methods made.
    """
    camera = cameras.orbit_camera(scene.azimuth_deg + _TURN_DEG, _RAISED_DEG, 30.0, _SIDE_PX)
    source = Image.fromarray(_on_white(scene.task.source)).resize(
        (_SIDE_PX, _SIDE_PX), Image.Resampling.LANCZOS
    )
    cells = [np.asarray(source)]
    made = {name: method(scene, seed) for name, method in methods.items()}
    for assembly in made.values():
        cells.append(_seen(placed_meshes(scene, assembly), camera))
    cells.append(_seen(list(scene.truth.parts.values()), camera))
    folder.mkdir(parents=True, exist_ok=True)
    row = Image.fromarray(np.concatenate(cells, axis=1))
    row.quantize(128).save(folder / f"{scene.object_id}.png", optimize=True)
    return made


def placed_meshes(scene: Scene, assembly: Assembly) -> list[TriangleMesh]:
    """The parts where a method put them."""
    return [
        compose.finished_mesh(part, placed).transformed(placed.world_from_part)
        for part, placed in zip(scene.task.parts, assembly.placed, strict=True)
    ]


def _seen(meshes: list[TriangleMesh], camera: Camera) -> UInt8[np.ndarray, "H W 3"]:
    return _on_white(RenderScene(meshes).render(camera).rgba)


def _on_white(rgba: UInt8[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "H W 3"]:
    alpha = rgba[..., 3:].astype(np.float64) / 255.0
    return np.rint(rgba[..., :3] * alpha + 255.0 * (1.0 - alpha)).astype(np.uint8)
