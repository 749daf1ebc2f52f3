"""Parts counted and named."""

import re
import unicodedata
from collections.abc import Collection, Mapping

from evaluation.functional import arguments
from mmpart_core.errors import ArgumentError


def part_count_error(predicted: int, expected: int) -> int:
    """How many parts too many or too few.

    Raises:
        ArgumentError: counts that are no whole numbers from 0 up.
    """
    counts = (
        arguments.whole_number("predicted", predicted),
        arguments.whole_number("expected", expected),
    )
    return abs(counts[0] - counts[1])


def name_accuracy(matched: Mapping[str, str | None]) -> float | None:
    """Share of true parts whose matched prediction bears the same name.

    Args:
        matched: true part's name -> name of the prediction matched to it, None where there is
            none.

    Returns:
        None without true parts.

    Raises:
        ArgumentError: something else than a mapping of names.

    Example:
        >>> name_accuracy({"seat": "Seat", "left leg": "left_leg", "back": "part_3", "arm": None})
        0.5
    """
    found_by_name = arguments.instance(
        "matched", matched, Mapping, "give true part's name -> name of its match, or None"
    )
    arguments.names("matched", list(found_by_name))
    arguments.names("matched", [each for each in found_by_name.values() if each is not None])
    if not matched:
        return None
    right = sum(
        found is not None and plain_name(found) == plain_name(name)
        for name, found in matched.items()
    )
    return right / len(matched)


def success_rate(made: Collection[str], expected: Collection[str]) -> float | None:
    """Share of the expected parts that were made; None when none were expected.

    Args:
        made: names of expected parts that were made.
        expected: names of all that were to be made.

    Raises:
        ArgumentError: no names, or a made part that was not expected: its name does not match, it
            is surplus, or the two arguments stand in the wrong order.

    Example:
        >>> success_rate(["seat"], ["seat", "back"])
        0.5
    """
    done, wanted = arguments.names("made", made), arguments.names("expected", expected)
    surplus = [name for name in done if name not in set(wanted)]
    if surplus:
        raise ArgumentError(
            f"made: expected names out of the {len(wanted)} expected ones, got '{surplus[0]}' and "
            f"{len(surplus) - 1} more besides; match names first, count surplus parts with "
            "part_count_error, and give made before expected"
        )
    return len(done) / len(wanted) if wanted else None


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
