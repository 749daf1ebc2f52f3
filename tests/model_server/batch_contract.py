"""What files, batches and their lines must be, by the published contract of the Batch API."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from strict_openai import contract, prose
from strict_openai.requests import Request

FILE = Path(__file__).resolve().parent / "contract" / "openai-subset-batch.yaml"
URI = "urn:openai-subset-batch"
MOST_BYTES, MOST_LINES = 200_000_000, 50_000
LINE_KEYS = {"custom_id", "method", "url", "body"}


def lines_of(content: bytes) -> list[dict[str, Any]]:
    """The requests or answers in a file of a batch."""
    return [json.loads(line) for line in content.splitlines() if line.strip()]


def file_faults(request: Request) -> list[str]:
    """What is wrong with an upload beyond its schema."""
    found = [] if request.multipart else ["a form expected"]
    for upload in request.files.get("file", ()):
        if not upload.filename.endswith(".jsonl"):
            found.append(f"file name {upload.filename!r}: .jsonl expected")
        if len(upload.data) > MOST_BYTES or upload.data.count(b"\n") > MOST_LINES:
            found.append(f"{len(upload.data)} bytes: a smaller file expected")
    return found if request.body.get("purpose") == "batch" else [*found, "purpose: batch"]


def line_faults(lines: list[dict[str, Any]], endpoint: str) -> list[tuple[int, str]]:
    """What is wrong with the requests of a batch: number of the line, and the fault."""
    found: list[tuple[int, str]] = []
    names = [line.get("custom_id") for line in lines]
    for number, line in enumerate(lines, 1):
        if set(line) != LINE_KEYS or line["method"] != "POST" or line["url"] != endpoint:
            found.append((number, f"{sorted(line)}: {sorted(LINE_KEYS)}, POST {endpoint}"))
            continue
        if names.count(line["custom_id"]) > 1:
            found.append((number, f"custom_id {line['custom_id']} is there twice"))
        path = endpoint.removeprefix("/v1")
        request = Request(path, line["body"])
        faults = contract.request_faults(path, line["body"], "application/json")
        found += [(number, each) for each in faults or prose.faults(request)]
        for picture in line["body"].get("images", ()):
            found += [(number, each) for each in prose.data_url_faults(picture["image_url"])]
    models = {str(line.get("body", {}).get("model")) for line in lines}
    return found if len(models) < 2 else [*found, (1, f"one model expected, got {models}")]


def schema_faults(name: str, value: Any, closed: bool = True) -> list[str]:
    """What of a value a schema of the contract refuses."""
    schema: dict[str, Any] = {"$ref": f"{URI}#/components/schemas/{name}"}
    if closed:
        schema["unevaluatedProperties"] = False
    found = Draft202012Validator(schema, registry=_registry()).iter_errors(value)
    return [f"{each.json_path}: {each.message[:300]}" for each in found]


@cache
def _registry() -> Registry[Any]:
    loader: Callable[..., Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with FILE.open(encoding="utf-8") as stream:
        content = yaml.load(stream, Loader=loader)
    return Registry().with_resource(URI, DRAFT202012.create_resource(content))
