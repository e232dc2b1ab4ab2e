"""Allowed origins: a browser lets any page open a socket to any host, and sends the page's Origin."""

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from doqchat.conf import doqchat_settings

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_ORIGIN = re.compile(r"(https?)://([^/?#@\\\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """The scheme, host and port of a page (RFC 6454), with the scheme's default port filled in."""

    scheme: str
    host: str
    port: str

    def __str__(self) -> str:
        """As browsers write it: without the scheme's default port."""
        default = self.port == _DEFAULT_PORTS[self.scheme]
        return f"{self.scheme}://{self.host}{'' if default else f':{self.port}'}"

    def is_at(self, host: str) -> bool:
        """Whether a Host header names the same host and port."""
        name, port = split_domain_port(host)
        return (name, port or _DEFAULT_PORTS[self.scheme]) == (self.host, self.port)


def parse_origin(text: str) -> Origin | None:
    """The origin, or None for `null` and for anything that is not the origin of a web page."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme = match[1].lower()
    host, port = split_domain_port(match[2])
    return Origin(scheme, host, port or _DEFAULT_PORTS[scheme]) if host else None


def unusable(text: str) -> str:
    """How to correct an entry of ORIGINS that no page can have as its origin; empty if one can."""
    scheme, separator, rest = text.partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if not separator or scheme.lower() not in _DEFAULT_PORTS:
        return f"Begin it with http:// or https://, as in https://{authority or text.strip('/')}."
    if "*" in text or authority.startswith("."):
        return "There are no wildcards: list each origin, as in https://app.example.org."
    if authority != rest or "@" in authority:
        return f"Leave out all but the scheme, host and port: {scheme}://{authority.rpartition('@')[2]}."
    if not text.isascii():
        return "Write the host as browsers send it, in Punycode: xn--…"
    origin = parse_origin(text)
    if origin is None or not _is_host(origin.host):
        return "Write the host as browsers send it: a name, or an IP address in its usual form."
    if not (len(origin.port) <= 5 and 0 < int(origin.port) < 65536 and origin.port[0] != "0"):
        return "Write a port from 1 to 65535, or none."
    return ""


def _is_host(host: str) -> bool:
    """Whether browsers send a host in this form (https://url.spec.whatwg.org/#host-serializing)."""
    if host.startswith("["):
        with suppress(ValueError):
            return f"[{IPv6Address(host[1:-1])}]" == host
        return False
    labels = host.split(".")
    if labels[-1].isdigit():
        with suppress(ValueError):
            return str(IPv4Address(host)) == host
        return False
    return all(labels)


def objection(scope: dict[str, Any], *, required: bool = False) -> str:
    """Why this page may not open a socket or make a call, and the remedy; empty if it may.

    Pages of the site itself and of ORIGINS may, and so may programs, which send no Origin, unless it is required. The
    site's scheme is unknown behind a proxy, so that both count as its own, unless ORIGINS has one for this Host. The
    Host must be in ALLOWED_HOSTS: otherwise a page whose host name resolves to this server (DNS rebinding) would pass
    as the site.
    """
    origins, hosts = _values(scope, b"origin"), _values(scope, b"host")
    if not origins:
        return "With a cookie this call needs the header Origin, or else a token." if required else ""
    origin = parse_origin(origins[0]) if len(origins) == 1 else None
    if origin is None:
        return "The Origin is not that of a web page; serve the page over http or https, or send no Origin."
    if len(hosts) != 1 or not validate_host(split_domain_port(hosts[0])[0], settings.ALLOWED_HOSTS):
        return "The Host is not one of this site's; connect to a host in ALLOWED_HOSTS, or add it there."
    listed = [each for each in map(parse_origin, doqchat_settings().origins) if each]
    own = [each for each in listed if each.is_at(hosts[0])]
    if origin in listed or (origin.is_at(hosts[0]) and not own):
        return ""
    return (
        f"Pages of {origins[0]} may not connect to {hosts[0]}; open the page at the server's own address, or add its"
        " origin to DOQCHAT_ORIGINS. A proxy must forward the Host with its port."
    )


def _values(scope: dict[str, Any], header: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == header]
