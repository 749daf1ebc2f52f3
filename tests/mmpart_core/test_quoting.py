"""Quotes of data from outside stay short, whatever the data are."""

from collections.abc import Callable
from typing import Any

import pytest

from mmpart_core.errors import ConfigError, InputError
from mmpart_core.plain_yaml import MAX_VALUES, parse_yaml
from mmpart_core.quoting import MAX_CHARS, first_line, quoted, quoted_list, shortened

ALIAS_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12)
)


def shared_lists(levels: int) -> list[Any]:
    value: list[Any] = ["x"]
    for _ in range(levels):
        value = [value] * 10
    return value


def inside_itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


EXTREME: dict[str, Callable[[], object]] = {
    "text": lambda: "x" * 10_000_000,
    "number": lambda: 10**100_000,
    "negative number": lambda: -(16**4000),
    "mapping": lambda: {"k" * 50_000: ["v" * 50_000] * 50_000},
    "shared lists": lambda: shared_lists(30),
    "inside itself": inside_itself,
    "bytes": lambda: b"\xff" * 100_000,
    "many keys": lambda: {n: n for n in range(100_000)},
}


@pytest.mark.parametrize("name", EXTREME)
def test_quotes_are_short(name: str):
    value = EXTREME[name]()
    assert len(quoted(value)) <= MAX_CHARS
    assert len(quoted_list([value] * 1000)) < 700
    assert "\n" not in quoted(value)


@pytest.mark.parametrize("value", ["hat", 3, None, [10, 20, 200, 180], {"box": [1, 2]}, 2.5, True])
def test_usual_values_are_quoted_whole(value: object):
    assert quoted(value) == repr(value)


def test_long_quotes_keep_both_ends():
    cut = quoted("begin" + "x" * 500 + "end")
    assert cut.startswith("'begin")
    assert cut.endswith("end'")
    assert shortened("one\n two " + "x" * 500, 20).startswith("one two")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("no such file", "no such file"),
        ("no such file\ntry another", "no such file"),
        ("\n \r\n  size mismatch: \r\n  at layer 3", "size mismatch:"),
        (" \n", ""),
        ("", ""),
    ],
)
def test_an_errors_first_line_is_the_first_with_words(message: str, line: str):
    assert first_line(RuntimeError(message)) == line


def test_an_error_without_a_message_has_an_empty_first_line():
    assert first_line(AssertionError()) == ""


@pytest.mark.parametrize("text", [ALIAS_BOMB, MERGE_BOMB, "a: &a [*a]", "&a {k: *a}"])
def test_alias_bombs_are_refused_before_they_are_written_out(text: str):
    with pytest.raises(InputError, match="once its aliases") as caught:
        parse_yaml(text, "parts.yaml", InputError)
    assert str(MAX_VALUES)[:1] in str(caught.value)
    assert len(str(caught.value)) < 300


def test_aliases_that_repeat_a_little_are_read():
    text = "base: &b {count: 2}\nlist: [{<<: *b, name: hat}, *b]"
    assert parse_yaml(text, "x", InputError)["list"] == [{"count": 2, "name": "hat"}, {"count": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 2026-13-45", "x: not valid YAML"),
        ("n: " + "9" * 6000, "x: not valid YAML"),
        ("[" * 3000, "x: nested too deeply"),
        ("a: 1\nb: [", "x, line 2: not valid YAML"),
        ("a: *" + "b" * 5000, "x, line 1: not valid YAML"),
        ("a\0b", "x: not valid YAML"),
        ("--- 1\n--- 2", "x, line 2: not valid YAML"),
    ],
)
def test_faults_are_one_short_message(text: str, message: str):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_yaml(text, "x", ConfigError)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_empty_documents_hold_nothing(text: str):
    assert parse_yaml(text, "x", InputError) is None
