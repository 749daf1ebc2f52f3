"""The published schema: requests and answers that break it."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).resolve().parents[1] / "contract" / "openai-subset.yaml"
URI = "urn:openai-subset"


@cache
def specification() -> dict[str, Any]:
    """The specification as plain data."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with FILE.open(encoding="utf-8") as stream:
        return yaml.load(stream, Loader=loader)


@cache
def _validator(pointer: str, closed: bool) -> Draft202012Validator:
    registry = Registry().with_resource(URI, DRAFT202012.create_resource(specification()))
    schema: dict[str, Any] = {"$ref": f"{URI}#{pointer}"}
    if closed:  # a parameter that the endpoint does not know is a fault
        schema["unevaluatedProperties"] = False
    return Draft202012Validator(schema, registry=registry)


def _faults(pointer: str, value: Any, closed: bool) -> list[str]:
    found = sorted(_validator(pointer, closed).iter_errors(value), key=lambda each: each.json_path)
    return [f"{each.json_path}: {each.message[:300]}" for each in found]


def _pointer(*steps: str) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def paths() -> tuple[str, ...]:
    """The endpoints that the contract has."""
    return tuple(specification()["paths"])


def request_faults(path: str, body: Any, content_type: str) -> list[str]:
    """What of a request's body the schema refuses."""
    base = ("paths", path, "post", "requestBody", "content", content_type, "schema")
    accepted = specification()["paths"][path]["post"]["requestBody"]["content"]
    if content_type not in accepted:
        return [f"content type {content_type}: {', '.join(accepted)} expected"]
    return _faults(_pointer(*base), body, closed=True)


def response_faults(path: str, status: int, body: Any) -> list[str]:
    """What of an answer's body the schema refuses."""
    if status >= 400:
        return _faults("/components/schemas/ErrorResponse", body, closed=False)
    base = ("paths", path, "post", "responses", str(status), "content", "application/json")
    return _faults(_pointer(*base, "schema"), body, closed=False)
