"""Servers and what they offer as it was pinned, and what was seen of what is held. Pure."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from gateway.call import JsonObject, canonical, pin_of
from gateway.names import split_path

__all__ = ["Accepted", "Identity", "Note", "Notes", "PinnedEntry", "PinnedServer", "Pins", "Reason", "schema_hash"]
__all__ += ["within"]

T = TypeVar("T")

Reason = Literal["changed", "new", "suspicious", "unpinned"]

_CONTRACT = ("inputSchema", "outputSchema", "annotations")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server is: how it is started or reached (without secrets), and what it calls itself (`serverInfo`)."""

    launch: str
    name: str = ""
    version: str = ""

    def same_as(self, other: "Identity") -> bool:
        """Whether it is the same program; a new version of it is."""
        return (self.launch, self.name) == (other.launch, other.name)

    def __str__(self) -> str:
        called = " ".join(part for part in (self.name, self.version) if part)
        return f"{self.launch} (calls itself {called})" if called else self.launch


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who took it as it is, and when (`2026-11-25T15:30:00Z`). `by` is a user, or says which rule did."""

    by: str
    at: str

    @property
    def by_person(self) -> bool:
        return self.by.startswith("user:")


@dataclass(frozen=True, slots=True)
class PinnedEntry:
    """A tool, a prompt, a server's instructions as they are relied on (`things` says what else). `schema` is the hash
    of a tool's input schema, output schema and annotations.

    `added_at` is set for what came when its server was pinned already, until a person has accepted it. `text` is the
    definition in canonical JSON: nobody reads most of them, and read they take five times as much memory.
    """

    text: str = field(repr=False)
    pin: str
    schema: str
    accepted: Accepted | None = None
    added_at: str = ""

    @classmethod
    def of(cls, definition: JsonObject, accepted: Accepted | None = None, added_at: str = "") -> "PinnedEntry":
        text = canonical(definition)
        return cls(text, _hashed(text), schema_hash(definition), accepted, added_at)

    @property
    def definition(self) -> JsonObject:
        """Read anew each time."""
        read: JsonObject = json.loads(self.text)
        return read

    @property
    def vouched(self) -> bool:
        """Whether a person has accepted exactly this."""
        return self.accepted is not None and self.accepted.by_person


@dataclass(frozen=True, slots=True)
class PinnedServer:
    """A server, and what it offers by name (`Thing.name`). `accepted`: somebody took it for another program than at
    first sight. `tools_only`: a version of Toolgate pinned it that looked at nothing else, and it was not seen since.
    """

    identity: Identity
    entries: Mapping[str, PinnedEntry] = field(default_factory=dict)
    accepted: Accepted | None = None
    tools_only: bool = False


Pins = Mapping[str, PinnedServer]


@dataclass(frozen=True, slots=True)
class Note:
    """What is held, as a gateway saw it at `seen_at`: what can be accepted is exactly this. `gone_at`: since when a
    gateway that looked has not seen it any more; nothing while it is held.
    """

    reason: Reason
    why: str
    identity: Identity
    definition: JsonObject = field(repr=False)
    seen_at: str
    gone_at: str = ""

    @property
    def pin(self) -> str:
        return pin_of(self.definition)


@dataclass(frozen=True, slots=True)
class Notes:
    """Held tools (and what else is held) by path, and by name the servers that are another program than the pinned."""

    tools: Mapping[str, Note] = field(default_factory=dict)
    strangers: Mapping[str, Identity] = field(default_factory=dict)

    def without(self, tools: Collection[str], strangers: Collection[str] = ()) -> "Notes":
        """What is left when these are settled."""
        return Notes(_without(self.tools, tools), _without(self.strangers, strangers))


def _without(table: Mapping[str, T], names: Collection[str]) -> Mapping[str, T]:
    return {name: value for name, value in table.items() if name not in names}


def within(path: str, target: str) -> bool:
    """Whether a path belongs to `target`: to that server, or it is that very thing."""
    return target in (path, split_path(path)[0])


def schema_hash(definition: JsonObject) -> str:
    """SHA-256 in hex of what programs rely on in a definition: its schemas and annotations."""
    return _hashed(canonical({key: definition[key] for key in _CONTRACT if key in definition}))


def _hashed(text: str) -> str:
    """The same as `pin_of`, of what is canonical already."""
    return hashlib.sha256(text.encode()).hexdigest()
