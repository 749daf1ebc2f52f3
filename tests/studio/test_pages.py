"""What the pages show, take and refuse, without any run."""

import io
import zipfile
from collections.abc import Callable
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmpart_core.storage import glb
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.library import ObjectLibrary
from studio.objects import KeptObject, Try
from tests.studio.conftest import failed_part, kept_lamp

Finished = tuple[str, KeptObject]
Browse = Callable[..., TestClient]


def png(side: int = 64) -> bytes:
    pixels = np.full((side, side, 4), 255, dtype=np.uint8)
    pixels[8:-8, 8:-8, :3] = (200, 40, 40)
    return encode_png(pixels)


def rows(names: list[str], regions: list[str] | None = None) -> dict[str, list[str] | str]:
    """The fields of the form."""
    return {
        "name": "pair",
        "part_name": names,
        "part_hidden": [""] * len(names),
        "part_count": ["1"] * len(names),
        "part_region": regions or [""] * len(names),
        "profile": "local",
        "seed": "0",
    }


def test_an_image_becomes_an_object_to_be_named(store: FsspecStore, browse: Browse):
    pages = browse(store.url)
    assert "Nothing here yet" in pages.get("/").text
    answer = pages.post("/new", files={"image": ("Toy <robot>.png", png())})
    assert answer.status_code == 303
    form = pages.get(answer.headers["location"])
    assert "Toy &lt;robot&gt;" in form.text
    assert "64 × 64 px" in form.text
    (object_id,) = ObjectLibrary(store).ids("robot")
    shown = pages.get(f"/objects/{object_id}/image?side=160")
    assert Image.open(io.BytesIO(shown.content)).size == (64, 64)
    assert pages.get(f"/objects/{object_id}").headers["location"].endswith("/edit")


@pytest.mark.parametrize("data", [b"", b"no image", png()[:60], b"<svg></svg>"])
def test_what_is_no_image_is_refused_and_not_kept(store: FsspecStore, browse: Browse, data: bytes):
    pages = browse(store.url)
    answer = pages.post("/new", files={"image": ("../../x.png", data)})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert ObjectLibrary(store).ids() == []


def test_an_estimate_keeps_the_form_and_tells_faults(store: FsspecStore, browse: Browse):
    pages = browse(store.url)
    place = pages.post("/new", files={"image": ("a.png", png())}).headers["location"]
    address = place.removesuffix("/edit")
    told = pages.post(f"{address}/estimate", data=rows(["hat", "hat"]))
    assert "taken by component 1" in told.text
    told = pages.post(f"{address}/estimate", data=rows(["hat", "head"]))
    assert "11 pieces of work to do" in told.text
    assert "no hosted model is asked" in told.text
    form = pages.get(place).text
    assert 'value="hat"' in form
    assert 'value="head"' in form
    refused = pages.post(f"{address}/plan", data=rows(["a/b"]))
    assert refused.status_code == 422
    assert "slashes" in refused.text


def test_a_hosted_profile_tells_its_price_and_never_the_key(
    store: FsspecStore, browse: Browse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
    pages = browse(store.url)
    place = pages.post("/new", files={"image": ("a.png", png())}).headers["location"]
    address = place.removesuffix("/edit")
    fields = {**rows(["hat", "head"]), "profile": "openai", "max_cost": "0.5"}
    told = pages.post(f"{address}/estimate", data=fields)
    assert "Expected cost: $" in told.text
    texts = [told.text, pages.get(place).text, pages.get("/").text, pages.get(address).text]
    assert not [text for text in texts if "planted" in text]
    kept = ObjectLibrary(store)
    assert "planted" not in str(kept.load(kept.ids()[0]))


def test_the_result_page_names_parts_as_text(finished: Finished, browse: Browse):
    url, kept = finished
    page = browse(url).get(f"/objects/{kept.id}")
    assert page.status_code == 200
    assert "complete: 3 parts" in page.text
    assert "globe &lt;b&gt;" in page.text
    assert "globe <b>" not in page.text
    assert f"/objects/{kept.id}/view#embedded" in page.text


def test_downloads(finished: Finished, browse: Browse):
    url, kept = finished
    pages = browse(url)
    whole = pages.get(f"/objects/{kept.id}/files/object.glb")
    assert whole.headers["content-type"] == "model/gltf-binary"
    assert "Table%20lamp-object.glb" in whole.headers["content-disposition"]
    assert [node.name for node in glb.decode_glb(whole.content)] == ["foot", "stem", "globe <b>"]
    archive = zipfile.ZipFile(io.BytesIO(pages.get(f"/objects/{kept.id}/parts.zip").content))
    assert sorted(archive.namelist()) == ["foot.glb", "globe-b.glb", "manifest.json", "stem.glb"]
    assert len(glb.decode_glb(archive.read("stem.glb"))) == 1
    view = pages.get(f"/objects/{kept.id}/view")
    assert view.headers["content-security-policy"] == "frame-ancestors 'self'"


@pytest.mark.parametrize(
    "name",
    ["../../objects/{id}.json", "..%2F..%2Fobjects%2F{id}.json", "parts%2F..%2Fmanifest.json",
     "x.glb", "/etc/passwd", "parts/", "..\\manifest.json"],
)  # fmt: skip
def test_only_listed_files_are_given(finished: Finished, browse: Browse, name: str):
    url, kept = finished
    path = f"/objects/{kept.id}/files/{name.format(id=kept.id)}"
    answer = browse(url).get(path)
    assert answer.status_code in (404, 307)
    assert '"draft"' not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/objects/20990101-000000-00000000", "/objects/%2e%2e", "/pictures/" + 64 * "0", "/pictures/x",
     "/objects/%2e%2e%2f/view", "/static/../app.py", "/static/%2e%2e/app.py"],
)  # fmt: skip
def test_what_is_not_there_is_told(finished: Finished, browse: Browse, path: str):
    answer = browse(finished[0]).get(path)
    assert answer.status_code == 404
    assert "class Studio" not in unquote(answer.text)


def test_pictures_are_small_and_only_pictures(finished: Finished, browse: Browse):
    url, kept = finished
    pages = browse(url)
    assert kept.result is not None
    part = kept.result.parts[0]
    seen = pages.get(f"/pictures/{part.isolated.rgba.sha256}?side=160")
    assert max(Image.open(io.BytesIO(seen.content)).size) == 160
    assert "immutable" in seen.headers["cache-control"]
    assert pages.get(f"/pictures/{part.mesh.mesh.sha256}").status_code == 404
    assert pages.get(f"/pictures/{part.isolated.rgba.sha256}?side=9999").status_code == 404


def test_a_nudge_is_kept_and_in_the_files(store: FsspecStore, browse: Browse):
    kept = kept_lamp(store)
    pages = browse(store.url)
    fields = {"component": "stem", "move_z": "0.25", "turn_z": "30", "scale": "1"}
    assert pages.post(f"/objects/{kept.id}/nudge", data=fields).status_code == 303
    assert "corrected" in pages.get(f"/objects/{kept.id}").text
    moved = {
        node.name: node.world_mesh().vertices.mean(axis=0)
        for node in glb.decode_glb(pages.get(f"/objects/{kept.id}/files/object.glb").content)
    }
    assert moved["stem"][2] == pytest.approx(-0.18 + 0.25, abs=1e-6)
    assert moved["foot"][2] == pytest.approx(-0.62, abs=1e-6)
    wrong = {"component": "stem", "scale": "0"}
    assert pages.post(f"/objects/{kept.id}/nudge", data=wrong).status_code == 422
    nobody = {"component": "nobody"}
    assert pages.post(f"/objects/{kept.id}/nudge", data=nobody).status_code == 404


def test_a_failed_part_tells_its_advice_and_its_tries(store: FsspecStore, browse: Browse):
    kept = kept_lamp(store)
    library = ObjectLibrary(store)

    def fail(now: KeptObject) -> KeptObject:
        bad = Try(begun_at="isolate", prompt="only the stem", seed=3, failure=failed_part("stem"))
        return now.model_copy(update={"tries": {**now.tries, "stem": (*now.tries["stem"], bad)},
                                      "chosen": {"stem": 0}})  # fmt: skip

    library.change(kept.id, fail)
    page = browse(store.url).get(f"/objects/{kept.id}").text
    assert "isolate: foreground covers 0.2 % of the image; describe it closer" in page
    assert "Try 2, seed 3" in page
    assert 'name="seed" type="number" min="0" max="4294967295" value="4"' in page
    pick = {"component": "stem", "position": "1"}
    assert browse(store.url).post(f"/objects/{kept.id}/pick", data=pick).status_code == 404


def test_work_that_the_studio_did_not_see_end_can_be_begun_again(
    store: FsspecStore, browse: Browse
):
    kept = kept_lamp(store)
    library = ObjectLibrary(store)
    library.change(kept.id, lambda now: now.model_copy(update={"state": "running"}))
    page = browse(store.url).get(f"/objects/{kept.id}").text
    assert "The studio ended while this was going on" in page
    assert "Approve and make it" in page


def test_history_is_searched_and_paged(store: FsspecStore, browse: Browse):
    pages = browse(store.url)
    library = ObjectLibrary(store)
    from studio.objects import Draft

    for number in range(30):
        library.create(Draft(name=f"chair {number}"), png(), (64, 64))
    first = pages.get("/")
    assert "30 objects" in first.text
    assert first.text.count('class="card"') == 24
    assert pages.get("/?page=2").text.count('class="card"') == 6
    assert pages.get("/?page=99").status_code == 200
    found = pages.get("/?q=chair+17", headers={"hx-request": "true", "hx-target": "cards"})
    assert "<html" not in found.text
    assert "chair 17" in found.text
    assert found.text.count('class="card"') == 1
    assert "&lt;script&gt;" in pages.get("/?q=<script>").text


def test_on_s3_it_is_the_same(s3_url: str, browse: Browse):
    kept = kept_lamp(FsspecStore(s3_url))
    pages = browse(s3_url)
    assert "Table lamp" in pages.get("/?q=lamp").text
    assert "complete: 3 parts" in pages.get(f"/objects/{kept.id}").text
    whole = pages.get(f"/objects/{kept.id}/files/object.glb").content
    assert len(glb.decode_glb(whole)) == 3


def test_an_object_is_forgotten(store: FsspecStore, browse: Browse):
    kept = kept_lamp(store)
    pages = browse(store.url)
    assert pages.post(f"/objects/{kept.id}/delete").headers["location"] == "/"
    assert pages.get(f"/objects/{kept.id}").status_code == 404
    assert pages.get(f"/objects/{kept.id}/files/object.glb").status_code == 404
