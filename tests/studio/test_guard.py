"""Who may ask, how much may be sent, what browsers may do with it."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from studio.guard import COOKIE
from studio.objects import KeptObject

Finished = tuple[str, KeptObject]
Browse = Callable[..., TestClient]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "evil.example:7860", "[::1"]
)
def test_a_name_made_to_resolve_to_loopback_is_refused(
    finished: Finished, browse: Browse, host: str
):
    answer = browse(finished[0]).get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "lamp" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:1234", "[::1]:7860", "LOCALHOST"])
def test_loopback_is_answered(finished: Finished, browse: Browse, host: str):
    assert browse(finished[0]).get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_other_sites_change_nothing(finished: Finished, browse: Browse, headers: dict[str, str]):
    url, kept = finished
    answer = browse(url).post(f"/objects/{kept.id}/delete", headers=headers)
    assert answer.status_code == 403
    assert browse(url).get(f"/objects/{kept.id}").status_code == 200


def test_its_own_pages_may(finished: Finished, browse: Browse):
    url, kept = finished
    own = {"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}
    assert browse(url).post(f"/objects/{kept.id}/stop", headers=own).status_code == 303


def test_beyond_loopback_the_address_holds_a_secret(finished: Finished, browse: Browse):
    pages = browse(finished[0], hosts=("*",), token="s3cret")
    assert pages.get("/").status_code == 401
    assert pages.get("/?token=other").status_code == 401
    assert pages.get("/static/studio.css").status_code == 401
    entered = pages.get("/?token=s3cret")
    assert entered.status_code == 303
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert pages.get("/", headers={"host": "gpu-box:7860"}).status_code == 200
    pages.cookies.clear()
    pages.cookies.set(COOKIE, "other")
    assert pages.get("/").status_code == 401


def test_policies_stand_on_every_page(finished: Finished, browse: Browse):
    url, kept = finished
    pages = browse(url)
    for path in ("/", "/new", f"/objects/{kept.id}", "/nothing", "/static/studio.js"):
        headers = pages.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"


def test_too_much_is_refused_however_it_is_sent(finished: Finished, browse: Browse):
    pages = browse(finished[0], max_upload_bytes=10_000)
    large = b"x" * 2_000_000
    told = pages.post("/new", files={"image": ("a.png", large)})
    assert told.status_code == 413
    body, kind = _multipart(large)
    chunked: Any = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
    answer = pages.post("/new", content=chunked, headers={"content-type": kind})
    assert answer.status_code == 413
    assert "--max-upload-mb" in answer.text
    little = pages.post("/new", files={"image": ("a.png", b"x" * 20_000)})
    assert little.status_code == 413


def _multipart(data: bytes) -> tuple[bytes, str]:
    head = b'--cut\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    return head + data + b"\r\n--cut--\r\n", "multipart/form-data; boundary=cut"
