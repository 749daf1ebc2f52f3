"""File names of parts: readable where the name allows, unique always."""

import re
import unicodedata
from collections.abc import Sequence

_MAX_LENGTH = 60


def slug(name: str) -> str:
    """Lower-case ASCII letters, digits and hyphens of a name; empty when none are left.

    Example:
        >>> slug("Vordere Räder (links)"), slug("車輪")
        ('vordere-rader-links', '')
    """
    ascii_text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")
    return words[:_MAX_LENGTH].strip("-")


def part_slugs(components: Sequence[str]) -> dict[str, str]:
    """One slug per component, all different, the same for the same list.

    A name without ASCII letters or digits becomes ``part-<position>``; a slug that is taken gets
    a number.

    Args:
        components: names, in the request's order.

    Example:
        >>> part_slugs(["Seat", "seat!", "車輪"])
        {'Seat': 'seat', 'seat!': 'seat-2', '車輪': 'part-3'}
    """
    slugs: dict[str, str] = {}
    taken: set[str] = set()
    for position, component in enumerate(components, start=1):
        base = slug(component) or f"part-{position}"
        candidate, number = base, 2
        while candidate in taken:
            candidate, number = f"{base}-{number}", number + 1
        taken.add(candidate)
        slugs[component] = candidate
    return slugs
