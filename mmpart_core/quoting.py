"""Quotes what a user gave in a message, however large or strange it is."""

import reprlib
from collections.abc import Iterable

# A value of a usual list (a box, a short name, a sentence) fits whole; messages stay one paragraph.
MAX_CHARS = 120
MAX_ITEMS = 8
MAX_PATH_CHARS = 260  # the longest that all systems take
MAX_KEPT_PATH_CHARS = 1100  # an address with the longest key of an object store


class _BoundedRepr(reprlib.Repr):
    """``repr`` that visits at most a few items of a few levels, safe for shared data."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 6
        self.maxstring = self.maxlong = self.maxother = MAX_CHARS

    def repr_int(self, x: int, level: int) -> str:
        """Decimal digits; of numbers too long to print only how long they are."""
        # Python refuses decimal forms beyond 4300 digits, and forms near that take long.
        return repr(x) if x.bit_length() <= 256 else f"<number of {x.bit_length()} bits>"


_REPR = _BoundedRepr()


def quoted(value: object, max_chars: int = MAX_CHARS) -> str:
    """A value's ``repr``, cut in the middle where it is long; never more than ``max_chars``.

    Data that refer to themselves or share their parts (YAML aliases) cost no more than others.

    Args:
        value: anything that came from outside: plain data, text, a number.
        max_chars: most characters of the answer, at least 8.

    Example:
        >>> quoted("hat")
        "'hat'"
        >>> quoted([[1, 2], "x" * 500], max_chars=24)
        "[[1, 2], 'x...xxxxxxxx']"
    """
    return _cut(_REPR.repr(value), max_chars)


def shortened(text: str, max_chars: int = MAX_CHARS) -> str:
    """A text on one line, cut in the middle where it is longer than ``max_chars``.

    Example:
        >>> shortened("a long walk home", max_chars=11)
        'a lo...home'
    """
    return _cut(" ".join(text.split()), max_chars)


def shown_path(path: object) -> str:
    """A path or address in quotes, cut in the middle where no sane one is that long.

    Example:
        >>> shown_path("photos/a.png")
        "'photos/a.png'"
    """
    return f"'{_cut(str(path), MAX_PATH_CHARS)}'"


def kept_path(path: str) -> str:
    """A path or address as tables keep it: whole, unless nothing could be at one that long.

    Example:
        >>> len(kept_path("a" * 5000 + ".png")), kept_path("a/b  c.png")
        (1100, 'a/b  c.png')
    """
    return _cut(path, MAX_KEPT_PATH_CHARS)


def _cut(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    tail = (max_chars - 3) // 2
    return f"{text[: max_chars - 3 - tail]}...{text[len(text) - tail :]}"


def first_line(error: BaseException) -> str:
    r"""The first line of what an error says; libraries often go on with a trace or advice.

    Blank lines before it are passed over; an error without words gives an empty text.

    Example:
        >>> first_line(RuntimeError("no such file\ntry another"))
        'no such file'
    """
    return next(iter(str(error).strip().splitlines()), "").rstrip()


def quoted_list(values: Iterable[object], max_items: int = MAX_ITEMS) -> str:
    """Values quoted and joined by commas; of more than ``max_items`` the rest is counted.

    Example:
        >>> quoted_list(["hat", "man"])
        "'hat', 'man'"
        >>> quoted_list(range(12), max_items=3)
        '0, 1, 2 and 9 more'
    """
    items = list(values)
    shown = ", ".join(quoted(item, 60) for item in items[:max_items])
    rest = len(items) - max_items
    return f"{shown} and {rest} more" if rest > 0 else shown
