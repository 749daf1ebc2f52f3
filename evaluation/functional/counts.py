"""Parts counted and named."""

import re
import unicodedata
from collections.abc import Collection, Mapping


def part_count_error(predicted: int, expected: int) -> int:
    """How many parts too many or too few."""
    return abs(predicted - expected)


def name_accuracy(matched: Mapping[str, str | None]) -> float | None:
    """Share of true parts whose matched prediction bears the same name.

    Args:
        matched: true part's name -> name of the prediction matched to it, None where there is
            none.

    Returns:
        None without true parts.

    Example:
        >>> name_accuracy({"seat": "Seat", "left leg": "left_leg", "back": "part_3", "arm": None})
        0.5
    """
    if not matched:
        return None
    right = sum(
        found is not None and plain_name(found) == plain_name(name)
        for name, found in matched.items()
    )
    return right / len(matched)


def success_rate(made: Collection[str], expected: Collection[str]) -> float | None:
    """Share of the expected parts that were made; None when none were expected."""
    return len(set(expected) & set(made)) / len(set(expected)) if expected else None


def plain_name(name: str) -> str:
    """A name for comparison: Unicode NFKC, lower case, words parted by single spaces.

    Example:
        >>> plain_name("Front_Wheel-L "), plain_name("wheel.001")
        ('front wheel l', 'wheel 001')
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\s_\-./]+", " ", text).strip()


def label_of(name: str) -> str:
    """The kind of part a name stands for: the plain name without a number at its end.

    Example:
        >>> label_of("leg_2"), label_of("Wheel.001"), label_of("7")
        ('leg', 'wheel', '7')
    """
    plain = plain_name(name)
    return re.sub(r"\s*\d+$", "", plain) or plain
