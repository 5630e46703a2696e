"""What the three wire formats have in common: a request as any model hears it, a reply, a refusal. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from providers import Reply, Request

__all__ = [
    "Ask",
    "Complaint",
    "Event",
    "Format",
    "Reading",
    "Step",
    "Told",
    "Trouble",
    "as_text",
    "body",
    "frame",
    "headers_of",
    "pieces",
]

Trouble = Literal["invalid", "auth", "permission", "not_found", "too_large", "rate_limit", "overloaded", "server"]

Step = str | int  # of a path into a request's body

_ARGUMENTS = 12  # characters of a tool's arguments that come at once


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that its API would take. `wants` are words of the format's own, such as `usage`; `prompt` are the
    pieces of its beginning that may be cached."""

    request: Request
    stream: bool
    wants: frozenset[str] = frozenset()
    prompt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A reply to be written in a wire format. `number` counts this server's replies from 1; `odd` are the names of
    faults that change what is said, and not how it is sent."""

    ask: Ask
    reply: Reply
    number: int
    odd: frozenset[str] = frozenset()

    def identity(self, prefix: str, place: int = 0) -> str:
        """An id as the APIs make them: `msg_fake_000012_0`. The same for the same reply and place."""
        return f"{prefix}_fake_{self.number:06d}_{place}"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is answered in place of a reply. `kind` is a word of ours that each format has its own for."""

    status: int
    kind: Trouble
    message: str
    param: str | None = None
    code: str | None = None
    type: str | None = None  # the format's own word, where a fault asks for one


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event. `name` is None where the format gives none; `data` as text goes out as it is."""

    name: str | None
    data: Mapping[str, Any] | str


class Reading(Protocol):
    def __call__(self, body: Any, *, counting: bool = False) -> Ask: ...


@dataclass(frozen=True, slots=True)
class Format:
    """A wire format. `read` raises `checks.Refused` for what the real API answers 400 to.

    `events` ends with the event that says that all came; `interrupted` is an error amid a stream; `mistyped` has a
    number where a text belongs.
    """

    name: str
    request_id: str  # the header that carries a request's id
    read: Reading
    whole: Callable[[Told], Mapping[str, Any]]
    events: Callable[[Told], Sequence[Event]]
    error: Callable[[Complaint, str], Mapping[str, Any]]
    interrupted: Callable[[Complaint, str], Sequence[Event]]
    unknown: Event
    mistyped: Event
    counted: Callable[[int], Mapping[str, Any]]


def frame(event: Event) -> bytes:
    """The event as bytes (WHATWG HTML, section 9.2)."""
    data = event.data if isinstance(event.data, str) else as_text(event.data)
    name = f"event: {event.name}\n" if event.name else ""
    return f"{name}data: {data}\n\n".encode("utf-8", "surrogatepass")


def body(value: Mapping[str, Any]) -> bytes:
    return as_text(value).encode("utf-8", "surrogatepass")


def as_text(value: Mapping[str, Any]) -> str:
    """JSON on one line, as short as it goes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def pieces(arguments: str) -> Iterator[str]:
    """A tool's arguments as they form. At least one piece, so that a call without arguments is told, too."""
    yield from (arguments[at : at + _ARGUMENTS] for at in range(0, len(arguments) or 1, _ARGUMENTS))


def headers_of(form: Format, number: int) -> dict[str, str]:
    return {form.request_id: f"req_fake_{number:06d}"}
