"""Prices, shutdown dates, the limiter's clock."""

import datetime

import pytest

from mmpart_core.hosted.limiter import Limiter
from mmpart_core.hosted.model_facts import model_table, prices_of, shutdown_warning
from mmpart_core.hosted.secrets import without_keys
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.records import ModelUsage

TODAY = datetime.date(2026, 11, 22)
PLAIN = HostedSettings()


def test_a_dated_snapshot_costs_what_its_model_costs() -> None:
    assert prices_of("gpt-image-2-2026-04-21", PLAIN) == prices_of("gpt-image-2", PLAIN)
    assert prices_of("gpt-image-22", PLAIN) is None


def test_an_image_edit_by_hand() -> None:
    """100 words, 1000 tokens of image in, 2000 out: 0.0005 + 0.008 + 0.06 dollars."""
    prices = prices_of("gpt-image-2.6-sunburst", PLAIN)
    assert prices is not None
    assert prices.cost_usd(100, 2000, image=1000) == pytest.approx(0.0685)


@pytest.mark.parametrize(
    ("model", "settings", "words"),
    [
        ("gpt-image-1", PLAIN, ("was shut down on 2026-10-23; use gpt-image-2.6-sunburst", True)),
        ("gpt-4o-2024-08-06", PLAIN, ("is shut down on 2027-01-14, in 53 days", False)),
        ("gpt-6.1-terra", PLAIN, None),
        ("gpt-5.1", PLAIN, None),
        ("gpt-6.1-terra", HostedSettings(shutdown_date="2026-12-01"), ("in 9 days", False)),
        ("gpt-image-1", HostedSettings(shutdown_date="2028-01-01"), None),
        ("my-own-model", PLAIN, None),
    ],
)
def test_shutdowns_near_and_past(
    model: str, settings: HostedSettings, words: tuple[str, bool] | None
) -> None:
    found = shutdown_warning(model, settings, TODAY)
    if words is None:
        assert found is None
    else:
        assert found is not None
        assert words[0] in found[0]
        assert found[1] is words[1]


def test_the_default_models_have_prices_and_no_end() -> None:
    for model in ("gpt-6.1-terra", "gpt-image-2.6-sunburst"):
        facts = model_table().facts(model)
        assert facts.usd is not None
        assert facts.shutdown is None


def test_what_stands_in_for_a_model_is_not_itself_shut_down() -> None:
    table = model_table()
    for name, facts in table.models.items():
        if facts.instead:
            assert table.facts(facts.instead).shutdown is None, name


def test_calls_per_minute() -> None:
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    limiter = Limiter(4, 2, clock=lambda: now[0], sleep=sleep)
    begun = []
    for _ in range(5):
        with limiter.slot():
            begun.append(now[0])
            now[0] += 10.0
    assert begun == [0.0, 10.0, 60.0, 70.0, 120.0]
    assert waits == [40.0, 40.0]


def test_tokens_per_minute() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    limiter = Limiter(4, None, 1000, clock=lambda: now[0], sleep=sleep)
    begun = []
    for tokens in (300, 400, 200, 5000, 10):
        with limiter.slot() as call:
            begun.append(now[0])
            call.tokens = tokens
            now[0] += 10.0
    # 300 and 400 leave no room for a third that takes their mean; one alone is let through,
    # whatever it takes.
    assert begun == [0.0, 10.0, 60.0, 70.0, 130.0]


def test_calls_under_way_count_as_the_mean() -> None:
    waits: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    limiter = Limiter(4, None, 1000, clock=lambda: now[0], sleep=sleep)
    with limiter.slot() as first:
        first.tokens = 400
    with limiter.slot(), limiter.slot():
        assert waits == [60.0]


def test_usage_is_summed_and_an_unknown_price_stays_unknown() -> None:
    one = ModelUsage(model="m", calls=1, input_tokens=10, output_tokens=5, cost_usd=0.5)
    both = one.plus(one)
    assert (both.calls, both.input_tokens, both.output_tokens, both.cost_usd) == (2, 20, 10, 1.0)
    assert both.plus(ModelUsage(model="m", calls=1)).cost_usd is None


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-****************wxyz. See",
        "header Authorization: Bearer abcdefgh12345 was sent",
        "hf_abcdefghijklmnop",
    ],
)
def test_what_looks_like_a_key_is_removed(text: str) -> None:
    cleaned = without_keys(text)
    for word in ("wxyz", "abcdefgh"):
        assert word not in cleaned
