"""Images at web addresses: refused unless whoever runs the machine allows the host.

Whoever writes a manifest could otherwise make this machine ask its own network for things. So a
host must be named in ``MMPART_IMAGE_HOSTS``; only https is spoken, on its own port; every address
that the host's name stands for must be a public one, and it is the address that was checked that
is connected to; redirects are not followed; an image's bytes are counted while they come.
"""

import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

import httpx

from mmpart_core.errors import InputError
from mmpart_core.quoting import first_line, quoted, shortened

HOSTS_VARIABLE = "MMPART_IMAGE_HOSTS"
PORT = 443
CONNECT_S, READ_S = 10.0, 30.0


def is_web(address: str) -> bool:
    """Whether an address is one of the web.

    Example:
        >>> is_web("HTTPS://example.org/a.png"), is_web("s3://bucket/a.png")
        (True, False)
    """
    return address.partition("://")[0].lower() in ("http", "https")


def allowed_hosts() -> tuple[str, ...]:
    """The hosts that images may come from, as the environment names them; none by default."""
    named = os.environ.get(HOSTS_VARIABLE, "")
    return tuple(host.strip().lower() for host in named.split(",") if host.strip())


def check_url(address: str, where: str) -> str:
    """Refuse an address before anything is asked of anybody.

    Args:
        address: of an image.
        where: manifest and row, for messages.

    Raises:
        InputError: not https, another port, credentials in it, or a host that is not allowed.
    """
    parts = _split(address, where)
    hosts = allowed_hosts()
    if (parts.hostname or "") not in hosts:
        allowed = f"only from {', '.join(hosts)}" if hosts else "from no host"
        raise InputError(
            f"{where}: {quoted(address)}: images may be fetched {allowed}, as whoever writes a "
            "manifest could reach this machine's network through web addresses; download it and "
            f"name the file, or name its host in {HOSTS_VARIABLE}"
        )
    if parts.scheme != "https" or parts.port not in (None, PORT):
        raise InputError(f"{where}: {quoted(address)}: https on port {PORT} expected")
    if parts.username is not None or parts.password is not None:
        raise InputError(
            f"{where}: an address at {parts.hostname} holds a user or a password; give the bare "
            "address"
        )
    return address


def _split(address: str, where: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises for one that is no number
    except ValueError as error:
        raise InputError(
            f"{where}: {quoted(address)}: no address ({shortened(str(error))})"
        ) from error
    return parts


def fetch_image(address: str, max_bytes: int) -> bytes:
    """The bytes at an address, never more than may be.

    Args:
        address: of an image.
        max_bytes: the most that is read.

    Raises:
        InputError: the address may not be asked (see above), gives no image, or too much.
    """
    parts = urlsplit(check_url(address, "image"))
    host = parts.hostname or ""
    target = _public_address(host)
    literal = f"[{target}]" if ":" in target else target
    path = parts.path or "/"
    url = f"https://{literal}:{PORT}{path}{'?' + parts.query if parts.query else ''}"
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    context = ssl.create_default_context()
    try:
        with (
            httpx.Client(verify=context, timeout=timeout, trust_env=False) as client,
            client.stream(
                "GET", url, headers={"Host": host}, extensions={"sni_hostname": host}
            ) as answer,
        ):
            return _content(answer, address, max_bytes)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        said = first_line(error) or type(error).__name__
        raise InputError(f"image {quoted(address)}: cannot be fetched ({said})") from error


def _content(answer: httpx.Response, address: str, max_bytes: int) -> bytes:
    if answer.is_redirect:
        raise InputError(
            f"image {quoted(address)}: the host answers with another address, which is not "
            "followed; name the address of the image itself"
        )
    if not answer.is_success:
        raise InputError(f"image {quoted(address)}: the host answers {answer.status_code}")
    found = bytearray()
    for piece in answer.iter_bytes():
        found += piece
        if len(found) > max_bytes:
            raise InputError(
                f"image {quoted(address)}: more than {max_bytes} bytes; is it the right address?"
            )
    return bytes(found)


def _public_address(host: str) -> str:
    """An address of a host, all of whose addresses are public ones.

    Raises:
        InputError: it has none, or one inside a private network.
    """
    try:
        found = addresses_of(host)
    except OSError as error:
        raise InputError(f"image host '{host}': not known ({error.strerror or error})") from error
    for address in found:
        if not is_public(address):
            raise InputError(
                f"image host '{host}': stands for {address}, which is no public address; images "
                "are not fetched from private networks"
            )
    return found[0]


def addresses_of(host: str) -> Sequence[str]:
    """All addresses of a host by name, in the resolver's order."""
    found = socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody may reach.

    Example:
        >>> is_public("127.0.0.1"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
        (False, False, False)
        >>> is_public("1.1.1.1")
        True
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # an IPv6 address with a zone is one of this link
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast
