"""Ways of placing parts that are compared in one run."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.assembly.sam3d import Recipe
from benchmarks.assembly.scenes import Scene
from mmpart_core.assemble import color_agreement, fit_image, sight
from mmpart_core.assemble.backends import layout
from mmpart_core.assemble.protocol import Assembly, PlacedPart
from mmpart_core.geometry import transforms

Method = Callable[[Scene, int], Assembly]


def by_layout(**settings: object) -> Method:
    """The layout back-end with some settings changed."""

    def place(scene: Scene, seed: int) -> Assembly:
        backend = layout.BACKEND(layout.Settings.model_validate(settings))
        backend.open()
        return backend.assemble(scene.task, seed)

    return place


def by_box(scene: Scene, seed: int) -> Assembly:
    """Scale and position from the box of the isolated image, depth of the object's centre."""
    camera = scene.task.camera
    pose = transforms.to_array(camera.world_from_camera)
    depth = float(pose[:3, 3] @ pose[:3, 2])
    world = transforms.rotation_z(scene.azimuth_deg)
    placed: list[PlacedPart] = []
    for part in scene.task.parts:
        box = sight.mask_box(part.rgba[..., 3] >= 128)
        points = sight.in_camera_axes(camera, part.mesh.vertices[np.unique(part.mesh.faces)])
        fitted = fit_image.fit_box(camera, points, box or (0.0, 0.0, 1.0, 1.0), depth)
        placed.append(PlacedPart(world @ fitted.object_from_part(camera), "box"))
    return Assembly(tuple(placed), world)


def by_truth(scene: Scene, seed: int) -> Assembly:
    """Every part where it belongs: what meshes that are not true cost by themselves."""
    placed = tuple(
        PlacedPart(scene.truth.part_frame(part.component, scene.azimuth_deg)[1], "truth")
        for part in scene.task.parts
    )
    given = transforms.to_array(scene.task.camera.world_from_camera)
    true = transforms.to_array(scene.camera.world_from_camera)
    return Assembly(placed, true @ np.linalg.inv(given))


def by_truth_recolored(scene: Scene, seed: int) -> Assembly:
    """True places with matched colours: what matching does by itself, at no cost of searching."""
    true = by_truth(scene, seed)
    placed = color_agreement.recolored(
        scene.task, true.placed, true.world_from_object, layout.Settings().color_limit
    )
    return replace(true, placed=placed)


NAMED: dict[str, Method] = {
    "layout": by_layout(),
    "one-image": by_layout(use_whole_views=False),
    "lens-assumed": by_layout(field_of_view="given"),
    "no-refinement": by_layout(fine_sweeps=0),
    "no-contact": by_layout(keep_contact=False),
    "one-image-no-contact": by_layout(use_whole_views=False, keep_contact=False),
    "stretched": by_layout(free_stretch=0.7),
    "turned": by_layout(free_turn_deg=12.0),
    "resolved": by_layout(resolve_overlaps=True),
    "no-colors": by_layout(match_colors=False),
    "box": by_box,
    "sam3d": Recipe(),
    "sam3d-all": Recipe(gives_up=False),
    "truth": by_truth,
    "truth-colors": by_truth_recolored,
}
