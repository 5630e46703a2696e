"""Which addresses a request may reach that somebody else's words cause: metadata, registration, tokens, keys. Pure.

A server names the place of its metadata, the metadata name the authorization server, and so on: each of them could
name a machine that only we can reach (server-side request forgery). So only public addresses over https are reached,
unless the admin has written the place down himself: the server's own address, an issuer, or `[network] allow`.

What counts is the address that is connected to, after every kind of name and number has been resolved.
"""

import ipaddress
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Address", "Origin", "Reach", "origin"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Origin = tuple[str, str, int]  # scheme, host, port

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Not for the internet, and still global to Python, or to some version of it.
_INSIDE = (
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's platform: metadata, DNS
    ipaddress.ip_network("192.0.0.0/24"),  # RFC 6890: protocol assignments; Oracle's metadata
    ipaddress.ip_network("192.88.99.0/24"),  # RFC 7526: relays that are no more
    ipaddress.ip_network("100::/64"),  # RFC 6666: discarded
    ipaddress.ip_network("3fff::/20"),  # RFC 9637: documentation
    ipaddress.ip_network("5f00::/16"),  # RFC 9602: segment routing
    ipaddress.ip_network("64:ff9b:1::/48"),  # RFC 8215: translation within one site
    ipaddress.ip_network("fec0::/10"),  # RFC 3879: site-local
    ipaddress.ip_network("::/96"),  # RFC 4291: IPv4-compatible
)


def origin(url: str) -> Origin | None:
    """Scheme, host and port, or None for what is no http(s) address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.rstrip("."), port or _PORTS[parts.scheme]


@dataclass(frozen=True, slots=True)
class Reach:
    """`networks` and `hosts` are the admin's exceptions; `origins` are addresses that he has configured whole."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    origins: frozenset[Origin] = frozenset()

    @classmethod
    def of(cls, allow: Sequence[str], configured: Collection[str] = ()) -> "Reach":
        """From `[network] allow` (networks, addresses, host names) and the addresses that the admin wrote himself."""
        networks, hosts = [], set()
        for item in allow:
            try:
                networks.append(ipaddress.ip_network(item, strict=False))
            except ValueError:
                hosts.add(item.lower().rstrip("."))
        origins = frozenset(found for url in configured if (found := origin(url)))
        return cls(tuple(networks), frozenset(hosts), origins)

    def flaw(self, url: str, address: Address) -> str:
        """Why this URL must not be fetched from this address; empty when it may be."""
        found = origin(url)
        if found is None:
            return "it is no http or https address"
        plain = _embedded(address)
        if found[0] == "http" and not plain.is_loopback:
            return "it is not https"
        if found in self.origins or found[1] in self.hosts or self._listed(address, plain):
            return ""
        return "" if _is_public(plain) and not _inside(address) else "it is a private address"

    def _listed(self, *addresses: Address) -> bool:
        return any(address in network for address in addresses for network in self.networks)


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not _inside(address)


def _inside(address: Address) -> bool:
    return any(address in network for network in _INSIDE)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4, Teredo, NAT64), or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return next(_within(address), address)


def _within(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    yield from (inner for inner in (address.ipv4_mapped, address.sixtofour) if inner)
    if address.teredo:
        yield address.teredo[1]
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
