"""The server: one thread per connection, endpoints answered by functions that the test gives."""

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from strict_openai import contract, prose
from strict_openai.failures import Reply, error
from strict_openai.requests import MalformedRequestError, Request, decode

Answer = Callable[[Request], dict[str, Any] | Reply]
API_KEY = "sk-proj-only-for-the-strict-server-0123456789"  # pragma: allowlist secret


class ModelServer:
    """A strict model server; use it as a context manager.

    Args:
        api_key: the bearer token that is let in.

    Attributes:
        base_url: address with ``/v1``.
        api_key: the bearer token.
        requests: what came and was well-formed, in order.
        violations: what broke the contract, in words.
        in_flight_most: how many requests were being answered at once, at most.
    """

    def __init__(self, api_key: str = API_KEY) -> None:
        self.api_key = api_key
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.in_flight_most = 0
        self._in_flight = 0
        self._lock = threading.Lock()
        self._answers: dict[str, Answer] = {}
        self._scripted: dict[str, deque[Reply]] = {}
        self._http = _Listener(("127.0.0.1", 0), _Handler)
        self._http.models = self
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "ModelServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, path: str, function: Answer) -> None:
        """Set what an endpoint (``/images/edits``, ``/responses`` ...) replies."""
        self._answers[path] = function

    def fail(self, path: str, *replies: Reply) -> None:
        """Queue replies that come before the usual answer, one per request."""
        self._scripted.setdefault(path, deque()).extend(replies)

    def calls(self, path: str) -> list[Request]:
        """The well-formed requests to one endpoint, in order."""
        with self._lock:
            return [request for request in self.requests if request.path == path]

    def reply(self, path: str, headers: dict[str, str], data: bytes) -> Reply:
        """What is sent for a request."""
        with self._lock:
            self._in_flight += 1
            self.in_flight_most = max(self.in_flight_most, self._in_flight)
        try:
            return self._checked_reply(path, headers, data)
        finally:
            with self._lock:
                self._in_flight -= 1

    def _checked_reply(self, path: str, headers: dict[str, str], data: bytes) -> Reply:
        if headers.pop("authorization", "") != f"Bearer {self.api_key}":
            return error(401, "Incorrect API key provided.", "invalid_request_error",
                         "invalid_api_key")  # fmt: skip
        if path not in contract.paths():
            self._break(f"{path}: no such endpoint")
            return error(404, f"Invalid URL (POST /v1{path})", "invalid_request_error")
        try:
            request = decode(path, headers, data)
        except MalformedRequestError as fault:
            self._break(f"{path}: {fault}")
            return error(400, str(fault), "invalid_request_error")
        kind = "multipart/form-data" if request.multipart else "application/json"
        faults = contract.request_faults(path, request.body, kind) or prose.faults(request)
        if faults:
            self._break(*(f"{path}: {fault}" for fault in faults))
            return error(400, "; ".join(faults)[:1000], "invalid_request_error")
        return self._answered(request)

    def _answered(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            scripted = self._scripted.get(request.path)
            reply = scripted.popleft() if scripted else None
            answer = self._answers.get(request.path)
        if reply is None and answer is None:
            self._break(f"{request.path}: the test gave no answer")
            return error(500, "no answer was given for this endpoint", "server_error")
        if reply is None and answer is not None:
            given = answer(request)
            reply = given if isinstance(given, Reply) else Reply(200, given)
        if reply is None or reply.drop or reply.unchecked:
            return reply or Reply(drop=True)
        faults = contract.response_faults(request.path, reply.status, reply.body)
        if faults:
            self._break(*(f"answer of {request.path}: {fault}" for fault in faults))
        return reply

    def _break(self, *lines: str) -> None:
        with self._lock:
            self.violations.extend(lines)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    models: ModelServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        listener = self.server
        if not isinstance(listener, _Listener):
            raise TypeError("served by another server")
        headers = {name.lower(): value for name, value in self.headers.items()}
        data = self.rfile.read(int(headers.get("content-length", 0)))
        path = self.path.removeprefix("/v1")
        reply = listener.models.reply(path, headers, data)
        if reply.delay_s:
            time.sleep(reply.delay_s)
        if reply.drop:
            # close() alone would leave a client with keep-alive waiting for its own timeout.
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        try:
            self._send(reply)
        except (BrokenPipeError, ConnectionResetError):  # the client has given up waiting
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        raw = isinstance(reply.body, bytes)
        payload = reply.body if raw else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("x-request-id", "req_strict")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
