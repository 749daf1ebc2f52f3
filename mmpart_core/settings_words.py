"""What is wrong with a setting, in plain words: what was expected, and what came."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from mmpart_core.quoting import quoted

_TYPES = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "dict": "a mapping of names to values",
    "model": "a mapping of names to values",
    "finite": "a finite number",
    "none": "nothing (null)",
    "path": "a path",
}
_LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("more than {}", "gt"),
    "greater_than_equal": ("at least {}", "ge"),
    "less_than": ("less than {}", "lt"),
    "less_than_equal": ("at most {}", "le"),
    "multiple_of": ("a multiple of {}", "multiple_of"),
    "string_too_short": ("at least {} characters", "min_length"),
    "string_too_long": ("at most {} characters", "max_length"),
    "too_short": ("at least {} entries", "min_length"),
    "too_long": ("at most {} entries", "max_length"),
    "literal_error": ("{}", "expected"),
    "enum": ("{}", "expected"),
    "string_pattern_mismatch": ("text of the form {}", "pattern"),
}
_WHOLE: Mapping[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "is missing; add it",
    "extra_forbidden": lambda _: "no such setting; correct or remove it",
    "value_error": lambda fault: str(fault.get("ctx", {}).get("error", fault["msg"])),
}


def fault_in_words(fault: ErrorDetails) -> str:
    """One fault of a pydantic validation error, without pydantic's own phrases.

    Args:
        fault: an entry of ``ValidationError.errors()``, with its input and context.

    Example:
        >>> from pydantic import TypeAdapter, ValidationError
        >>> try:
        ...     TypeAdapter(int).validate_python("abc")
        ... except ValidationError as error:
        ...     fault_in_words(error.errors()[0])
        "a whole number expected, got 'abc'"
    """
    kind = fault["type"]
    if kind in _WHOLE:
        return _WHOLE[kind](fault)
    return f"{_expected(kind, fault)} expected, got {quoted(fault['input'])}"


def _expected(kind: str, fault: ErrorDetails) -> str:
    if kind in _LIMITS:
        words, name = _LIMITS[kind]
        return words.format(_number(fault.get("ctx", {}).get(name)))
    head = kind.partition("_")[0]
    if kind == "int_from_float":
        return _TYPES["int"]
    if head in _TYPES:
        return _TYPES[head]
    message = fault["msg"].removeprefix("Input should be ").removeprefix("Value should be ")
    return message.removeprefix("a valid ")


def _number(value: Any) -> str:
    """``90`` for 90.0: limits are written as a reader would write them."""
    return f"{value:g}" if isinstance(value, float) else str(value)
