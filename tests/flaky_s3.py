"""An S3 server that refuses, throttles, dawdles or breaks off, in front of a real one."""

import time
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

ANSWERS = {
    "403": b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
    "500": b"",
    "503": b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>",
}


class FlakyS3(ThreadingHTTPServer):
    """Passes requests on to a real S3 server, save those that ``faults`` says to fail.

    Attributes:
        faults: what happens to the next requests of a method: ``"503"``, ``"500"``, ``"drop"``
            (the connection ends half way through the request's body, or before the answer),
            ``"cut"`` (the answer ends half way), ``"slow"`` (it comes after a second), ``"403"``.
        seen: methods of all requests.
        always: happens to all requests; nothing else then does.
    """

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.upstream = urlsplit(upstream)
        self.faults: dict[str, list[str]] = {}
        self.seen: list[str] = []
        self.always = ""
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def fault_of(self, method: str) -> str:
        self.seen.append(method)
        if self.always:
            return self.always
        waiting = self.faults.get(method, [])
        return waiting.pop(0) if waiting else ""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FlakyS3

    def pass_on(self) -> None:
        fault = self.server.fault_of(self.command)
        size = int(self.headers.get("Content-Length") or 0)
        if fault == "drop":
            self.rfile.read(size // 2)
            self.close_connection = True
            self.connection.close()
            return
        body = self.rfile.read(size)
        if fault in ANSWERS:
            self._answer(int(fault), [], ANSWERS[fault])
            return
        if fault == "slow":
            time.sleep(1.0)
        host, port = self.server.upstream.hostname, self.server.upstream.port
        with closing(HTTPConnection(str(host), port, timeout=60)) as upstream:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            content = answer.read()
        self._answer(answer.status, answer.getheaders(), content, cut=fault == "cut")

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, cut: bool = False
    ) -> None:
        self.send_response_only(status)
        given = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        if "content-length" not in given:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.wfile.flush()
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is told."""


for _method in ("GET", "PUT", "HEAD", "DELETE", "POST"):
    setattr(_Passing, f"do_{_method}", _Passing.pass_on)
