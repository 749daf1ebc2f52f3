"""Makes the pictures, component lists and known scene of this folder.

Run from the repository's root::

    python -m examples.make_examples [--out FOLDER] [--only NAME]

The same bytes come out every time on one machine.
"""

import argparse
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image

from examples import models, studio
from mmpart_core.storage.glb import GlbNode, encode_glb

_CLEAR_SHARE = 0.45


@dataclass(frozen=True)
class Listed:
    """One component as the user would list it.

    Attributes:
        name: its name, a part of the model.
        hint: how its place is told: box, points or polygon.
        hidden: the user's words for what is not seen.
        count: how many pieces it is.
    """

    name: str
    hint: str
    hidden: str = ""
    count: int = 1


@dataclass(frozen=True)
class Example:
    """One input.

    Attributes:
        build: makes the model.
        components: in the user's order.
        azimuth_deg: of the camera.
        elevation_deg: of the camera.
        known_scene: write the model as a GLB too.
    """

    build: Callable[[], models.Parts]
    components: tuple[Listed, ...] = field(default=())
    azimuth_deg: float = 20.0
    elevation_deg: float = 17.0
    known_scene: bool = False


EXAMPLES: dict[str, Example] = {
    "hat-on-head": Example(
        models.hat_on_head,
        (
            Listed("hat", "polygon", "the inside of the hat is hollow and plain teal"),
            Listed("head", "points", "the head under the hat is bald"),
        ),
        20.0,
        15.0,
    ),
    "desk-lamp": Example(
        models.desk_lamp,
        (
            Listed("base", "box"),
            Listed("arm", "points", "two straight brass tubes that meet in the dark joint"),
            Listed("shade", "polygon", "a bell, closed at its top"),
            Listed("bulb", "polygon", "a round bulb on a short metal socket"),
        ),
        24.0,
        15.0,
    ),
    "mug-with-lid": Example(
        models.mug_with_lid,
        (
            Listed("mug", "polygon", "the mug is open at the top, with a thin round rim"),
            Listed("lid", "box", "a rim under the lid reaches into the mug"),
        ),
        18.0,
        18.0,
    ),
    "toy-robot": Example(
        models.toy_robot,
        (
            Listed("head", "box", "a short dark neck under the head"),
            Listed("body", "polygon"),
            Listed("arms", "points", "a red ball joint at each shoulder", 2),
            Listed("legs", "points", "short grey cylinders above the shoes", 2),
        ),
        22.0,
        16.0,
    ),
    "lantern": Example(
        models.lantern,
        (
            Listed("base", "box"),
            Listed("frame", "points", "four posts joined by thin brass rails"),
            Listed("candle", "points", "a plain wax candle"),
            Listed("roof", "polygon"),
            Listed("handle", "points"),
        ),
        25.0,
        16.0,
        known_scene=True,
    ),
}


def region(mask: np.ndarray, kind: str) -> dict[str, list]:
    """A hint as a person would give it: fractions of width and height, rounded to hundredths.

    Args:
        mask: where the component is seen.
        kind: box, points or polygon.
    """
    height, width = mask.shape
    size = np.array([width, height])
    if kind == "box":
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        low = np.floor(np.array([columns[0], rows[0]]) / size * 100.0) / 100.0
        high = np.ceil(np.array([columns[-1] + 1, rows[-1] + 1]) / size * 100.0) / 100.0
        return {"box": _plain(np.concatenate([low, high]))}
    if kind == "points":
        return {"points": [_plain(point / size) for point in _inner_points(mask)]}
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)
    corners = cv2.approxPolyDP(outline, 0.006 * cv2.arcLength(outline, closed=True), closed=True)
    return {"polygon": [_plain(corner / size) for corner in corners[:, 0]]}


def _inner_points(mask: np.ndarray, most: int = 4) -> list[np.ndarray]:
    """Points well inside the mask, spread over its pieces."""
    clear = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    enough = _CLEAR_SHARE * float(clear.max())
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    points: list[np.ndarray] = []
    while len(points) < most and clear.max() > max(enough, 2.0):
        row, column = np.unravel_index(int(np.argmax(clear)), clear.shape)
        points.append(np.array([column + 0.5, row + 0.5]))
        away = np.hypot(rows - row, columns - column) > 0.14 * mask.shape[0]
        clear = clear * away
    return points


def _plain(values: np.ndarray) -> list[float]:
    return [round(float(value), 2) for value in values]


def component_list(example: Example, picture: studio.Picture, names: list[str]) -> tuple[str, str]:
    """The component lists of an example, with and without region hints, as YAML."""
    hinted, plain = [], []
    for listed in example.components:
        entry: dict[str, object] = {"name": listed.name}
        if listed.count > 1:
            entry["count"] = listed.count
        if listed.hidden:
            entry["hidden"] = listed.hidden
        plain.append(entry)
        mask = picture.part_index == names.index(listed.name)
        hinted.append({**entry, "region": region(mask, listed.hint)})
    return _yaml(hinted), _yaml(plain)


def _yaml(components: list[dict[str, object]]) -> str:
    return yaml.safe_dump(
        {"components": components}, sort_keys=False, default_flow_style=None, width=96
    )


def make_example(name: str, out: Path) -> None:
    """Write one example's files into ``out/name``."""
    example = EXAMPLES[name]
    parts = example.build()
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    picture = studio.photograph(parts, example.azimuth_deg, example.elevation_deg)
    buffer = io.BytesIO()
    Image.fromarray(picture.rgb).save(buffer, format="PNG", optimize=True)
    (folder / "image.png").write_bytes(buffer.getvalue())
    hinted, plain = component_list(example, picture, list(parts))
    (folder / "components.yaml").write_text(hinted, encoding="utf-8")
    (folder / "components-nohints.yaml").write_text(plain, encoding="utf-8")
    if example.known_scene:
        write_known_scene(parts, folder / f"{name}.glb")


def write_known_scene(parts: models.Parts, path: Path) -> None:
    """Write a model as a GLB with one named node per part."""
    path.write_bytes(encode_glb([GlbNode(name, mesh) for name, mesh in parts.items()]))


def main() -> None:
    """Make the examples that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--only", choices=sorted(EXAMPLES), action="append")
    chosen = parser.parse_args()
    for name in chosen.only or EXAMPLES:
        make_example(name, chosen.out)
        print(f"{chosen.out / name}")


if __name__ == "__main__":
    main()
