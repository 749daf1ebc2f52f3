"""A table of settings: name, values, default and meaning, from pydantic's fields."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo

_BOUNDS = ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (Lt, "lt", "<"),
           (MinLen, "min_length", "length ≥"), (MaxLen, "max_length", "length ≤"))  # fmt: skip


def settings_table(
    fields: Mapping[str, FieldInfo], prefix: str, neutral: tuple[str, ...] = ()
) -> str:
    """Markdown.

    Args:
        fields: as ``model_fields`` of a pydantic model has them.
        prefix: of the names, such as ``mesh.``.
        neutral: names that are marked with a star.
    """
    rows = ["| setting | value | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in fields.items():
        star = " \\*" if name in neutral else ""
        cells = (f"`{prefix}{name}`{star}", _values(field), _default(field), _meaning(field))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _values(field: FieldInfo) -> str:
    bounds = "".join(f", {said}" for said in _bounds(field))
    return f"{_type(field.annotation)}{bounds}"


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice or json.dumps(choice)}`" for choice in get_args(annotation))
    inner = [each for each in get_args(annotation) if each is not Ellipsis]
    if inner:
        outer = get_origin(annotation)
        parts = dict.fromkeys("none" if each is type(None) else _type(each) for each in inner)
        listed = " or ".join(parts)
        return f"list of {listed}" if outer in (tuple, list) else listed
    words = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false"}
    name = getattr(annotation, "__name__", str(annotation))
    return words.get(name, name)


def _bounds(field: FieldInfo) -> Iterator[str]:
    for kind, attribute, sign in _BOUNDS:
        for each in field.metadata:
            if isinstance(each, kind):
                yield f"{sign} {getattr(each, attribute)}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    written = value if isinstance(value, str) and value else json.dumps(value, default=str)
    return f"`{written}`".replace("|", "\\|")


def _meaning(field: FieldInfo) -> str:
    text = " ".join((field.description or "").split())
    for sign in ("|", "*", "_", "<"):
        text = text.replace(sign, f"\\{sign}")
    return text
