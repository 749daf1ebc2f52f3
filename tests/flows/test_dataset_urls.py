"""Images at web addresses: only from hosts that are allowed, and never from inside."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flows import dataset_urls
from flows.dataset_files import read_bytes, resolve, state_of
from flows.dataset_items import RowDefaults, check_row
from flows.dataset_manifest import ManifestRow
from mmpart_core.errors import InputError

HOST = "images.test"
WITH_PASSWORD = "https://me:pw@images.test/a.png"  # pragma: allowlist secret
GOOD = f"https://{HOST}/photos/chair.png"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (GOOD, "may be fetched from no host"),
        ("file:///etc/passwd", "name the path itself, without file://"),
        ("ftp://images.test/a.png", "not fetched from ftp addresses"),
        ("gopher://images.test/a.png", "not fetched from gopher addresses"),
    ],
)
def test_nothing_is_fetched_by_default(address: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_row(ManifestRow(1, "data.csv, row 1", {"image": address}), RowDefaults("."))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://images.test/a.png", "https on port 443 expected"),
        ("https://images.test:8443/a.png", "https on port 443 expected"),
        ("https://images.test:x/a.png", "no address"),
        ("https://images.test.evil.test/a.png", "only from images.test"),
        ("https://evil.test/images.test/a.png", "only from images.test"),
        ("https://images.test@evil.test/a.png", "only from images.test"),
        (WITH_PASSWORD, "holds a user or a password"),
        ("https://169.254.169.254/latest/meta-data", "only from images.test"),
    ],
)  # fmt: skip
def test_an_allowed_host_allows_nothing_else(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMPART_IMAGE_HOSTS", f" {HOST.upper()}, ")
    with pytest.raises(InputError, match=said) as caught:
        resolve(address, ".", "row 1", web=True)
    assert "pw" not in str(caught.value)
    with pytest.raises(InputError, match="not fetched from https"):
        resolve(GOOD, ".", "row 1")  # a component list


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:10.0.0.1",
               "100.64.0.1", "0.0.0.0", "224.0.0.1"],
)  # fmt: skip
def test_a_name_that_stands_for_a_private_address_is_refused(
    inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMPART_IMAGE_HOSTS", HOST)
    monkeypatch.setattr(dataset_urls, "addresses_of", lambda host: ["1.1.1.1", inside])
    with pytest.raises(InputError, match="no public address"):
        read_bytes(GOOD, "image", 1000)


def test_localhost_cannot_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMPART_IMAGE_HOSTS", "localhost")
    with pytest.raises(InputError, match="no public address"):
        read_bytes("https://localhost/a.png", "image", 1000)


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        seen: Any = self.server
        seen.asked.append((self.headers["Host"], self.path))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "https://127.0.0.1/inside")
            self.end_headers()
            return
        found = self.path == "/photos/chair.png"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b"x" * 5000)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is told."""


def certificate(folder: Path) -> Path:
    """A key, and a certificate for the host that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "host.pem"
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, plain)
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """A host that is allowed; what it was asked. Its address on this machine counts as public."""
    pem = certificate(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    asked: list[tuple[str, str]] = []
    server.asked = asked  # pyright: ignore[reportAttributeAccessIssue]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MMPART_IMAGE_HOSTS", HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    monkeypatch.setattr(dataset_urls, "PORT", server.server_address[1])
    monkeypatch.setattr(dataset_urls, "addresses_of", lambda host: ["127.0.0.1"])
    monkeypatch.setattr(dataset_urls, "is_public", lambda address: True)
    yield asked
    server.shutdown()
    server.server_close()


def test_an_image_of_an_allowed_host(host: list[tuple[str, str]]) -> None:
    assert read_bytes(resolve(GOOD, ".", "row 1", web=True), "image", 5000) == b"x" * 5000
    assert host == [(HOST, "/photos/chair.png")]
    assert state_of(GOOD, "image").mark == ""  # so it is looked at again in each run


@pytest.mark.parametrize(
    ("address", "most", "said"),
    [
        (GOOD, 4999, "more than 4999 bytes"),
        (f"https://{HOST}/moved", 5000, "not followed"),
        (f"https://{HOST}/absent.png", 5000, "answers 404"),
    ],
)
def test_what_is_no_image_of_it(
    host: list[tuple[str, str]], address: str, most: int, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read_bytes(address, "image", most)
    assert len(host) == 1


def test_another_hosts_certificate_is_refused(
    host: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMPART_IMAGE_HOSTS", "other.test")
    with pytest.raises(InputError, match="cannot be fetched"):
        read_bytes("https://other.test/photos/chair.png", "image", 5000)
    assert host == []


@pytest.mark.parametrize("path", ["a\x01b.png", "\ud800.png"])
def test_an_address_that_is_none_is_one_bad_row(host: list[tuple[str, str]], path: str) -> None:
    with pytest.raises(InputError, match="image"):
        read_bytes(f"https://{HOST}/{path}", "image", 5000)
    assert host == []
