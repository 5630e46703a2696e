"""What a server is configured to be, and what it is found to be. Values only.

A secret is expanded when `ServerSpec.resolve` is called, at the moment of spawning or connecting, and shows in no repr.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from gateway.call import Subject
from gateway.upstream.auth.credentials import Carrier

__all__ = ["Era", "Http", "ServerSpec", "ServerStatus", "State", "Stdio", "Transport", "carrier_of", "longest_secret"]
__all__ += ["redacted"]

Era = Literal["auto", "legacy", "modern"]
State = Literal["connecting", "ready", "down"]

CALL_TIMEOUT = 60.0
SHORTEST_SECRET = 6  # a shorter value (`1`, `true`) is no secret, and blotting it out would spoil the text


@dataclass(frozen=True, slots=True)
class Stdio:
    """A program to start. `env` comes on top of HOME, LOGNAME, PATH, SHELL, TERM and USER; nothing else is passed.

    `secrets` are texts in any of this that may be shown nowhere; the values of `env` are such texts anyway.
    """

    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Http:
    """An address to connect to: Streamable HTTP, or with `sse` the deprecated HTTP+SSE transport.

    `secrets` are texts in it that may be shown nowhere; headers, user info and query values are such texts anyway.
    `carrier` puts a token on each request, where the server wants one.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sse: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    carrier: Carrier | None = None


Transport = Stdio | Http


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One server. `transport` may be a function that makes it, so that secrets are expanded only when they are needed.

    `trusted` says that its annotations are believed. Times are seconds; no call lasts longer than `call_timeout`,
    and no answer has more than `max_answer` bytes.
    Without `prefix` its tools keep their own names (`gateway.names`). There are `only` these of them (None: all), and
    none that is switched `off`.
    """

    name: str
    transport: Transport | Callable[[], Transport] = field(repr=False)
    trusted: bool = False
    era: Era = "auto"
    call_timeout: float = CALL_TIMEOUT
    connect_timeout: float = 30.0
    prefix: bool = True
    max_answer: int = 64 * 1024 * 1024
    only: frozenset[str] | None = None
    off: frozenset[str] = frozenset()

    def offers(self, tool: str) -> bool:
        return tool not in self.off and (self.only is None or tool in self.only)

    def resolve(self) -> Transport:
        """The transport with its secrets. Raises what the function raises, for example ConfigError."""
        return self.transport() if callable(self.transport) else self.transport

    def entered_as(self, subject: Subject | None) -> "ServerSpec":
        """The same server, to which connections are this subject's. None, or a server that takes everybody alike: as
        it was.
        """
        return self if subject is None else replace(self, transport=lambda: _entered(self.resolve(), subject))


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """How a server is now. `error` is the last failure, also when it is over; `connect_seconds` the last handshake.
    `gateways` as in `offer.About`."""

    name: str
    state: State
    era: Era
    protocol_version: str = ""
    server_info: str = ""
    tools: int = 0
    rejected: int = 0
    restarts: int = 0
    error: str = ""
    pid: int | None = None
    connect_seconds: float | None = None
    gateways: tuple[str, ...] = ()


def carrier_of(transport: Transport) -> Carrier | None:
    """What puts tokens on its requests, if anything does."""
    return transport.carrier if isinstance(transport, Http) else None


def _entered(transport: Transport, subject: Subject) -> Transport:
    if not isinstance(transport, Http) or transport.carrier is None or not transport.carrier.credentials.per_subject:
        return transport
    return replace(transport, carrier=replace(transport.carrier, owner=subject))


def redacted(text: str, transport: Transport) -> str:
    """The text without any secret that the transport was given, and without control characters."""
    for secret in sorted(_secrets(transport), key=len, reverse=True):
        text = text.replace(secret, "***")
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def longest_secret(transport: Transport) -> int:
    """In bytes: so much more of a text has to be kept for `redacted` to find each secret whole."""
    return max((len(secret.encode(errors="replace")) for secret in _secrets(transport)), default=0)


def _secrets(transport: Transport) -> Iterator[str]:
    for value in _values(transport):
        words = {value, *value.split()}  # `Bearer TOKEN` may be repeated as TOKEN, and a key line by line
        yield from (word for word in words if len(word) >= SHORTEST_SECRET)


def _values(transport: Transport) -> Iterator[str]:
    yield from transport.secrets
    if isinstance(transport, Stdio):
        yield from transport.env.values()
        return
    yield from transport.headers.values()
    yield from transport.carrier.credentials.secrets if transport.carrier else ()
    parts = urlsplit(transport.url)
    yield from (part for part in (parts.password, parts.username) if part)
    yield from (value for _, value in parse_qsl(parts.query))
