"""What stands before every page: who may ask, how much may be sent, what browsers may load."""

import secrets
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "mmpart_studio"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Pages load only what this server has; htmx's own style is off, and it evaluates no text.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)


class Guard:
    """Refuses what does not come from the studio's own pages.

    A page of another site can make a browser send requests to this machine: so the host must be
    one of ours (against names that are made to resolve to loopback), and what changes something
    must come from a page of the same host. With a token, only browsers that know it get in.

    Args:
        app: what is guarded.
        hosts: names and addresses that the studio answers to, without ports.
        token: the secret of the address; empty where loopback is guard enough.
        max_body_bytes: more is not read.
    """

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], token: str, max_body_bytes: int
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.casefold() for host in hosts)
        self._token = token
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        body = _Body(receive, self._max_body_bytes)

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, body.receive, protected)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if "*" not in self._hosts and _host(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("This address is not the studio's.", 421)
        if self._token:
            entry = self._entry(Request(scope))
            if entry is not None:
                return entry
        if scope["method"] not in _READING and not _from_same_host(headers):
            return PlainTextResponse("Only the studio's own pages may change something.", 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._max_body_bytes:
            return PlainTextResponse(too_large(self._max_body_bytes).detail, 413)
        return None

    def _entry(self, request: Request) -> Response | None:
        """The way in with a token: once in the address, then in a cookie no script reads."""
        if secrets.compare_digest(request.cookies.get(COOKIE, "").encode(), self._token.encode()):
            return None
        given = request.query_params.get("token", "")
        if not secrets.compare_digest(given.encode(), self._token.encode()):
            return PlainTextResponse("Open the address that 'mmpart studio' printed.", 401)
        entered = RedirectResponse(request.url.path, 303)
        entered.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
        return entered


class _Body:
    """Counts what is sent, whatever the header said."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = self._left = limit

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise too_large(self._limit)
        return message


def too_large(limit: int) -> HTTPException:
    """What is raised for more than may be sent."""
    return HTTPException(
        413,
        f"More than {limit / 1e6:.0f} MB: choose a smaller image, or start the studio with a "
        "larger --max-upload-mb.",
    )


def _host(value: str) -> str:
    """The host of a Host header, without its port; empty where it is none."""
    try:
        return (urlsplit(f"//{value}").hostname or "").casefold()
    except ValueError:
        return ""


def _from_same_host(headers: Headers) -> bool:
    """Whether a request comes from a page of this server; no browser leaves out both headers."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin, host = headers.get("origin"), headers.get("host", "").casefold()
    return origin is None or origin.casefold() in (f"http://{host}", f"https://{host}")


def _add_headers(headers: MutableHeaders) -> None:
    headers.setdefault("Content-Security-Policy", _POLICY)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "SAMEORIGIN"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers.setdefault("Cache-Control", "no-store")
