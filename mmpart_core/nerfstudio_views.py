"""From a GLB to a folder of posed views, for ``ns-train`` and whatever else reads transforms.json.

What is drawn has a known shape, so that a method can be tried, and its result compared, without a
photograph. Cameras are given in the GLB's own frame and scale (+Z up), in which
``nerfstudio_export`` writes its result: both lie on each other.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from mmpart_core.errors import GeometryError, InputError
from mmpart_core.geometry.cameras import (
    ZERO123PLUS_ELEVATIONS_DEG,
    ZERO123PLUS_FOV_DEG,
    Zero123PlusVersion,
    camera_in_frame,
    orbit_camera,
)
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.truth_scene import TruthGeometry, read_truth
from mmpart_core.intake.files import read_limited
from mmpart_core.intake.truth import MAX_BYTES
from mmpart_core.quoting import quoted, quoted_list
from mmpart_core.reconstruct.views_folder import write_views_folder
from mmpart_core.records import Camera

PoseSet = Literal["zero123plus-v1.1", "zero123plus-v1.2"]
MAX_VIEWS = 100
SIZE_RANGE_PX = (16, 2048)
_VERSIONS: dict[PoseSet, Zero123PlusVersion] = {
    "zero123plus-v1.1": "v1.1",
    "zero123plus-v1.2": "v1.2",
}
_SUPERSAMPLE = (
    3  # rays along each side of a pixel: what input images of known scenes are drawn with
)


class ViewOptions(BaseModel):
    """How a scene is looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pose_set: PoseSet = Field(
        default="zero123plus-v1.2", description="Whose elevations and lens the cameras have."
    )
    views: int = Field(default=6, ge=2, le=MAX_VIEWS, description="Views to train on.")
    held_out: int = Field(default=0, ge=0, le=MAX_VIEWS, description="Views to evaluate on.")
    size_px: int = Field(
        default=320, ge=SIZE_RANGE_PX[0], le=SIZE_RANGE_PX[1], description="Side of a view."
    )


@dataclass(frozen=True)
class WrittenViews:
    """What was written.

    Attributes:
        files: the images, the held-out ones last.
        nodes: names of the nodes that they show.
    """

    files: tuple[Path, ...]
    nodes: tuple[str, ...]


def write_scene_views(
    scene: Path, folder: Path, options: ViewOptions, *, node: str | None = None
) -> WrittenViews:
    """Draw a GLB, or one node of it, from all around.

    What is drawn is framed as a part is: centred, its farthest vertex on a sphere that two units of
    the frame span. Colours are the bare base colours, alpha is coverage.

    Args:
        scene: the GLB.
        folder: gets the views; made if absent, files of the same names in it are replaced.
        options: which views.
        node: the one node to draw; all of them by default.

    Raises:
        InputError: no such file, not a GLB, nothing in it that has an extent, no node of that name,
            or the folder cannot be written.
    """
    what = f"scene '{scene.name}'"
    data = read_limited(scene, "scene", MAX_BYTES, "export it with smaller textures")
    try:
        geometry = read_truth(data, what)
        drawn, given_from_unit = _framed(geometry, node, what)
    except GeometryError as error:
        raise InputError(f"{what}: {error}; give one with a surface that can be seen") from error
    views = _draw(drawn, ring_cameras(options), given_from_unit)
    held_out = None
    if options.held_out:
        held_out = _draw(drawn, held_out_cameras(options), given_from_unit)
    files = write_views_folder(folder, views, held_out)
    return WrittenViews(files, geometry.names if node is None else (node,))


def ring_cameras(options: ViewOptions) -> tuple[Camera, ...]:
    """Cameras around the unit sphere, alternating between the pose set's two elevations.

    With six of them these are Zero123++'s own (``geometry.cameras.zero123plus_cameras``); more or
    fewer have the same lens, distance and elevations, and divide the circle evenly.
    """
    version, count = _VERSIONS[options.pose_set], options.views
    low_high = ZERO123PLUS_ELEVATIONS_DEG[version]
    return tuple(
        orbit_camera(
            (index + 0.5) * 360.0 / count,
            low_high[index % 2],
            ZERO123PLUS_FOV_DEG[version],
            options.size_px,
        )
        for index in range(count)
    )


def held_out_cameras(options: ViewOptions) -> tuple[Camera, ...]:
    """Cameras at the elevation between the pose set's two, from azimuth 0 on: none of the others.

    With as many of them as views each looks from halfway between two neighbours.
    """
    version, count = _VERSIONS[options.pose_set], options.held_out
    between = sum(ZERO123PLUS_ELEVATIONS_DEG[version]) / 2.0
    lens = ZERO123PLUS_FOV_DEG[version]
    return tuple(
        orbit_camera(index * 360.0 / count, between, lens, options.size_px)
        for index in range(count)
    )


def _framed(
    geometry: TruthGeometry, node: str | None, what: str
) -> tuple[RenderScene, Float[np.ndarray, "4 4"]]:
    """What to draw, in the unit sphere, and the similarity from there to the GLB's frame.

    Raises:
        InputError: no node of that name.
        GeometryError: the node has no extent.
    """
    if node is None:
        return geometry.render_scene, geometry.scene_from_normalised
    if node not in geometry.parts:
        raise InputError(
            f"{what}: no node named {quoted(node)}; it has {quoted_list(geometry.names)}: give one "
            "of them, or none for all"
        )
    mesh, normalised_from_part = geometry.part_frame(node, 0.0)
    return RenderScene([mesh]), geometry.scene_from_normalised @ normalised_from_part


def _draw(
    scene: RenderScene, cameras: tuple[Camera, ...], given_from_unit: Float[np.ndarray, "4 4"]
) -> PosedViews:
    """Views by cameras of the unit sphere's frame, given with cameras of the GLB's."""
    rgba = [scene.render(camera, supersample=_SUPERSAMPLE).rgba for camera in cameras]
    moved = tuple(camera_in_frame(camera, given_from_unit) for camera in cameras)
    return PosedViews(np.stack(rgba), moved)
