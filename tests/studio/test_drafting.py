"""The form of a new object: what it takes, and where it tells what is wrong."""

import numpy as np
import pytest

from mmpart_core.errors import ConfigError, InputError
from mmpart_core.records import Region
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.drafting import check_draft, max_cost_of, parse_region_text, studio_profiles
from studio.objects import ComponentRow, Draft


def picture() -> bytes:
    """100 x 50 pixels: a red and a blue half."""
    pixels = np.full((50, 100, 4), 255, dtype=np.uint8)
    pixels[5:45, 5:50, :3] = (200, 40, 40)
    pixels[5:45, 50:95, :3] = (40, 40, 200)
    return encode_png(pixels)


def draft(*rows: ComponentRow, **fields: str) -> Draft:
    return Draft(name="pair", rows=rows, **fields)  # pyright: ignore[reportArgumentType]


def test_lines_become_components_in_their_order(store: FsspecStore):
    checked = check_draft(
        draft(
            ComponentRow(name=" hat ", hidden="bald\r\nbelow", region="box 10 10 50 40"),
            ComponentRow(),
            ComponentRow(name="wheels", count="4", region="points 0.2,0.3; 0.5 0.5"),
            elevation="5",
            settings="reconstruct.preset=preview\n\nmesh.max_faces=500",
            seed="7",
        ),
        picture(),
        store,
    )
    assert checked.fault == ""
    job = checked.job
    assert job is not None
    hat, wheels = job.request.components
    assert (hat.name, hat.hidden, hat.count) == ("hat", "bald\nbelow", 1)
    assert hat.region == Region(kind="box", box=(0.1, 0.2, 0.5, 0.8))
    assert (wheels.count, wheels.region) == (
        4,
        Region(kind="points", points=((0.2, 0.3), (0.5, 0.5))),
    )
    assert job.request.view.elevation_deg == 5.0
    assert job.request.view.elevation_known
    assert job.seed == 7
    assert job.run.settings == ("reconstruct.preset=preview", "mesh.max_faces=500")
    assert job.store.has(job.request.image)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (ComponentRow(name="a/b"), "slashes"),
        (ComponentRow(name="hat", count="many"), "whole number from 1 to 64"),
        (ComponentRow(name="hat", count="0"), "whole number from 1 to 64"),
        (ComponentRow(name="hat", region="box 1 2 3"), "four numbers expected"),
        (ComponentRow(name="hat", region="circle 1 2 3"), "'box <left> <top>"),
        (ComponentRow(name="hat", region="mask /etc/passwd"), "'box <left> <top>"),
        (ComponentRow(name="hat", region="points 1,2 x"), "'box <left> <top>"),
        (ComponentRow(hidden="of nothing"), "name is empty"),
        (ComponentRow(name="Head"), "taken by component 1"),
    ],
)
def test_a_fault_stands_at_its_line(store: FsspecStore, row: ComponentRow, words: str):
    checked = check_draft(draft(ComponentRow(name="head"), row), picture(), store)
    assert checked.job is None
    good, bad = checked.draft.rows
    assert good.fault == ""
    assert words in bad.fault
    assert not bad.fault.startswith("component")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"profile": "/etc/passwd"}, "one of local"),
        ({"profile": "groundtruth"}, "one of local"),
        ({"seed": "-1"}, "whole number"),
        ({"seed": "1" * 20}, "whole number"),
        ({"settings": "nothing.here=1"}, "nothing"),
        ({"settings": "mesh.max_faces=lots"}, "mesh.max_faces"),
        ({"elevation": "steep"}, "elevation"),
        ({"max_cost": "much"}, "budget"),
        ({"name": "a/b"}, "slashes"),
    ],
)
def test_other_faults_are_told_as_well(store: FsspecStore, fields: dict[str, str], words: str):
    form = Draft.model_validate({"name": "pair", "rows": [{"name": "hat"}], **fields})
    checked = check_draft(form, picture(), store)
    assert checked.job is None
    assert words in checked.fault


def test_no_component_and_no_place_in_the_image_are_refused(store: FsspecStore):
    assert "no components" in check_draft(draft(ComponentRow()), picture(), store).fault
    outside = check_draft(
        draft(ComponentRow(name="hat", region="box 0 0 900 40")), picture(), store
    )
    assert "outside the image of 100x50 px" in outside.fault


def test_regions_are_read_as_component_lists_have_them():
    assert parse_region_text("  ") is None
    assert parse_region_text("box: 0.1, 0.2, 0.3, 0.4") == {"box": [0.1, 0.2, 0.3, 0.4]}
    assert parse_region_text("polygon 1 2 3 4 5 6") == {"polygon": [[1, 2], [3, 4], [5, 6]]}
    with pytest.raises(InputError, match="expected, in pixels"):
        parse_region_text("points 1 2 3")


def test_a_budget_is_dollars_and_needs_prices():
    from flows.profiles import find_config

    local = find_config("local")
    assert max_cost_of(Draft(max_cost=""), local) is None
    assert max_cost_of(Draft(max_cost="$0.50"), local) == 0.5
    unknown = find_config("openai", ["plan.model=somebodys-own"])
    with pytest.raises(ConfigError, match=r"budget 1: what plan\.model"):
        max_cost_of(Draft(max_cost="1"), unknown)


def test_profiles_that_need_a_known_scene_are_not_offered():
    assert "local" in studio_profiles()
    assert "groundtruth" not in studio_profiles()
