"""Fonts for labels in any language, from what the machine has."""

import importlib.util
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SYSTEM_FOLDERS = {
    "darwin": ("/System/Library/Fonts", "/Library/Fonts"),
    "win32": ("C:/Windows/Fonts",),
}
_UNIX_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
_MOST_FILES = 400
_NO_GLYPH = "\U0010fffe"
_DOTTED_CIRCLE = "\u25cc"


def drawable(text: str, size_px: int, bold: bool = False) -> tuple[str, Font]:
    """A text as it can be drawn on this machine, and the font that draws it.

    Where no font has a character (or where Arabic and Hebrew cannot be set, which needs Raqm),
    accents are left out and other characters become their code points: ``U+8ECA U+8F2A``.

    Args:
        text: what is to be drawn.
        size_px: height of the em square.
        bold: a heavier face, where the font has one.
    """
    font = font_for(text, size_px, bold)
    lost = {char for char in text if not (_has_glyph(font, char) and _can_be_set(char))}
    if lost:
        text = "".join(_ascii_form(char) if char in lost else char for char in text)
        text, font = " ".join(text.split()), font_for("", size_px, bold)
    return text, font


def _can_be_set(char: str) -> bool:
    """Whether its script is laid out as it is read: right to left and joined, where it must be."""
    return unicodedata.bidirectional(char) not in {"R", "AL"} or bool(features.check("raqm"))


def _ascii_form(char: str) -> str:
    plain = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return plain if plain.strip() else f" U+{ord(char):04X} "


def font_for(text: str, size_px: int, bold: bool = False) -> Font:
    """A font that draws a text: DejaVu Sans, else a system font that has all its glyphs.

    Where no font has them, DejaVu draws its box for the missing ones.

    Args:
        text: what will be drawn.
        size_px: height of the em square.
        bold: a heavier face, where the font has one.
    """
    basic = _dejavu(size_px, bold)
    missing = "".join(sorted({char for char in text if not _has_glyph(basic, char)}))
    if not missing:
        return basic
    path = _system_font_with("".join(sorted(set(text))))
    return basic if path is None else ImageFont.truetype(path, size_px)


@lru_cache(maxsize=64)
def _dejavu(size_px: int, bold: bool) -> Font:
    """DejaVu Sans as matplotlib ships it, else the face that Pillow carries inside itself."""
    spec = importlib.util.find_spec("matplotlib")
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / name
        if path.is_file():
            return ImageFont.truetype(str(path), size_px)
    return ImageFont.load_default(size_px)


def _has_glyph(font: Font, char: str) -> bool:
    """Whether a font draws a character other than as its box for missing ones."""
    if char.isspace() or not char.isprintable():
        return True
    # A mark by itself is laid out on a dotted circle, and so is the box for a missing one.
    boxes = {_drawn(font, _NO_GLYPH), _drawn(font, _DOTTED_CIRCLE + _NO_GLYPH)}
    return _drawn(font, char) not in boxes


def _drawn(font: Font, text: str) -> bytes:
    """The pixels of a character or two, with their width."""
    width = max(1, round(font.getlength(text)))
    cell = Image.new("L", (2 * width + 8, 64))
    ImageDraw.Draw(cell).text((4, 32), text, fill=255, font=font, anchor="lm")
    return width.to_bytes(4, "big") + cell.tobytes()


@lru_cache(maxsize=128)
def _system_font_with(chars: str) -> str | None:
    """Path of the first system font that has all of some characters."""
    for path in _system_fonts():
        try:
            font = ImageFont.truetype(path, 16)
        except OSError:
            continue
        if all(_has_glyph(font, char) for char in chars):
            return path
    return None


@lru_cache(maxsize=1)
def _system_fonts() -> tuple[str, ...]:
    return tuple(path for path, _ in zip(_find_fonts(), range(_MOST_FILES), strict=False))


def _find_fonts() -> Iterator[str]:
    own = Path.home() / ".local" / "share" / "fonts"
    for folder in (*_SYSTEM_FOLDERS.get(sys.platform, _UNIX_FOLDERS), str(own)):
        for path in sorted(Path(folder).rglob("*")) if Path(folder).is_dir() else ():
            if path.suffix.lower() in {".ttf", ".ttc", ".otf"}:
                yield str(path)
