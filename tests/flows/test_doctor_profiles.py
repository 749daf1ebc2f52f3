"""What the doctor says of profiles: keys, ends of models, prices, licences."""

import datetime
from pathlib import Path

import pytest
import yaml

from flows import doctor_profiles
from flows.doctor import check_profile
from flows.doctor_profiles import examine_profile
from flows.profiles import find_config, profile_names

TODAY = datetime.date(2026, 11, 22)


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def written(folder: Path, **planner: object) -> str:
    stages = {"isolate": "regions", "multiview": "lift", "reconstruct": "nerfstudio",
              "mesh": "flexicubes", "assemble": "layout"}  # fmt: skip
    data: dict[str, object] = {stage: {"kind": kind} for stage, kind in stages.items()}
    data["plan"] = {"kind": "openai", "settings": planner}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return str(path)


def test_the_profiles_that_come_with_us() -> None:
    assert {"local", "groundtruth", "openai", "open-weights"} <= set(profile_names())
    assert examine_profile("local", TODAY).missing == ()
    assert check_profile("local").status == "works"


def test_the_hosted_profile_needs_its_key_and_tells_prices_and_terms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = examine_profile("openai", TODAY)
    assert len(report.missing) == 1  # one key, however many stages want it
    assert "the key OPENAI_API_KEY is not set, for plan and isolate: export" in report.missing[0]
    assert "Secret block 'openai-api-key'" in report.missing[0]
    check = check_profile("openai")
    assert check.status == "absent"
    assert check.advice.startswith("missing: the key OPENAI_API_KEY")
    told = " ".join(report.notes)
    assert "plan by gpt-6.1-terra $0.0190" in told
    assert "gpt-6.1-terra: hosted; OpenAI's terms of use" in told
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-looked-at")  # pragma: allowlist secret
    assert examine_profile("openai", TODAY).missing == ()
    assert "not-looked-at" not in str(check_profile("openai"))


def test_the_open_profile_has_no_licence_against_commerce() -> None:
    for line in examine_profile("open-weights", TODAY).notes:
        assert "non-commercial" not in line.lower()
        assert "not stated" not in line
        assert "NC" not in line


def test_the_open_profile_tells_what_it_will_fetch_and_where_it_is_slow(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor_profiles, "has_cuda", lambda: False)
    notes = examine_profile("open-weights", TODAY).notes
    fetched = [each for each in notes if "they are fetched at first use" in each]
    assert [each.partition(":")[0] for each in fetched] == ["plan", "isolate"]
    assert "plan and isolate: no CUDA device here" in notes[-1]
    monkeypatch.setattr(doctor_profiles, "has_cuda", lambda: True)
    assert "CUDA" not in str(examine_profile("open-weights", TODAY).notes)
    for name in ("openai", "local"):
        assert "fetched" not in str(examine_profile(name, TODAY).notes)


def test_the_open_profile_needs_a_commit_or_a_folder_of_the_isolator(tmp_path: Path) -> None:
    (missing,) = examine_profile("open-weights", TODAY).missing
    assert "isolate.revision" in missing
    assert check_profile("open-weights").status == "absent"
    for changes in ({"revision": "0123456789" * 4}, {"checkpoint": str(tmp_path)}):
        profile = find_config("open-weights").model_dump(mode="json")
        profile["isolate"]["settings"] |= changes
        path = tmp_path / "pinned.yaml"
        path.write_text(yaml.safe_dump(profile))
        assert examine_profile(str(path), TODAY).missing == ()


@pytest.mark.parametrize(
    ("planner", "missing", "noted"),
    [
        ({"model": "gpt-4"}, "", ""),
        ({"model": "gpt-4.1-nano"}, "gpt-4.1-nano was shut down on 2026-10-23", ""),
        ({"model": "gpt-5-mini"}, "", "gpt-5-mini is shut down on 2026-12-11, in 19 days"),
        ({"model": "mine"}, "", "plan by mine of unknown price"),
        ({"model": "mine", "input_usd": 1.0, "output_usd": 2.0}, "", "plan by mine $0.0100"),
        ({"model": "mine", "shutdown_date": "2026-11-01"}, "mine was shut down", ""),
        ({"api_key_variable": ""}, "", ""),
    ],
)
def test_models_near_their_end_and_without_price(
    tmp_path: Path, planner: dict[str, object], missing: str, noted: str
) -> None:
    report = examine_profile(written(tmp_path, **{"api_key_variable": "", **planner}), TODAY)
    assert missing in " ".join(report.missing)
    assert bool(missing) == bool(report.missing)
    assert noted in " ".join(report.notes)
