"""Truth beside prediction from four views, parts coloured alike."""

import base64
import colorsys
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import Protocol
from evaluation.scoring.context import PreparedPair, compare, prepare_pair
from mmpart_core.geometry import bounds, cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import Camera

AZIMUTHS_DEG = (30.0, 120.0, 210.0, 300.0)
ELEVATION_DEG = 20.0
FOV_DEG = 30.0
SIZE_PX = 200
SURPLUS = (150, 150, 150)
_SHADING = 0.75
_MARGIN = 1.05
_MOST_WIDER = 1.6
_QUALITY = 82
_GOLDEN = 0.618033988749895

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class CasePictures:
    """Pictures of one object.

    Attributes:
        colors: by true part; a predicted part has the colour of the true part it was compared
            with, grey where there is none.
        truth: data URIs, one per view.
        prediction: the same views of the prediction, where it was scored; empty where nothing
            was made.
    """

    colors: Mapping[str, Rgb]
    truth: tuple[str, ...]
    prediction: tuple[str, ...]


def part_colors(names: Sequence[str]) -> dict[str, Rgb]:
    """Colours that are easy to tell apart: hues a golden ratio of the circle from each other.

    Example:
        >>> colors = part_colors(["seat", "back"])
        >>> len(set(colors.values()))
        2
    """
    found: dict[str, Rgb] = {}
    for index, name in enumerate(names):
        hue = (0.58 + index * _GOLDEN) % 1.0
        light, full = ((0.62, 0.75), (0.56, 0.6), (0.76, 0.6))[index // 5 % 3]
        red, green, blue = colorsys.hls_to_rgb(hue, light, full)
        found[name] = (round(255 * red), round(255 * green), round(255 * blue))
    return found


def render_case(
    truth: GroundTruthObject,
    prediction: Prediction | None,
    matched: Mapping[str, str | None],
    protocol: Protocol,
    *,
    size_px: int = SIZE_PX,
) -> CasePictures | None:
    """Both sides from the same cameras, the prediction where the protocol compared it.

    Args:
        truth: the true object.
        prediction: what was made of it; None when nothing was.
        matched: true part -> predicted part, from the rows.
        protocol: says where the prediction stands.
        size_px: side of each picture.

    Returns:
        None where no true part is usable.

    Raises:
        GeometryError: a shape without extent.
    """
    pair = prepare_pair(truth, prediction)
    if not pair.truth.parts:
        return None
    colors = part_colors(list(truth.parts))
    to_unit = np.linalg.inv(bounds.points_from_unit(pair.truth.used))
    true_meshes = {
        name: _painted(truth.parts[name].transformed(to_unit), colors[name])
        for name in pair.truth.parts
    }
    made_meshes = _made(pair, matched, colors, protocol, to_unit)
    reach = _reach([*true_meshes.values(), *made_meshes])
    views = [_camera(azimuth, reach, size_px) for azimuth in AZIMUTHS_DEG]
    return CasePictures(
        colors,
        truth=_pictures(list(true_meshes.values()), views),
        prediction=_pictures(made_meshes, views),
    )


def _made(
    pair: PreparedPair,
    matched: Mapping[str, str | None],
    colors: Mapping[str, Rgb],
    protocol: Protocol,
    to_unit: Float[np.ndarray, "4 4"],
) -> list[TriangleMesh]:
    if pair.prediction is None or not pair.made.parts:
        return []
    placed = compare(pair, protocol, tuple(pair.made.parts)).aligned.matrix()
    owner = {made: true for true, made in matched.items() if made is not None}
    # protocols that pair no parts have no owners: equal names share a colour all the same
    owner = {name: owner.get(name, name) for name in pair.made.parts}
    return [
        _painted(
            pair.prediction.parts[name].transformed(to_unit @ placed),
            colors.get(owner[name], SURPLUS),
        )
        for name in pair.made.parts
    ]


def _painted(mesh: TriangleMesh, color: Rgb) -> TriangleMesh:
    colors = np.tile(np.array([*color, 255], dtype=np.uint8), (len(mesh.vertices), 1))
    return TriangleMesh(mesh.vertices, mesh.faces, colors=colors)


def _reach(meshes: Sequence[TriangleMesh]) -> float:
    """Radius to show: the truth's, or a little more where the prediction is larger."""
    used = np.concatenate([mesh.vertices[mesh.faces.ravel()] for mesh in meshes])
    farthest = float(np.linalg.norm(used, axis=-1).max())
    return min(max(farthest, 1.0), _MOST_WIDER) * _MARGIN


def _camera(azimuth_deg: float, reach: float, size_px: int) -> Camera:
    camera = cameras.orbit_camera(azimuth_deg, ELEVATION_DEG, FOV_DEG, size_px)
    return camera.model_copy(update={"focal_px": camera.focal_px / reach})


def _pictures(meshes: Sequence[TriangleMesh], views: Sequence[Camera]) -> tuple[str, ...]:
    if not meshes:
        return ()
    scene = RenderScene(meshes)
    return tuple(data_uri(scene.render(view, shading=_SHADING).rgba) for view in views)


def data_uri(rgba: UInt8[np.ndarray, "H W 4"]) -> str:
    """A picture as a WebP inside its own address."""
    out = io.BytesIO()
    Image.fromarray(rgba).save(out, format="WEBP", quality=_QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode("ascii")
