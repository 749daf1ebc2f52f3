"""Pictures that a model drew of parts, rejected ones included, reach folder, manifest and page."""

import json
from pathlib import Path

import numpy as np
import pytest

from mmpart_core.config import PipelineConfig
from mmpart_core.output import bundle
from mmpart_core.records import IsolationTry, ObjectResult, PartFailure
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

Lamp = tuple[ObjectResult, MemoryStore]
HOSTILE = "part 'foot': <img src=x onerror='injected'> & a hand, seen in /home/ada/x.png"


def picture(store: MemoryStore, level: int) -> IsolationTry:
    rgba = np.full((48, 64, 4), level, np.uint8)
    return IsolationTry(
        answer=codecs.put_image(store, rgba), score=0.25, accepted=False, faults=("it is cut off",),
        seed=level, cost_usd=0.07,
    )  # fmt: skip


@pytest.fixture(scope="module")
def drawn(lamp: Lamp) -> Lamp:
    """The foot was drawn twice, the stem once and in vain, the globe by no model."""
    result, store = lamp
    rejected = picture(store, 60).model_copy(update={"faults": (HOSTILE, "it is cut off")})
    taken = picture(store, 90).model_copy(
        update={"accepted": True, "taken": True, "checked": True, "faults": (), "score": 0.875,
                "added": "An earlier attempt was rejected. This time: show the foot whole."}
    )  # fmt: skip
    foot, _, globe = result.parts
    isolated = foot.isolated.model_copy(update={"tries": (rejected, taken)})
    failure = PartFailure(
        component="stem", stage="isolate", error="BackendError", message="none can be used",
        tries=(picture(store, 120),),
    )  # fmt: skip
    parts = (foot.model_copy(update={"isolated": isolated}), globe)
    return result.model_copy(update={"parts": parts, "failures": (failure,)}), store


@pytest.fixture(scope="module")
def files(drawn: Lamp, config: PipelineConfig) -> dict[str, bytes]:
    return bundle.build_files(*drawn, config)


def test_every_picture_lies_in_the_folder_as_it_came(drawn: Lamp, files: dict[str, bytes]) -> None:
    result, store = drawn
    pictures = {name: data for name, data in files.items() if name.startswith("tries/")}
    first, second = result.parts[0].isolated.tries
    assert pictures == {
        "tries/foot-1.png": store.get(first.answer),
        "tries/foot-2.png": store.get(second.answer),
        "tries/stem-1.png": store.get(result.failures[0].tries[0].answer),
    }


def test_the_manifest_says_why_and_what_each_cost(files: dict[str, bytes]) -> None:
    manifest = json.loads(files["manifest.json"])
    foot, stem, globe = (part["tries"] for part in manifest["parts"])
    assert [(each["accepted"], each["taken"], each["checked"]) for each in foot] == [
        (False, False, False), (True, True, True),
    ]  # fmt: skip
    assert foot[0]["faults"] == [HOSTILE.replace("/home/ada/", "…/"), "it is cut off"]
    assert "show the foot whole" in foot[1]["added"]
    assert [each["cost_usd"] for each in foot] == [0.07, 0.07]
    assert foot[1]["score"] == 0.875
    assert [each["file"] for each in stem] == ["tries/stem-1.png"]
    assert globe == []
    digests = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    assert all(digests[each["file"]] == each["digest"] for each in [*foot, *stem])


def test_the_page_shows_them_small_with_texts_as_text(files: dict[str, bytes]) -> None:
    page = files["index.html"].decode()
    section = page[page.index('id="tries-title"') : page.index("</details></section>")]
    assert "3 pictures, 2 rejected, $0.21" in section
    assert section.count('src="data:image/webp;base64,') == 3
    assert section.count('<li class="rejected">') == 2
    assert "try 2: taken, score 0.88" in section
    assert "<img src=x" not in page
    assert "&lt;img src=x" in section
    assert "/home/ada" not in page


def test_without_pictures_there_is_no_section(lamp: Lamp, config: PipelineConfig) -> None:
    plain = bundle.build_files(*lamp, config)
    assert b"tries-title" not in plain["index.html"]
    assert not [name for name in plain if name.startswith("tries/")]


def test_pictures_of_an_earlier_run_are_replaced(
    lamp: Lamp, drawn: Lamp, config: PipelineConfig, tmp_path: Path
) -> None:
    bundle.write_bundle(*drawn, str(tmp_path), config=config)
    (tmp_path / "tries" / "mine.png").write_bytes(b"mine")
    assert len(list((tmp_path / "tries").iterdir())) == 4
    bundle.write_bundle(*lamp, str(tmp_path), config=config)
    assert [path.name for path in (tmp_path / "tries").iterdir()] == ["mine.png"]
