"""The ``openai`` profile whole: SDK traffic that fails in every way, a scored result, no key."""

from pathlib import Path

import pytest
from hosted_scenario import run_scenario

from tests.flows.conftest import box, write_glb

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.long]
# A lamp whose foot is partly hidden; everything that a model does not do is cheap.
LAMP = {
    "foot": box((-1.2, -1.2, 0.0), (1.2, 1.2, 0.5)),
    "shade": box((-0.8, -0.8, 0.5), (0.8, 0.8, 2.2)),
}
CHEAP = (
    "isolate.canvas_px=655360", "isolate.background=transparent", "multiview.kind=groundtruth",
    "multiview.size_px=128", "reconstruct.preset=preview", "reconstruct.resolution=48",
    "mesh.max_faces=1000", "mesh.texture_size_px=64", "whole_object_views=false",
    "assemble.fine_sweeps=0", "assemble.sweeps=1",
)  # fmt: skip


def test_the_profile_survives_every_failure_and_its_result_is_scored(tmp_path: Path) -> None:
    write_glb(tmp_path / "lamp.glb", LAMP)
    glb = (tmp_path / "lamp.glb").read_bytes()
    (tmp_path / "run").mkdir()
    found = run_scenario(tmp_path / "run", "lamp", glb, CHEAP, refused=False)
    # A blocked picture fails its part; the same command makes that part and nothing else.
    assert found.statuses == (3, 0), found.told
    assert "RefusedError" in found.told or "declined" in found.told
    assert found.violations == ()
    assert len(found.survived) == 11
    assert found.told_usd == pytest.approx(found.given_usd, abs=1e-6)
    # One plan after three failures; five failed edits, two parts, one of them drawn again.
    assert found.requests["/responses"] == 4
    assert found.requests["/images/edits"] == 8
    assert (found.holding_key, found.searched > 50) == ((), True)
    parts = {row.name: row for row in found.rows if row.level == "part"}
    assert {row.state for row in parts.values()} == {"scored"}
    # A hull of six outlines, placed by a coarse search alone; what is not placed has near 0.
    assert min(row.values["f_0.05"] for row in parts.values()) > 0.5
    assert max(row.values["centroid_error_pct"] for row in parts.values()) < 20.0
