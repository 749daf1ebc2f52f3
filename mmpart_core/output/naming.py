"""File names of parts."""

from collections.abc import Sequence

from mmpart_core.intake.names import slug


def part_slugs(components: Sequence[str]) -> dict[str, str]:
    """One file-safe name per component, all different, the same for the same list.

    Args:
        components: names, in the request's order.

    Example:
        >>> part_slugs(["Seat", "seat!", "車輪"])
        {'Seat': 'Seat', 'seat!': 'seat-2', '車輪': '車輪'}
    """
    slugs: dict[str, str] = {}
    taken: set[str] = set()
    for component in components:
        slugs[component] = slug(component, taken)
        taken.add(slugs[component].casefold())
    return slugs
