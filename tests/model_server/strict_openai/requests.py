"""An HTTP request, decoded: JSON bodies and multipart forms."""

import email.message
import email.parser
import json
import re
from dataclasses import dataclass, field
from typing import Any


class MalformedRequestError(ValueError):
    """A body that cannot be decoded."""


@dataclass(frozen=True)
class Upload:
    """A file of a form."""

    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Request:
    """What a client sent.

    Attributes:
        path: without the ``/v1``.
        body: the JSON body, or the form's fields with numbers and booleans as such; a file's
            place holds its name, several files of one field a list.
        files: uploads by field name, brackets left out.
        headers: lower-case names. The key is not kept.
        multipart: it was a form.
    """

    path: str
    body: dict[str, Any]
    files: dict[str, list[Upload]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    multipart: bool = False


def decode(path: str, headers: dict[str, str], data: bytes) -> Request:
    """Decode a request's body by its content type.

    Raises:
        MalformedRequestError: neither JSON nor a multipart form.
    """
    kind = headers.get("content-type", "")
    if kind.startswith("application/json"):
        try:
            body = json.loads(data)
        except ValueError as error:
            raise MalformedRequestError(f"not JSON: {error}") from error
        return Request(path, body, headers=headers)
    found = re.match(r'multipart/form-data; boundary="?([^";]+)"?', kind)
    if found is None:
        raise MalformedRequestError(f"content type {kind!r}: JSON or a multipart form expected")
    fields, files = _form(data, found[1].encode())
    return Request(path, fields, files, headers, multipart=True)


def _form(data: bytes, boundary: bytes) -> tuple[dict[str, Any], dict[str, list[Upload]]]:
    pieces = (b"\r\n" + data).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise MalformedRequestError("a form that does not end with its boundary")
    fields: dict[str, Any] = {}
    files: dict[str, list[Upload]] = {}
    for piece in pieces[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        message = email.parser.BytesParser().parsebytes(head + b"\r\n\r\n")
        name = str(message.get_param("name", header="content-disposition"))
        if message.get_filename() is None:
            _add(fields, name, _value(content.decode()))
        else:
            _add_file(fields, files, name, message, content)
    return fields, files


def _add_file(
    fields: dict[str, Any],
    files: dict[str, list[Upload]],
    name: str,
    message: email.message.Message,
    content: bytes,
) -> None:
    filename = str(message.get_filename())
    _add(fields, name, filename)
    upload = Upload(filename, message.get_content_type(), content)
    files.setdefault(name.removesuffix("[]"), []).append(upload)


def _add(fields: dict[str, Any], name: str, value: Any) -> None:
    if name.endswith("[]"):
        fields.setdefault(name.removesuffix("[]"), []).append(value)
    elif name in fields:
        raise MalformedRequestError(f"field {name!r} is there twice; a list is sent as '{name}[]'")
    else:
        fields[name] = value


def _value(text: str) -> Any:
    """A form's text as what the schema knows: a whole number, a boolean, else text."""
    if re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text)
