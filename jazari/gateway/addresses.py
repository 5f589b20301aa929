"""Which addresses the gateway dials: the check is on the address of the socket, so a name cannot be rebound past it."""

from __future__ import annotations

import ipaddress
from enum import StrEnum

from jazari.gateway.errors import AddressRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(StrEnum):
    """Which addresses may be dialled for a provider."""

    PUBLIC = "public"
    PRIVATE_TOO = "private-too"
    PRIVATE_ONLY = "private-only"


_PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
        "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip
_METADATA = [
    # Machines' credentials are served at these addresses of clouds; no provider of inference is there.
    ipaddress.ip_network(text)
    for text in ("169.254.169.254/32", "169.254.170.2/32", "100.100.100.200/32", "fd00:ec2::/32", "fd20:ce::254/128")
]
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NOT_GLOBAL = [
    # Deprecated relays, protocol assignments and documentation, whatever this version of Python says of them.
    ipaddress.ip_network(text)
    for text in ("192.88.99.0/24", "192.0.0.0/24", "2001::/23", "2001:db8::/32", "3fff::/20")
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOW_32_BITS = (1 << 32) - 1


def address_of(text: str) -> IPAddress | None:
    """``text`` as an IP address, or None where it is a name."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_loopback(text: str) -> bool:
    """Whether ``text`` is an address of this machine for itself, also in IPv6's clothes; False where it is none."""
    address = address_of(text)
    return address is not None and _carried(address).is_loopback


def check_address(address: IPAddress, reach: Reach = Reach.PUBLIC) -> None:
    """Raise ``AddressRefused`` unless ``reach`` allows to dial ``address``.

    An address that carries an IPv4 one inside (mapped, 6to4, NAT64) is judged by that one.
    """
    inner = _carried(address)
    private = _in(inner, _PRIVATE) and not _in(inner, _METADATA)
    allowed = private if reach is Reach.PRIVATE_ONLY else _is_public(inner)
    if reach is Reach.PRIVATE_TOO:
        allowed = allowed or private
    if not allowed:
        raise AddressRefused(_refusal(address, reach, private))


def _refusal(address: IPAddress, reach: Reach, private: bool) -> str:
    if private:
        return f"The address {address} is private: set private_address = true for the provider if you mean it."
    if reach is Reach.PRIVATE_ONLY:
        return f"The address {address} is not in your own network: use https to reach it."
    return f"The address {address} is none that a provider can have: correct the provider's address."


def _carried(address: IPAddress) -> IPAddress:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not _in(address, _NOT_GLOBAL)


def _in(address: IPAddress, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address in network for network in networks)


def check_text(text: str, reach: Reach) -> None:
    """``check_address`` of an address in text; one that cannot be read is refused."""
    address = address_of(text)
    if address is None:
        raise AddressRefused(f"{text[:60]!r} is no IP address: correct the provider's address.")
    check_address(address, reach)
