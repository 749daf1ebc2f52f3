"""Rules that OpenAI's reference tells in words only; the schema does not hold them."""

import base64
import re
from io import BytesIO
from typing import Any

from PIL import Image, UnidentifiedImageError

from strict_openai.requests import Request, Upload

MB = 1_000_000
KINDS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
SUFFIXES = {"image/png": (".png",), "image/jpeg": (".jpg", ".jpeg"), "image/webp": (".webp",)}
FIXED_SIZE_MODELS = ("gpt-image-1", "chatgpt-image", "dall-e")
FIXED_SIZES = {"1024x1024", "1536x1024", "1024x1536", "auto"}
# The common strict subset: what "strict": true accepts, see OpenAI's guide to structured outputs.
STRICT_KEYWORDS = {
    "$defs", "$ref", "additionalProperties", "anyOf", "const", "description", "enum", "items",
    "properties", "required", "title", "type",
}  # fmt: skip


def faults(request: Request) -> list[str]:
    """What of a request breaks a rule."""
    checks = {
        "/images/edits": _edit_faults,
        "/responses": _response_faults,
        "/chat/completions": _chat_faults,
    }
    return checks[request.path](request)


def _edit_faults(request: Request) -> list[str]:
    body = request.body
    found = [] if body.get("model") else ["model: always named, the default is undocumented"]
    if not 1 <= len(str(body.get("prompt", ""))) <= 32000:
        found.append("prompt: 1 to 32000 characters expected")
    if "response_format" in body:
        found.append("response_format: unsupported, answers are always base64")
    kind = body.get("output_format", "png")
    if body.get("background") == "transparent" and kind not in ("png", "webp"):
        found.append(f"background transparent: output_format png or webp expected, got {kind}")
    if "output_compression" in body and kind not in ("webp", "jpeg"):
        found.append(f"output_compression: for webp and jpeg only, got {kind}")
    found += _size_faults(str(body.get("model")), str(body.get("size", "auto")))
    found += _model_faults(str(body.get("model")), body)
    return found + (_upload_faults(request.files) if request.multipart else [])


def _size_faults(model: str, size: str) -> list[str]:
    if model.startswith(FIXED_SIZE_MODELS):
        return [] if size in FIXED_SIZES else [f"size {size}: {model} knows {sorted(FIXED_SIZES)}"]
    if size == "auto":
        return []
    match = re.fullmatch(r"([1-9][0-9]*)x([1-9][0-9]*)", size)
    if match is None:
        return [f"size {size}: auto or WIDTHxHEIGHT expected"]
    if not model.startswith("gpt-image-2"):  # other makers' models, on servers of one's own
        return []
    width, height = int(match[1]), int(match[2])
    rules = {
        "multiples of 16": width % 16 == 0 and height % 16 == 0,
        "a ratio of 1:3 to 3:1": max(width, height) <= 3 * min(width, height),
        "at most 3840x2160": max(width, height) <= 3840 and min(width, height) <= 2160,
        "0.65 to 8.3 megapixels": 0.65 <= width * height / 1e6 <= 8.3,
    }
    return [f"size {size}: {rule} expected" for rule, kept in rules.items() if not kept]


def _model_faults(model: str, body: dict[str, Any]) -> list[str]:
    found = []
    fidelity = body.get("input_fidelity")
    if fidelity is not None and model.startswith("gpt-image-2"):
        found.append(f"input_fidelity: must be left out for {model}")
    if fidelity == "high" and model == "gpt-image-1-mini":
        found.append("input_fidelity: gpt-image-1-mini knows low only")
    if body.get("quality") in ("xhigh", "max") and not re.match(r"gpt-image-2\.[56]", model):
        found.append(f"quality {body['quality']}: {model} knows low, medium, high, auto")
    if body.get("complexity") is not None and not model.startswith("gpt-image-2.6"):
        found.append(f"complexity: {model} does not know it")
    return found


def _upload_faults(files: dict[str, list[Upload]]) -> list[str]:
    found = []
    for name, uploads in files.items():
        for upload in uploads:
            found += [f"{name}: {fault}" for fault in _file_faults(upload, 50 * MB)]
    for mask in () if found else files.get("mask", ()):
        found += _mask_faults(mask, files["image"][0])
    return found


def _mask_faults(mask: Upload, image: Upload) -> list[str]:
    found = [f"mask: {fault}" for fault in _file_faults(mask, 4 * MB)]
    if mask.content_type != "image/png":
        return [*found, f"mask: a PNG expected, got {mask.content_type}"]
    with Image.open(BytesIO(mask.data)) as drawn, Image.open(BytesIO(image.data)) as first:
        if drawn.size != first.size:
            found.append(f"mask: {first.size} expected as the first image has, got {drawn.size}")
        if "A" not in drawn.getbands():
            found.append("mask: it has no alpha channel")
    return found


def _file_faults(upload: Upload, most: int) -> list[str]:
    if upload.content_type not in KINDS:
        return [f"content type {upload.content_type}: one of {sorted(KINDS)} expected"]
    if not upload.filename.lower().endswith(SUFFIXES[upload.content_type]):
        return [f"file name {upload.filename!r} does not fit {upload.content_type}"]
    if len(upload.data) >= most:
        return [f"{len(upload.data)} bytes, less than {most} expected"]
    return _picture_faults(upload.data, KINDS[upload.content_type])


def _picture_faults(data: bytes, kind: str) -> list[str]:
    try:
        with Image.open(BytesIO(data)) as image:
            image.verify()
            return [] if image.format == kind else [f"{kind} announced, {image.format} came"]
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        return [f"not an image ({error})"]


def _response_faults(request: Request) -> list[str]:
    found = [] if request.body.get("model") else ["model: missing"]
    layout = (request.body.get("text") or {}).get("format") or {}
    if layout.get("type") == "json_schema":
        found += _format_faults(layout)
    for item in request.body.get("input") or ():
        content = item.get("content") if isinstance(item, dict) else None
        for piece in content if isinstance(content, list) else ():
            if piece.get("type") == "input_image":
                found += data_url_faults(piece.get("image_url") or "")
    return found


def _chat_faults(request: Request) -> list[str]:
    layout = request.body.get("response_format") or {}
    found = _format_faults(layout["json_schema"]) if layout.get("type") == "json_schema" else []
    for message in request.body.get("messages") or ():
        content = message.get("content")
        for piece in content if isinstance(content, list) else ():
            if piece.get("type") == "image_url":
                found += data_url_faults(piece["image_url"]["url"])
    return found


def data_url_faults(url: str) -> list[str]:
    match = re.fullmatch(r"data:(image/[a-z]+);base64,([A-Za-z0-9+/=]+)", url)
    if match is None or match[1] not in KINDS:
        return [f"image URL {url[:40]!r}: a base64 data URL of png, jpeg or webp expected"]
    return _picture_faults(base64.b64decode(match[2]), KINDS[match[1]])


def _format_faults(layout: dict[str, Any]) -> list[str]:
    found = []
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(layout.get("name"))):
        found.append(f"format name {layout.get('name')!r}: [A-Za-z0-9_-]{{1,64}} expected")
    if layout.get("strict") is not True:
        found.append("format: strict true expected, else the schema is only a wish")
    return found + strict_faults(layout.get("schema") or {})


def strict_faults(schema: dict[str, Any], place: str = "schema") -> list[str]:
    """What of a JSON schema the strict mode refuses."""
    found = [f"{place}: keyword {word}" for word in sorted(set(schema) - STRICT_KEYWORDS)]
    if "$ref" in schema and len(schema) > 1:
        found.append(f"{place}: nothing may stand beside $ref")
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            found.append(f"{place}: additionalProperties false expected")
        if set(schema.get("required", ())) != set(properties):
            found.append(f"{place}: every property must be required")
    inner = {f"{place}.{name}": each for name, each in schema.get("properties", {}).items()}
    inner |= {f"{place}.$defs.{name}": each for name, each in schema.get("$defs", {}).items()}
    inner |= {f"{place}.anyOf[{k}]": each for k, each in enumerate(schema.get("anyOf", ()))}
    inner |= {f"{place}.items": schema["items"]} if "items" in schema else {}
    return found + [fault for at, each in inner.items() for fault in strict_faults(each, at)]
