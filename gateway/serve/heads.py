"""What the head of a plain request says about it, as far as a head can. A client sends the same one with each call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.call import JsonObject
from gateway.caller import Caller
from gateway.serve.asking import Asker
from gateway.serve.sessions import Client
from gateway.values import value

__all__ = ["Head", "Said", "plain_head"]

Headers = Sequence[tuple[bytes, bytes]]  # as ASGI has them: names in lower case

_ACCEPTED = {b"application/json", b"text/event-stream"}


@value(frozen=True, slots=True)
class Said:
    """What a modern client said of itself in a request's `_meta`, and what follows from it. The head's `Mcp-Name` was
    that of the tool `name`.
    """

    meta: JsonObject
    client: Client
    caller: Caller
    name: str = ""


@dataclass(eq=False, slots=True)
class Head:
    """Who sends it, in which version and session; all fields, each of which stands there once.

    `said` is what came with it last: whoever says the same again is not looked at again.
    """

    asker: Asker
    fields: Mapping[str, str]
    version: str
    modern: bool
    said: Said | None = None

    @property
    def session(self) -> str | None:
        return self.fields.get("mcp-session-id")


def plain_head(headers: Headers, asker: Asker) -> Head | None:
    """The head of a program that speaks MCP, and wants nothing special; None for any other."""
    fields = dict(headers)
    plain = (
        len(fields) == len(headers)
        and fields.get(b"content-type") == b"application/json"
        and _takes_both(fields.get(b"accept", b""))
        and not any(name[:10] == b"mcp-param-" for name in fields)
    )
    if not plain:
        return None
    read = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields.items()}
    version = read.get("mcp-protocol-version", "")
    return Head(asker, read, version, version in MODERN_PROTOCOL_VERSIONS)


@lru_cache(256)  # a client says the same each time
def _takes_both(accept: bytes) -> bool:
    return {part.partition(b";")[0].strip().lower() for part in accept.split(b",")} >= _ACCEPTED
