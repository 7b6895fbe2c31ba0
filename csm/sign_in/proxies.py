"""From which address a request comes when proxies may stand between."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

# What a table of addresses says of a request that has none, as one over a local socket.
NOWHERE = "0.0.0.0"  # noqa: S104 - nobody listens there


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in trusted if each != "unix")


def client_address(request: HttpRequest) -> str | None:
    """The address of whoever asks; None when there is none to know.

    X-Forwarded-For is believed from TRUSTED_PROXIES only, and read from its end to the first address that
    is none of them: what stands before was written by whoever asks.
    """
    peer = _clean(request.META.get("REMOTE_ADDR", ""))
    if not _is_trusted(peer):
        return peer
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "")[-2_000:].split(",")
    for hop in reversed(hops):
        address = _clean(hop)
        if address is None:
            break
        peer = address
        if not _is_trusted(address):
            break
    return peer


def network_of(address: str) -> str:
    """What tries are counted by: a household has 2⁶⁴ addresses of the sixth version, and one of the fourth."""
    if isinstance(ip_address(address), IPv6Address):
        return str(ip_network(f"{address}/64", strict=False))
    return address


def _clean(text: str) -> str | None:
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    # A socket that listens to both versions names the fourth within the sixth.
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def _is_trusted(address: str | None) -> bool:
    trusted = tuple(settings.TRUSTED_PROXIES)
    if address is None:
        return "unix" in trusted
    at = ip_address(address)
    return any(at in network for network in _networks(trusted))
