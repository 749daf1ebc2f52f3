"""Plans that cannot be used are refused."""

import numpy as np
import pytest

from mmpart_core.errors import InputError, StageError
from mmpart_core.plan import checks
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.records import ComponentRequest, ImageRef, ObjectRequest, Region

IMAGE = ImageRef(sha256="0" * 64, size=1, media="image/png", width=100, height=80)


def request(region: Region | None = None) -> ObjectRequest:
    components = (ComponentRequest(name="hat", region=region), ComponentRequest(name="man"))
    return ObjectRequest(name="thing", image=IMAGE, components=components)


def object_mask() -> np.ndarray:
    mask = np.zeros((80, 100), dtype=bool)
    mask[20:60, 50:90] = True
    return mask


@pytest.mark.parametrize(
    "region",
    [
        None,
        Region(kind="box", box=(0.1, 0.1, 0.6, 0.5)),
        Region(kind="points", points=((0.1, 0.1), (0.7, 0.5))),
        Region(kind="polygon", polygon=((0.4, 0.2), (0.7, 0.2), (0.6, 0.6))),
    ],
)
def test_regions_on_the_object_pass(region: Region | None) -> None:
    checks.check_foreground(object_mask(), request(region))


@pytest.mark.parametrize(
    "region",
    [
        Region(kind="box", box=(0.0, 0.0, 0.3, 0.9)),
        Region(kind="points", points=((0.1, 0.1), (0.2, 0.9))),
        Region(kind="polygon", polygon=((0.0, 0.0), (0.3, 0.0), (0.3, 0.9))),
    ],
)
def test_region_beside_the_object_is_named(region: Region) -> None:
    with pytest.raises(InputError, match=f"the {region.kind} region of 'hat'"):
        checks.check_foreground(object_mask(), request(region))


def test_foreground_of_another_size_or_too_small_is_refused() -> None:
    with pytest.raises(StageError, match="got 80x100 px"):
        checks.check_foreground(object_mask().T.copy(), request())
    with pytest.raises(InputError, match=r"covers 0\.00 %"):
        checks.check_foreground(np.zeros((80, 100), dtype=bool), request())


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (("only the hat",), "2 prompts expected.*got 1"),
        (("a", "b", "c"), "got 3"),
        (("only the hat", "  "), "part 'man': its prompt is empty"),
        (("x" * 32001, "man"), "part 'hat': its prompt has 32001"),
    ],
)
def test_prompts_that_do_not_match_are_refused(prompts: tuple[str, ...], message: str) -> None:
    with pytest.raises(StageError, match=message):
        checks.check_draft(PlanDraft(prompts=prompts), request())


def test_matching_prompts_pass() -> None:
    checks.check_draft(PlanDraft(prompts=("hat", "man")), request())
