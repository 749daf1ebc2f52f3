"""``sheet.png``: the whole object on one picture, from source to result, to look at and judge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from mmpart_core.output import fonts, pictures, tiles, wording
from mmpart_core.output.part_facts import PartFacts
from mmpart_core.output.scene import BundleScene
from mmpart_core.output.scrubbing import scrub_text
from mmpart_core.records import ObjectResult
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore

_GROUND, _PAPER = (255, 255, 255), (244, 244, 242)
_INK, _SOFT, _FAULT = (29, 31, 34), (104, 109, 117), (163, 38, 42)
_MARGIN, _GAP, _CAPTION = 48, 16, 24
_BODY_PX, _CAPTION_PX = 17, 15
_COLUMNS = 7
# Seven cells of either size are as wide as five of the object's pictures, to the pixel.
_CELL, _SMALL_CELL = 209, 144
_MANY_PARTS = 12
_TURNS_DEG = (55.0, 180.0)


@dataclass(frozen=True)
class _Tile:
    image: Image.Image
    caption: str


class _Sheet:
    """A growing picture: rows are laid from the top."""

    def __init__(self, cell_px: int) -> None:
        self.cell = cell_px
        self.width = 2 * _MARGIN + _COLUMNS * cell_px + (_COLUMNS - 1) * _GAP
        self._rows: list[Image.Image] = []

    def text(
        self, pieces: Sequence[tuple[str, int, tuple[int, int, int], bool]], height: int
    ) -> None:
        """One line of texts beside each other: text, size, colour, bold."""
        row = self._blank(height)
        draw = ImageDraw.Draw(row)
        left, baseline = float(_MARGIN), height - 12
        for text, size, color, bold in pieces:
            room = self.width - _MARGIN - left
            fitted, font = _fitted_text(text, size, bold, room)
            draw.text((left, baseline), fitted, fill=color, font=font, anchor="ls")
            left += draw.textlength(fitted, font=font) + 14
        self._rows.append(row)

    def paragraph(self, text: str, color: tuple[int, int, int]) -> None:
        """Wrapped text, at most four lines."""
        text, font = fonts.drawable(text, _BODY_PX)
        draw = ImageDraw.Draw(self._blank(1))
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if draw.textlength(longer, font=font) > self.width - 2 * _MARGIN and lines[-1]:
                lines.append(word)
            else:
                lines[-1] = longer
        for line in lines[:4]:
            self.text([(line, _BODY_PX, color, False)], 28)

    def tiles(self, row_tiles: Sequence[_Tile]) -> None:
        """Tiles beside each other with their captions below."""
        height = max(tile.image.height for tile in row_tiles)
        row = self._blank(height + _CAPTION + 6)
        draw = ImageDraw.Draw(row)
        left = _MARGIN
        for tile in row_tiles:
            row.paste(tile.image, (left, 0))
            caption, font = _fitted_text(tile.caption, _CAPTION_PX, False, tile.image.width)
            draw.text((left, height + 19), caption, fill=_SOFT, font=font, anchor="ls")
            left += tile.image.width + _GAP
        self._rows.append(row)

    def rule(self) -> None:
        """A thin line between parts."""
        row = self._blank(25)
        ImageDraw.Draw(row).line(
            [(_MARGIN, 14), (self.width - _MARGIN, 14)], fill=(226, 226, 223), width=1
        )
        self._rows.append(row)

    def finish(self) -> UInt8[np.ndarray, "H W 3"]:
        """All rows on one picture with margins."""
        height = sum(row.height for row in self._rows) + 2 * _MARGIN - 20
        picture = Image.new("RGB", (self.width, height), _GROUND)
        top = _MARGIN - 20
        for row in self._rows:
            picture.paste(row, (0, top))
            top += row.height
        return np.asarray(picture)

    def _blank(self, height: int) -> Image.Image:
        return Image.new("RGB", (self.width, height), _GROUND)


def draw_sheet(
    result: ObjectResult,
    parts: tuple[PartFacts, ...],
    scene: BundleScene | None,
    preview: UInt8[np.ndarray, "PH PW 3"] | None,
    store: BlobStore,
) -> UInt8[np.ndarray, "H W 3"]:
    """The contact sheet.

    Args:
        result: what the pipeline gave.
        parts: ``gather_parts(result)``.
        scene: the assembled object, or None.
        preview: the object from the input camera, or None.
        store: where the pictures are.

    Raises:
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
    """
    sheet = _Sheet(_CELL if len(parts) <= _MANY_PARTS else _SMALL_CELL)
    line = [wording.status(result, parts)]
    if result.assembled is not None:
        line.append(f"silhouette IoU {wording.share(result.assembled.silhouette_iou)}")
    sheet.text([(result.request.name, 27, _INK, True), (", ".join(line), 18, _SOFT, False)], 56)
    sheet.tiles(_object_tiles(result, scene, preview, store, sheet.width))
    for index, part in enumerate(parts, start=1):
        sheet.rule()
        _add_part(sheet, index, part, store)
    whole = [failure for failure in result.failures if failure.component is None]
    for failure in whole:
        sheet.rule()
        sheet.paragraph(f"{failure.stage} failed: {scrub_text(failure.message)}", _FAULT)
    return sheet.finish()


def _object_tiles(
    result: ObjectResult,
    scene: BundleScene | None,
    preview: UInt8[np.ndarray, "PH PW 3"] | None,
    store: BlobStore,
    width: int,
) -> list[_Tile]:
    side = (width - 2 * _MARGIN - 4 * _GAP) // 5
    size, paper = (side, side), Image.new("RGB", (side, side), _PAPER)
    source = Image.fromarray(codecs.get_image(store, result.request.image))
    shown = [_Tile(tiles.contained(source, size, paper), "source image")]
    if scene is None or preview is None:
        return shown
    seen = tiles.contained(Image.fromarray(preview).convert("RGBA"), size, paper)
    shown.append(_Tile(seen, "result, input camera"))
    for turn in _TURNS_DEG:
        camera = pictures.camera_around(scene.camera, scene.meshes, turn, size)
        picture = pictures.render_on_ground(scene.rendered, camera)[0]
        shown.append(_Tile(Image.fromarray(picture), f"result, turned by {turn:.0f}°"))
    camera = pictures.camera_around(scene.camera, scene.exploded, 25.0, size)
    clear = pictures.render_on_clear(scene.rendered_exploded, camera)
    picture = pictures.over(clear, np.full((side, side, 3), _PAPER, dtype=np.float64))
    shown.append(_Tile(Image.fromarray(picture), "parts pushed apart"))
    return shown


def _add_part(sheet: _Sheet, index: int, part: PartFacts, store: BlobStore) -> None:
    color = _FAULT if part.result is None or part.fits_image is False else _SOFT
    sheet.text(
        [
            (f"{index}", 21, _SOFT, False),
            (part.name, 21, _INK, True),
            (wording.part_summary(part), _BODY_PX, color, False),
        ],
        40,
    )
    placed = wording.placement_summary(part)
    if placed:
        sheet.text([(placed, _CAPTION_PX, _SOFT, False)], 26)
    if part.result is None:
        if part.failure is not None:
            sheet.paragraph(wording.told(scrub_text(part.failure.message), part.name), _FAULT)
        return
    size, paper = (sheet.cell, sheet.cell), Image.new("RGB", (sheet.cell, sheet.cell), _PAPER)
    row = [_isolated_tile(part, size, store)]
    for view in part.result.views.views[: _COLUMNS - 1]:
        image = Image.fromarray(codecs.get_image(store, view.image))
        row.append(_Tile(tiles.contained(image, size, paper), tiles.view_caption(view.camera)))
    sheet.tiles(row)


def _isolated_tile(part: PartFacts, size: tuple[int, int], store: BlobStore) -> _Tile:
    if part.result is None:
        return _Tile(tiles.checkerboard(*size), "")
    isolated = part.result.isolated
    rgba = codecs.get_image(store, isolated.rgba)
    left, top, right, bottom = tiles.crop_box(rgba[..., 3])
    imagined = codecs.get_mask(store, isolated.imagined)[top:bottom, left:right]
    rgba = rgba[top:bottom, left:right]
    line_px = max(1, round(2.0 * max(rgba.shape[:2]) / size[0]))
    image = Image.fromarray(tiles.with_imagined(rgba, imagined, line_px))
    share = float(imagined.sum() / max(1, int((rgba[..., 3] > 127).sum())))
    caption = f"isolated, {share:.0%} imagined" if share >= 0.005 else "isolated"
    return _Tile(tiles.contained(image, size, tiles.checkerboard(*size)), caption)


def _fitted_text(text: str, size: int, bold: bool, room_px: float | int) -> tuple[str, fonts.Font]:
    """The text, shortened with an ellipsis where it is wider than its room."""
    text, font = fonts.drawable(" ".join(text.split()), size, bold)
    if font.getlength(text) <= room_px:
        return text, font
    while text and font.getlength(f"{text}…") > room_px:
        text = text[:-1]
    return f"{text}…", font
