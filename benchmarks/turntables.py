"""Small pictures of what a run of the benchmark of reconstruction made, beside the truth.

    python -m benchmarks.turntables RUN OBJECTS FOLDER [--parts OBJECT/PART ...] [--bare]
        [--methods ours-cpu nerfacto hull]

RUN is the folder of ``python -m benchmarks.reconstruction run OBJECTS ... --keep``. Each part is a
block of rows, the truth first, then a row for each method, all seen from six sides and from
elevation 15, where no view of training is. Five parts make one PNG; they are called
``reconstruction-1.png`` and so on. Made meshes show their own colours, in which the light of the
views is baked; the truth is lit as those views were. ``--bare`` leaves colours out and lights all
alike: then shapes are seen, and what colours hide.
"""

import argparse
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from benchmarks.reconstruction.parts import Choice, KnownPart, choose, list_parts, load_part
from benchmarks.reconstruction.rows import read_condition, read_rows
from mmpart_core.errors import InputError, MMPartError
from mmpart_core.geometry.cameras import orbit_camera
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.output import fonts
from mmpart_core.storage import glb

AZIMUTHS_DEG = (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)
ELEVATION_DEG, FOV_DEG = 15.0, 30.0
TILE_PX, LABEL_PX, TITLE_PX, FONT_PX = 128, 88, 24, 13
PAPER, INK = (244, 244, 244), (20, 20, 20)
PARTS_PER_PICTURE, MOST_BYTES = 5, 250_000
_PALETTES = (256, 128, 64, 32)


def turntable(mesh: TriangleMesh, shading: float) -> UInt8[np.ndarray, "T W 3"]:
    """A mesh from six sides, side by side on paper.

    Args:
        mesh: part frame.
        shading: 0 for its own colours, up to 1 for studio light.
    """
    scene = RenderScene([mesh])
    tiles = []
    for azimuth in AZIMUTHS_DEG:
        camera = orbit_camera(azimuth, ELEVATION_DEG, FOV_DEG, TILE_PX)
        rgba = scene.render(camera, supersample=3, shading=shading).rgba.astype(np.float32)
        alpha = rgba[..., 3:] / 255.0
        tiles.append(rgba[..., :3] * alpha + np.array(PAPER, np.float32) * (1.0 - alpha))
    return np.rint(np.concatenate(tiles, axis=1)).astype(np.uint8)


def draw_block(
    title: str, rows: Mapping[str, UInt8[np.ndarray, "T W 3"] | None]
) -> UInt8[np.ndarray, "H V 3"]:
    """One part: a title, and below it a named row for each mesh.

    Args:
        title: of the part, in any language.
        rows: what ``turntable`` drew, by name; None where there is no mesh, which is said.
    """
    width = LABEL_PX + len(AZIMUTHS_DEG) * TILE_PX
    block = Image.new("RGB", (width, TITLE_PX + len(rows) * TILE_PX), PAPER)
    draw = ImageDraw.Draw(block)
    text, font = fonts.drawable(title, FONT_PX, bold=True)
    draw.text((6, TITLE_PX / 2), text, INK, font, anchor="lm")
    for number, (name, tiles) in enumerate(rows.items()):
        top = TITLE_PX + number * TILE_PX
        text, font = fonts.drawable(name, FONT_PX)
        draw.text((6, top + TILE_PX / 2), text, INK, font, anchor="lm")
        if tiles is None:
            draw.text((LABEL_PX + 6, top + TILE_PX / 2), "no mesh in this run", INK, font,
                      anchor="lm")  # fmt: skip
        else:
            block.paste(Image.fromarray(tiles), (LABEL_PX, top))
    return np.asarray(block)


def as_png(picture: UInt8[np.ndarray, "H W 3"], most_bytes: int = MOST_BYTES) -> bytes:
    """A PNG with the largest palette that keeps it small enough.

    Raises:
        InputError: it is too large with the smallest palette as well.
    """
    data = b""
    for colors in _PALETTES:
        file = io.BytesIO()
        reduced = Image.fromarray(picture).quantize(colors, dither=Image.Dither.NONE)
        reduced.save(file, "PNG", optimize=True)
        data = file.getvalue()
        if len(data) <= most_bytes:
            return data
    raise InputError(
        f"picture of {picture.shape[1]}x{picture.shape[0]} px: expected at most {most_bytes} "
        f"bytes, got {len(data)} with {_PALETTES[-1]} colours; draw fewer parts or methods"
    )


def part_rows(
    run: Path, objects: Path, part: KnownPart, methods: Sequence[str], bare: bool
) -> dict[str, UInt8[np.ndarray, "T W 3"] | None]:
    """The truth of a part and what each method made of it with seed 0, drawn.

    Args:
        run: folder of a run with ``--keep``.
        objects: GLBs whose nodes are the parts.
        part: which.
        methods: names, as the run has them.
        bare: without colours, all in the same light.

    Raises:
        InputError: the part is not there, or a file cannot be read.
    """
    light = read_condition(run).shading
    rows: dict[str, UInt8[np.ndarray, "T W 3"] | None] = {}
    rows["truth"] = _drawn(load_part(objects, part), light, bare)
    for method in methods:
        path = run / "meshes" / method / f"{part.object_id}-{part.part}-0.glb"
        rows[method] = None
        if path.exists():
            [node] = glb.decode_glb(path.read_bytes())
            rows[method] = _drawn(node.mesh.transformed(node.world_from_node), 0.0, bare)
    return rows


def _drawn(mesh: TriangleMesh, shading: float, bare: bool) -> UInt8[np.ndarray, "T W 3"]:
    if bare:
        return turntable(TriangleMesh(mesh.vertices, mesh.faces), 1.0)
    return turntable(mesh, shading)


def chosen_parts(run: Path, objects: Path, names: Sequence[str]) -> list[KnownPart]:
    """The named parts in the order they are named; without names all parts of the run.

    Raises:
        InputError: a name that no part has, or a folder without a run.
    """
    if not names:
        return list(dict.fromkeys(row.part for row in read_rows(run)))
    known, _ = list_parts(objects)
    return [part for name in names for part in choose(known, Choice(only=(name,)))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw and write the pictures, and name them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run made with --keep")
    parser.add_argument("objects", type=Path, help="GLBs whose nodes are the parts")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--parts", nargs="+", default=[], metavar="OBJECT/PART")
    parser.add_argument("--methods", nargs="+", default=["ours-cpu", "nerfacto", "hull"])
    parser.add_argument("--bare", action="store_true", help="shapes without colours")
    given = parser.parse_args(arguments)
    try:
        parts = chosen_parts(given.run, given.objects, given.parts)
        given.folder.mkdir(parents=True, exist_ok=True)
        for first in range(0, len(parts), PARTS_PER_PICTURE):
            some = parts[first : first + PARTS_PER_PICTURE]
            name = f"reconstruction-{'bare-' if given.bare else ''}{first // PARTS_PER_PICTURE + 1}"
            blocks = [
                draw_block(str(part), part_rows(given.run, given.objects, part, given.methods,
                                                given.bare))
                for part in some
            ]  # fmt: skip
            path = given.folder / f"{name}.png"
            path.write_bytes(as_png(np.concatenate(blocks)))
            print(f"{path}: {', '.join(map(str, some))}")
    except MMPartError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
