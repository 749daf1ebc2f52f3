"""The strict model server with files and batches, as OpenAI's Batch API has them.

``BatchServer`` is a ``ModelServer``: what ``answer`` and ``fail`` say of an endpoint holds for the
lines of batches too, and each line's body is checked as a single request's is. A batch is done
after ``looks`` questions for its state. ``expire(count)``: the next batch ends after so many lines;
``refuse()``: the next one is refused whole; ``lose_reply()``: the next one is made, but nobody is
told. ``on_made`` is called when a batch was made, before its reply is sent.
"""

import json
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import batch_contract
from strict_openai.failures import Reply, error
from strict_openai.requests import MalformedRequestError, Request, decode
from strict_openai.server import ModelServer, _Handler, _Listener


class BatchServer(ModelServer):
    """A strict model server that takes batches.

    Args:
        looks: how often a batch's state is asked for until it is done.
        api_key: the bearer token that is let in.

    Attributes:
        batches: all that were made, by id, as the interface tells them.
        uploads: the content of files by id.
        looked: how often the state of a batch was asked for.
        on_made: called when a batch was made, before its reply is sent.
        lists: whether batches can be listed.
        page: how many are on one page of the list, at most.
    """

    lists = True
    page = 100

    def __init__(self, looks: int = 2, **given: Any) -> None:
        super().__init__(**given)
        self._http.RequestHandlerClass = _BatchHandler
        self.looks = looks
        self._lose: list[int] = []
        self._refusals = 0
        self._lost_replies = 0
        self.looked = 0
        self.on_made: Callable[[], None] | None = None
        self._left: dict[str, int] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, bytes] = {}
        self._files: dict[str, dict[str, Any]] = {}

    def expire(self, count: int) -> None:
        """The next batch expires when so many of its lines are answered."""
        self._lose.append(count)

    def refuse(self) -> None:
        """The next batch is refused when it is validated."""
        self._refusals += 1

    def lose_reply(self) -> None:
        """The next batch is made, and the connection ends before the reply."""
        self._lost_replies += 1

    def finish(self) -> None:
        """All batches are done at the next look, and later ones at their first."""
        self.looks = 1
        self._left = dict.fromkeys(self._left, 1)

    def sent(self) -> list[list[dict[str, Any]]]:
        """The lines of each batch, in order."""
        return [
            batch_contract.lines_of(self.uploads[each["input_file_id"]])
            for each in self.batches.values()
        ]

    def _checked_reply(self, path: str, headers: dict[str, str], data: bytes) -> Reply:
        if path not in ("/files", "/batches"):
            return super()._checked_reply(path, headers, data)
        if headers.pop("authorization", "") != f"Bearer {self.api_key}":
            return error(401, "Incorrect API key provided.", "invalid_request_error",
                         "invalid_api_key")  # fmt: skip
        try:
            request = decode(path, headers, data)
        except MalformedRequestError as fault:
            return self._refused(path, [str(fault)])
        name = "CreateFileRequest" if path == "/files" else "CreateBatchRequest"
        faults = batch_contract.schema_faults(name, request.body)
        faults += (
            batch_contract.file_faults(request) if path == "/files" else self._batch_faults(request)
        )
        if faults:
            return self._refused(path, faults)
        scripted = self._scripted.get(path)
        if scripted:
            return scripted.popleft()
        if path == "/files":
            return self._told("OpenAIFile", self._upload(request))
        made = self._told("Batch", self._make(request))
        if self.on_made is not None:
            self.on_made()
        if self._lost_replies:
            self._lost_replies -= 1
            return Reply(drop=True)
        return made

    def read(self, path: str, headers: dict[str, str]) -> Reply:
        """What is sent for a GET; ``body`` is bytes for a file's content."""
        if headers.get("authorization", "") != f"Bearer {self.api_key}":
            return error(401, "Incorrect API key provided.", "invalid_request_error",
                         "invalid_api_key")  # fmt: skip
        scripted = self._scripted.get(f"GET {urlsplit(path).path.split('/')[1]}")
        if scripted:
            return scripted.popleft()
        address = urlsplit(path)
        if address.path == "/batches" and self.lists:
            return self._listed(dict(parse_qsl(address.query)))
        if address.path == "/batches":
            return error(404, "Not found", "invalid_request_error")
        _, kind, name, *rest = address.path.split("/")
        if kind == "batches" and name in self.batches and not rest:
            return self._told("Batch", self._looked_at(name))
        if kind == "files" and name in self.uploads and rest == ["content"]:
            return Reply(200, self.uploads[name])
        if kind == "files" and name in self._files and not rest:
            return self._told("OpenAIFile", self._files[name])
        return error(404, f"No such object: {name}", "invalid_request_error")

    def _listed(self, query: dict[str, str]) -> Reply:
        """A page of batches, the latest first, as ``ListBatchesResponse`` has it."""
        if not set(query) <= {"limit", "after"} or not 1 <= int(query.get("limit", 20)) <= 100:
            return self._refused("GET /batches", [f"{query}: limit (1 to 100) and after expected"])
        names = list(reversed(self.batches))
        start = names.index(query["after"]) + 1 if "after" in query else 0
        chosen = names[start : start + min(int(query.get("limit", 20)), self.page)]
        more = start + len(chosen) < len(names)
        body = {"object": "list", "data": [self.batches[name] for name in chosen],
                "has_more": more}  # fmt: skip
        if chosen:
            body |= {"first_id": chosen[0], "last_id": chosen[-1]}
        return Reply(200, body)

    def _refused(self, path: str, faults: list[str]) -> Reply:
        self._break(*(f"{path}: {fault}" for fault in faults))
        return error(400, "; ".join(faults)[:1000], "invalid_request_error")

    def _told(self, name: str, body: dict[str, Any]) -> Reply:
        self._break(
            *(
                f"answer, {name}: {fault}"
                for fault in batch_contract.schema_faults(name, body, False)
            )
        )
        return Reply(200, body)

    def _batch_faults(self, request: Request) -> list[str]:
        known = str(request.body.get("input_file_id")) in self.uploads
        return [] if known else ["input_file_id: no such file"]

    def _upload(self, request: Request) -> dict[str, Any]:
        (upload,) = request.files["file"]
        return self._keep(upload.data, upload.filename, "batch")

    def _keep(self, content: bytes, filename: str, purpose: str) -> dict[str, Any]:
        name = f"file-{uuid.uuid4().hex}"
        self.uploads[name] = content
        self._files[name] = {
            "id": name, "object": "file", "bytes": len(content), "created_at": int(time.time()),
            "filename": filename, "purpose": purpose, "status": "processed",
        }  # fmt: skip
        return self._files[name]

    def _make(self, request: Request) -> dict[str, Any]:
        name = f"batch_{uuid.uuid4().hex}"
        body = request.body
        count = len(batch_contract.lines_of(self.uploads[body["input_file_id"]]))
        self.batches[name] = {
            "id": name, "object": "batch", "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"], "completion_window": "24h",
            "status": "validating", "created_at": int(time.time()),
            "metadata": body.get("metadata"),
            "request_counts": {"total": count, "completed": 0, "failed": 0},
        }  # fmt: skip
        self._left[name] = self.looks
        return self.batches[name]

    def _looked_at(self, name: str) -> dict[str, Any]:
        batch = self.batches[name]
        self.looked += 1
        self._left[name] -= 1
        if self._left[name] > 0:
            batch["status"] = "in_progress"
        elif self._left[name] == 0:
            self._process(batch)
        return batch

    def _process(self, batch: dict[str, Any]) -> None:
        lines = batch_contract.lines_of(self.uploads[batch["input_file_id"]])
        faults = batch_contract.line_faults(lines, batch["endpoint"])
        if faults:
            self._break(*(f"line {number}: {fault}" for number, fault in faults))
        if self._refusals:
            self._refusals -= 1
            faults.append((1, "the model may not be used in batches"))
        if faults:
            listed = [{"code": "invalid", "line": number, "message": fault, "param": None}
                      for number, fault in faults]  # fmt: skip
            batch |= {"status": "failed", "errors": {"object": "list", "data": listed}}
            return
        most = self._lose.pop(0) if self._lose else len(lines)
        done = [self._line_answer(line) for line in lines[:most]]
        lost = [{"id": "batch_req_x", "custom_id": line["custom_id"], "response": None,
                 "error": {"code": "batch_expired", "message": "This request expired."}}
                for line in lines[most:]]  # fmt: skip
        good = [each for each in done if (each["response"] or {}).get("status_code") == 200]
        bad = [each for each in done if each not in good] + lost
        batch["status"] = "expired" if lost else "completed"
        for field, answers in (("output_file_id", good), ("error_file_id", bad)):
            if answers:
                # In an order of the server's own: answers are told by their id alone.
                content = "".join(json.dumps(each) + "\n" for each in reversed(answers)).encode()
                batch[field] = self._keep(content, f"{field}.jsonl", "batch_output")["id"]
        batch["request_counts"] = {"total": len(lines), "completed": len(good),
                                   "failed": len(bad)}  # fmt: skip

    def _line_answer(self, line: dict[str, Any]) -> dict[str, Any]:
        reply = self._answered(Request(line["url"].removeprefix("/v1"), line["body"]))
        told: dict[str, Any] = {"id": f"batch_req_{uuid.uuid4().hex}",
                                "custom_id": line["custom_id"], "response": None,
                                "error": None}  # fmt: skip
        if reply.drop:
            return {**told, "error": {"code": "server_error", "message": "It failed."}}
        body = {"status_code": reply.status, "request_id": "req_strict", "body": reply.body}
        return {**told, "response": body}


class _BatchHandler(_Handler):
    def do_GET(self) -> None:  # noqa: N802  (the name that http.server calls)
        listener = self.server
        server: Any = listener.models if isinstance(listener, _Listener) else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = server.read(self.path.removeprefix("/v1"), headers)
        if reply.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif isinstance(reply.body, bytes):
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
        else:
            self._send(reply)
