"""Calling addresses that colleagues typed in, without being made to call our own house.

The host is resolved once, every address it has must be a public one, and the call goes to exactly the
address that was looked at: a name that changes its mind between look and call gains nothing.
"""

import hashlib
import hmac
import ipaddress
import socket
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

import httpx
from django.conf import settings

from csm.lib.errors import WorkbenchError

TIMEOUT_SECONDS: Final = 5.0


class AddressRefused(WorkbenchError):
    """A webhook's address that must not be called."""


def check(url: str) -> None:
    """Raises AddressRefused, with a sentence, for an address that `post` would not call."""
    _resolved(_split(url))


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """POST `body` and return the HTTP status; redirects are not followed, the answer is not read.

    Raises AddressRefused, and httpx.HTTPError when nobody answers within 5 seconds.
    """
    parts = _split(url)
    address = _resolved(parts)
    host = f"[{address}]" if ":" in address else address
    port = f":{parts.port}" if parts.port else ""
    pinned = urlunsplit(parts._replace(netloc=f"{host}{port}", fragment=""))
    name = parts.hostname or ""
    # Neither a proxy nor credentials from the environment: they would resolve the name again.
    with (
        httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client,
        client.stream(
            "POST",
            pinned,
            content=body,
            headers={**headers, "Host": f"{name}{port}"},
            extensions={"sni_hostname": name},
        ) as response,
    ):
        return response.status_code


def signature(secret: str, body: bytes, seconds: int) -> str:
    """The header X-CSM-Signature: HMAC-SHA256 by `secret` over "<seconds>.<body>", in hex."""
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused(
            "That is no address: write it like https://hooks.example.com/…"
        ) from None
    schemes = {"https", "http"} if settings.WEBHOOK_ALLOW_PRIVATE else {"https"}
    if parts.scheme not in schemes:
        raise AddressRefused("A webhook's address starts with https://.")
    if not parts.hostname or parts.username or parts.password or port == 0:
        raise AddressRefused("A webhook's address has a host and neither user nor password.")
    return parts


def _resolved(parts: SplitResult) -> str:
    """The address to call. Raises AddressRefused when the host has none, or any that is not public."""
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(f"{host} cannot be found.") from None
    addresses = [str(entry[4][0]).split("%")[0] for entry in found]
    if not settings.WEBHOOK_ALLOW_PRIVATE and not all(map(_is_public, addresses)):
        raise AddressRefused(
            f"{host} is not a public address. An administrator may allow such with WEBHOOK_ALLOW_PRIVATE."
        )
    return addresses[0]


def _is_public(text: str) -> bool:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        # An address of the old kind in the clothes of the new.
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _is_public(str(inner))
        if address in _NAT64:
            return _is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    return address.is_global and not address.is_multicast


_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
