"""A part that agrees badly with the image is named wherever a result is looked at."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from mmpart_core.config import PipelineConfig
from mmpart_core.output import bundle, wording
from mmpart_core.output.part_facts import LEAST_SILHOUETTE_IOU, PartFacts, gather_parts
from mmpart_core.records import ObjectResult
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

Lamp = tuple[ObjectResult, MemoryStore]
NAMES = ("foot", "stem", "globe")


def with_overlaps(result: ObjectResult, *overlaps: float | None) -> ObjectResult:
    """The result with other overlaps of its parts with the image."""
    assembled = result.assembled
    assert assembled is not None
    placements = tuple(
        placement.model_copy(update={"silhouette_iou": overlap})
        for placement, overlap in zip(assembled.placements, overlaps, strict=True)
    )
    return result.model_copy(
        update={"assembled": assembled.model_copy(update={"placements": placements})}
    )


def parts_of(lamp: Lamp, *overlaps: float | None) -> tuple[PartFacts, ...]:
    return gather_parts(with_overlaps(lamp[0], *overlaps))


def test_the_threshold_is_told_by_the_digits_that_are_shown(lamp: Lamp):
    assert LEAST_SILHOUETTE_IOU == 0.8
    parts = parts_of(lamp, 0.796, 0.794, None)
    assert [part.fits_image for part in parts] == [True, False, None]
    assert [wording.share(0.796), wording.share(0.794)] == ["0.80", "0.79"]


def test_a_part_that_was_not_placed_was_not_measured(lamp: Lamp):
    parts = gather_parts(lamp[0].model_copy(update={"assembled": None}))
    assert {part.fits_image for part in parts} == {None}


def test_the_line_names_the_worst_first_and_counts_the_rest(
    lamp: Lamp, build_result: Callable[[list[str]], Lamp]
):
    assert wording.badly_fitting(parts_of(lamp, 0.9, None, 0.8)) == ""
    assert wording.badly_fitting(parts_of(lamp, 0.71, 0.9, 0.0)) == (
        "2 parts fit the image badly (silhouette IoU below 0.80): 'globe' 0.00, 'foot' 0.71; "
        "compare result and image in sheet.png"
    )
    one = wording.badly_fitting(parts_of(lamp, 0.9, 0.5, None))
    assert one.startswith("1 part fits the image badly (silhouette IoU below 0.80): 'stem' 0.50;")
    many = wording.badly_fitting(parts_of(lamp, 0.1, 0.2, 0.3) * 4)
    assert many.startswith("12 parts fit")
    assert "'stem' 0.20 and 4 more; compare" in many


@pytest.fixture(scope="module")
def files(lamp: Lamp, config: PipelineConfig) -> dict[str, bytes]:
    """A bundle in which only the stem does not fit."""
    return bundle.build_files(with_overlaps(lamp[0], 0.93, 0.31, None), lamp[1], config)


def test_manifest_and_page_say_which_part_it_is(files: dict[str, bytes]):
    manifest = json.loads(files["manifest.json"])
    assert [part["fits_image"] for part in manifest["parts"]] == [True, False, None]
    bad = [each for each in manifest["warnings"] if "fits the image badly" in each["message"]]
    assert [(each["component"], each["stage"]) for each in bad] == [("stem", "assemble")]
    message = bad[0]["message"]
    assert "overlap by 0.31 (IoU), at least 0.80 expected" in message
    assert {"stage": "assemble", "message": message} in manifest["parts"][1]["warnings"]
    page = files["index.html"].decode()
    assert "silhouette IoU 0.31, fits the image badly" in page
    assert "stem: fits the image badly: its outline" in page


def test_the_sheet_has_only_this_line_in_red(files: dict[str, bytes]):
    sheet = codecs.decode_png(files["sheet.png"], "RGB").astype(int)
    rows = np.flatnonzero((np.abs(sheet - (163, 38, 42)).max(axis=-1) < 12).sum(axis=1) > 3)
    assert len(rows) > 5
    assert rows[-1] - rows[0] < 24
    assert 0.4 < rows[0] / len(sheet) < 0.7
