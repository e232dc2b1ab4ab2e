"""Where webhooks may be sent: to public addresses by HTTPS, unless the setting WEBHOOK_PRIVATE_TARGETS allows others.

The address is checked when the connection is opened, because a name can resolve to another one at any time.
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from httpcore2 import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError

from doqchat.conf import doqchat_settings

_GLOBAL_UNICAST, _NAT64 = IPv6Network("2000::/3"), IPv6Network("64:ff9b::/96")
"""IPv6 addresses of the internet, and those that contain an IPv4 address, RFC 6052."""


class PrivateTarget(ConnectError):
    """The host has no public address."""


def check_url(url: str) -> None:
    """Raises ValueError with a sentence if webhooks cannot be sent to a URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_("This is not a valid URL.")) from None
    private = doqchat_settings().webhook_private_targets
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise ValueError(_("The URL must begin with https://."))
    if not host or port == 0 or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(_("This is not a valid URL."))
    if parts.username is not None or parts.password is not None:
        raise ValueError(_("The URL must not contain a user name or a password: the signature authenticates webhooks."))
    if not private and _address(host) is not None and not is_public_address(host):
        raise ValueError(_("The address must be public."))


def is_public_address(address: str) -> bool:
    """Whether an IP address is on the internet, and not of this machine or its networks.

    An IPv4 address in an IPv6 address counts. 6to4 and Teredo, which are obsolete tunnels to one, are refused.
    """
    known = _address(address)
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is None and known not in _NAT64:
            return known in _GLOBAL_UNICAST and known.is_global and known.sixtofour is None
        known = IPv4Address(int(known) & 0xFFFFFFFF)
    return known is not None and known.is_global and not known.is_multicast and not known.is_reserved


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


class CheckedBackend(AsyncNetworkBackend):
    """Opens connections to the addresses that webhooks may be sent to."""

    def __init__(self) -> None:
        self._backend = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to an allowed address of a host.

        Raises:
            PrivateTarget: it has none.
            ConnectError: the name is unknown, or no address responds.
        """
        error: ConnectError = PrivateTarget(_("The host has no public address."))
        for address in await _resolved(host, port):
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except ConnectError as failed:
                error = failed
        raise error

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._backend.sleep(seconds)


async def _resolved(host: str, port: int) -> list[str]:
    """The allowed addresses of a host."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectError(_("The host's name cannot be resolved.")) from error
    addresses = dict.fromkeys(str(each[4][0]) for each in found)
    private = doqchat_settings().webhook_private_targets
    return [address for address in addresses if private or is_public_address(address)]
