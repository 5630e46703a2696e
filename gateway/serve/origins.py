"""From where a request may come: `Host`, `Origin` and `Sec-Fetch-Site`, looked at once, for every path. Pure.

A page in somebody's browser can send requests to loopback, and by DNS rebinding under a name of its own. Programs send
neither `Origin` nor `Sec-Fetch-Site`; a browser says truly what it does (https://www.w3.org/TR/fetch-metadata/).
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Origins", "is_loopback", "named_by"]

Headers = Iterable[tuple[bytes, bytes]]

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_FROM_ELSEWHERE = frozenset({b"cross-site", b"same-site"})  # another port of this host is the same site
_LOOKED_AT = frozenset({b"host", b"origin", b"sec-fetch-site"})
_URL = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")


@dataclass(frozen=True, slots=True)
class Origins:
    """`hosts` and `origins` are let in beside those of loopback: whole values, or `name:*` for any port."""

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def refusal(self, headers: Headers) -> tuple[int, str] | None:
        """The status and the reason, for a request that may not come from where it comes; None for one that may.

        400 without `Host` (RFC 9112 section 3.2), 421 for a host that we are not (RFC 9110 section 15.5.20), 403 for an
        origin (MCP, Transports).
        """
        host = origin = site = None
        for name, value in headers:
            if name not in _LOOKED_AT:
                continue
            if name == b"host" and host is None:
                host = value
            elif name == b"origin" and origin is None:
                origin = value
            elif name == b"sec-fetch-site" and site is None:
                site = value
            else:
                return 400, f"there are two `{name.decode()}` headers"
        if host is None:
            return 400, "there is no `Host` header"
        if not _is_us(host, self.hosts):
            return 421, "this is not the host that was asked for; `serve.allowed_hosts` says what else it is called"
        return self._of_a_page(origin, site) if origin is not None or site is not None else None

    def _of_a_page(self, origin: bytes | None, site: bytes | None) -> tuple[int, str] | None:
        if origin is not None and not self._may_ask(origin.decode("latin-1").lower()):
            return 403, "pages of this origin may not ask; `serve.allowed_origins` lists who else may"
        if origin is None and site is not None and site.lower() in _FROM_ELSEWHERE:
            return 403, "pages of other sites may not ask"
        return None

    def lists(self, origin: str) -> bool:
        """Whether an admin has named it. Pages of loopback may ask as well, but are shown nothing (`crossing`)."""
        scheme, slashes, host = origin.partition("://")
        match = _HOST.fullmatch(host)
        return bool(slashes and match) and _listed(origin, f"{scheme}://{match[1] if match else ''}", self.origins)

    def _may_ask(self, origin: str) -> bool:
        scheme, _, host = origin.partition("://")
        match = _HOST.fullmatch(host)
        local = match is not None and scheme in ("http", "https") and is_loopback(match[1])
        return local or self.lists(origin)


@lru_cache(256)  # there are few, and each request has one
def _is_us(host: bytes, hosts: tuple[str, ...]) -> bool:
    text = host.decode("latin-1").lower()
    match = _HOST.fullmatch(text)
    return match is not None and (is_loopback(match[1]) or _listed(text, match[1], hosts))


def named_by(target: bytes) -> bytes | None:
    """The host that a target names, if it is a whole URL: then it counts, and not `Host` (RFC 9112 section 3.2.2).

    Nobody's for a URL that is not HTTP's, and for one with credentials in it.
    """
    match = _URL.match(target)
    if match is None:
        return None
    return match[2] if match[1].lower() in (b"http", b"https") else b""


def _listed(text: str, without_port: str, allowed: Sequence[str]) -> bool:
    return any(text == one.lower() or f"{without_port}:*" == one.lower() for one in allowed)


def is_loopback(host: str) -> bool:
    """`localhost`, or an address written as addresses are written: `127.1` and `2130706433` are names to us."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
