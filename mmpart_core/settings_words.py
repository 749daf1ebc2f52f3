"""What is wrong with a setting, in plain words: what was expected, and what came."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
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
    "value_error": lambda fault: str(fault.get("ctx", {}).get("error", fault["msg"])),
}
_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
UNKNOWN = "extra_forbidden"


def fault_in_words(fault: ErrorDetails, model: type[BaseModel] | None = None) -> str:
    """One fault of a pydantic validation error, without pydantic's own phrases.

    Args:
        fault: an entry of ``ValidationError.errors()``, with its input and context.
        model: what was validated; with it, of a number out of range both limits are named, and of
            an unknown name the one that was probably meant.

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
    holder, name = _holder(model, fault["loc"])
    if kind == UNKNOWN:
        guess = did_you_mean(name, holder.model_fields if holder else ())
        return f"no such setting; {guess or 'correct or remove it'}"
    field = holder.model_fields.get(name) if holder else None
    limits = _limits(field) if field is not None and kind in _BOUNDS else None
    return f"{limits or _expected(kind, fault)} expected, got {_came(fault['input'])}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that names what was probably meant; empty where nothing is like it.

    Args:
        name: what came.
        known: what there is; of dotted names, the last piece alone is compared too.

    Example:
        >>> did_you_mean("step", ["steps", "start"])
        "did you mean 'steps'?"
        >>> did_you_mean("steps", ["reconstruct.steps", "mesh.kind"])
        "did you mean 'reconstruct.steps'?"
    """
    names = list(known)
    folded = name.casefold().replace("-", "_")
    found = get_close_matches(folded, names, n=1)
    if not found:
        tail = folded.rpartition(".")[2]
        tails = {each.rpartition(".")[2]: each for each in reversed(names)}
        found = [tails[each] for each in get_close_matches(tail, tails, n=1, cutoff=0.75)]
    return f"did you mean '{found[0]}'?" if found else ""


def _holder(
    model: type[BaseModel] | None, place: Sequence[int | str]
) -> tuple[type[BaseModel] | None, str]:
    """The model that a place inside a validated one belongs to, and its name there."""
    for piece in place[:-1]:
        field = model.model_fields.get(str(piece)) if model else None
        inner = field.annotation if field else None
        model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
    return model, str(place[-1]) if place else ""


def _limits(field: FieldInfo) -> str | None:
    """Both limits of a number in words; None where it has but one."""
    found = {
        name: _number(getattr(limit, name))
        for limit in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(limit, name, None) is not None
    }
    if found.keys() >= {"ge", "le"}:
        return f"{found['ge']} to {found['le']}"
    kinds = {code: words for words, code in _LIMITS.values()}
    low = next((kinds[name].format(found[name]) for name in ("ge", "gt") if name in found), None)
    high = next((kinds[name].format(found[name]) for name in ("le", "lt") if name in found), None)
    return f"{low} and {high}" if low and high else None


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


def _came(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "nothing" if value is None else quoted(value)


def _number(value: Any) -> str:
    """``90`` for 90.0: limits are written as a reader would write them."""
    return f"{value:g}" if isinstance(value, float) else str(value)
