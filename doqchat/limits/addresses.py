"""Addresses of clients, as limits count them."""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any

SCOPE_KEY = "doqchat.address"
"""The key of a connection's address in its ASGI scope, set by doqchat/serving/public_address.py."""


def address_of(scope: Mapping[str, Any]) -> str | None:
    """The address whose limits a connection counts towards; None for no limits.

    Without the site's middleware it is the peer's, unless that is on this machine: then it is usually a proxy.
    """
    if SCOPE_KEY in scope:
        known: str | None = scope[SCOPE_KEY]
        return known
    client = scope.get("client")
    return None if not client or is_loopback(client[0]) else network(client[0])


def network(address: str) -> str:
    """The network whose addresses one client may control: one IPv4 address, or an IPv6 network of 64 bits.

    What is no IP address, such as the path of a Unix socket, is returned as it is.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or f"{IPv6Address(int(ip) >> 64 << 64)}/64")
    return str(ip)


def is_loopback(address: str) -> bool:
    """Whether an address belongs to this machine; so does one that is not an IP address, such as a Unix socket's."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return True
