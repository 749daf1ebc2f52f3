"""Corrected placements: where vertices land, and what is said of them."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from starlette.testclient import TestClient

from mmpart_core.geometry import transforms
from mmpart_core.output.bundle import build_files
from mmpart_core.storage import glb
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.library import ObjectLibrary
from studio.nudging import nudged_result
from studio.objects import KeptObject, Nudge
from studio.work import config_of
from tests.studio.conftest import kept_lamp

Finished = tuple[str, KeptObject]


def vertices(
    store: FsspecStore, kept: KeptObject, nudges: dict[str, Nudge]
) -> dict[str, np.ndarray]:
    """World vertices of each part with nudges, after a round through the file."""
    assert kept.result is not None
    made = nudged_result(kept.result, nudges, store).assembled
    assert made is not None
    return {node.name: node.world_mesh().vertices for node in glb.get_scene(store, made.glb)}


def test_a_part_moves_turns_and_grows_about_its_centre(finished: Finished):
    store, kept = FsspecStore(finished[0]), finished[1]
    before = vertices(store, kept, {})
    nudge = Nudge(move=(0.1, 0.2, 0.3), turn_deg=(0.0, 0.0, 90.0), scale=2.0)
    after = vertices(store, kept, {"stem": nudge})
    np.testing.assert_array_equal(after["foot"], before["foot"])
    stem = before["stem"]
    center = (stem.min(axis=0) + stem.max(axis=0)) / 2
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    expected = center + (0.1, 0.2, 0.3) + 2.0 * (stem - center) @ quarter.T
    np.testing.assert_allclose(after["stem"], expected, atol=1e-6)


def test_turns_are_about_x_then_y_then_z(finished: Finished):
    store, kept = FsspecStore(finished[0]), finished[1]
    before = vertices(store, kept, {})["stem"]
    after = vertices(store, kept, {"stem": Nudge(turn_deg=(90.0, 0.0, 90.0))})["stem"]
    center = (before.min(axis=0) + before.max(axis=0)) / 2
    about_x = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    about_z = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    expected = center + (before - center) @ (about_z @ about_x).T
    np.testing.assert_allclose(after, expected, atol=1e-6)


def test_the_record_tells_the_new_place_and_how_it_fits(finished: Finished):
    store, kept = FsspecStore(finished[0]), finished[1]
    assert kept.result is not None
    assert kept.result.assembled is not None
    nudge = Nudge(move=(0.0, 0.5, 0.0), scale=1.5)
    made = nudged_result(kept.result, {"globe <b>": nudge, "nobody": nudge}, store).assembled
    assert made is not None
    old = {each.component: each for each in kept.result.assembled.placements}
    new = {each.component: each for each in made.placements}
    assert new["foot"].world_from_part == old["foot"].world_from_part
    assert new["foot"].method == old["foot"].method
    changed = new["globe <b>"]
    assert changed.scale == pytest.approx(old["globe <b>"].scale * 1.5)
    assert transforms.similarity_scale(
        transforms.to_array(changed.world_from_part)
    ) == pytest.approx(changed.scale)
    assert changed.silhouette_iou is not None
    assert changed.silhouette_iou < 0.5  # half a unit beside where the image shows it
    assert changed.depth_uncertainty is None
    assert changed.method.endswith("corrected by hand")
    assert made.preview != kept.result.assembled.preview


def test_nothing_to_change_changes_nothing(finished: Finished):
    store, kept = FsspecStore(finished[0]), finished[1]
    assert kept.result is not None
    assert nudged_result(kept.result, {"stem": Nudge()}, store) is kept.result
    assert nudged_result(kept.result, {"nobody": Nudge(scale=2.0)}, store) is kept.result


def test_all_files_hold_the_corrected_place(finished: Finished):
    store, kept = FsspecStore(finished[0]), finished[1]
    assert kept.result is not None
    moved = nudged_result(kept.result, {"stem": Nudge(move=(0.0, 0.0, 0.25))}, store)
    files = build_files(moved, store, config_of(kept))
    (alone,) = glb.decode_glb(files["parts/stem.glb"])
    before = vertices(store, kept, {})["stem"]
    np.testing.assert_allclose(
        alone.world_mesh().vertices, before + np.array((0, 0, 0.25)), atol=1e-6
    )


def test_corrections_that_come_at_once_are_all_in_the_files(
    store: FsspecStore, browse: Callable[..., TestClient]
):
    kept, pages = kept_lamp(store), browse(store.url)
    library: ObjectLibrary = pages.app.state.studio.library
    address = f"/objects/{kept.id}/nudge"
    with ThreadPoolExecutor(2) as users:
        with library.writing_files(kept.id):
            asked = [
                users.submit(pages.post, address, data={"component": name, "move_z": "0.25"})
                for name in ("foot", "stem")
            ]
            while len(_kept(library, kept.id).nudges) < 2:
                time.sleep(0.01)
        assert [each.result().status_code for each in asked] == [303, 303]
    manifest = json.loads(library.file(kept.id, "manifest.json") or b"")
    methods = {part["component"]: part["placement"]["method"] for part in manifest["parts"]}
    by_hand = {name for name, method in methods.items() if method.endswith("corrected by hand")}
    assert by_hand == {"foot", "stem"}
    assert _kept(library, kept.id).corrected is not None


def _kept(library: ObjectLibrary, object_id: str) -> KeptObject:
    found = library.load(object_id)
    assert found is not None
    return found
