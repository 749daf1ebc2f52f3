"""The second look's settings: which server, which key, what it costs, when it is refused."""

import pytest

from mmpart_core.backends import check_settings
from mmpart_core.errors import ConfigError
from mmpart_core.hosted.settings import OPENAI_URL, hosted_models
from mmpart_core.isolate.backends import diffusers, openai
from mmpart_core.isolate.check_settings import CheckSettings
from mmpart_core.isolate.part_checker import open_checker


def test_where_it_looks_follows_the_isolator_and_keys_stay_with_their_server() -> None:
    def place(settings: CheckSettings) -> tuple[str, str]:
        (model,) = settings.further_models()
        return model.settings.base_url, model.settings.api_key_variable

    local = "http://localhost:8000/v1"
    own = {"base_url": local, "api_key_variable": "OTHER_KEY"}  # pragma: allowlist secret
    assert place(openai.Settings(check=True)) == (OPENAI_URL, "OPENAI_API_KEY")
    assert place(openai.Settings(check=True, **own)) == (local, "OTHER_KEY")
    assert place(openai.Settings(check=True, check_base_url=local)) == (local, "")
    named = openai.Settings(check=True, check_base_url=OPENAI_URL, **own)
    assert place(named) == (OPENAI_URL, "OPENAI_API_KEY")
    assert place(diffusers.Settings(check=True)) == (OPENAI_URL, "OPENAI_API_KEY")
    keyed = diffusers.Settings(check=True, check_base_url=local, check_api_key_variable="A_KEY")
    assert place(keyed) == (local, "A_KEY")


@pytest.mark.parametrize("kind", ["openai", "diffusers"])
def test_the_model_is_known_as_one_that_is_called_only_where_it_is(kind: str) -> None:
    without = check_settings("isolate", kind, {})
    asked = check_settings("isolate", kind, {"check": True})
    assert {model.prefix for model in hosted_models(without)} == (
        {""} if kind == "openai" else set()
    )
    assert {model.name for model in hosted_models(asked)} >= {"gpt-6.1-terra"}
    assert without.model_dump()["check_model"] == ""
    with pytest.raises(ConfigError, match="http or https"):
        check_settings("isolate", kind, {"check_base_url": "localhost:1"})


def test_its_price_is_part_of_what_a_part_costs() -> None:
    plain, looked = (
        openai.expected_cost_usd(openai.Settings(check=check)) for check in (False, True)
    )
    assert plain is not None
    assert looked is not None
    assert 0.002 < looked - plain < 0.05
    assert openai.expected_cost_usd(openai.Settings(check=True, check_model="own")) is None
    assert diffusers.expected_cost_usd(diffusers.Settings()) is None
    assert diffusers.expected_cost_usd(diffusers.Settings(check=True)) == pytest.approx(
        looked - plain
    )


def test_a_missing_key_stops_before_anything_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = "ABSENT_KEY"
    monkeypatch.delenv(absent, raising=False)
    with pytest.raises(ConfigError, match=r"isolate\.check_api_key_variable.*ABSENT_KEY"):
        open_checker(CheckSettings(check=True, check_api_key_variable=absent))
