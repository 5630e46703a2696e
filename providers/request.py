"""What a model is asked, and where it is asked: values. Pure."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from providers.message import Message
from providers.values import value

__all__ = ["Deadlines", "Effort", "Endpoint", "Host", "Request", "ToolSpec", "known_as"]

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

Host = Literal["direct", "azure", "bedrock", "vertex"]


@value(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it. `name` matches `^[A-Za-z][A-Za-z0-9_-]{0,63}$`.

    `strict` asks the backend to let the model write only arguments that fit; it is dropped where the schema is not one
    that the backend can be strict about.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    strict: bool = False


@value(frozen=True, slots=True)
class Deadlines:
    """Seconds until the first event of a reply, between two events, and for the whole reply."""

    first: float = 120.0
    between: float = 120.0
    total: float = 600.0


@value(frozen=True, slots=True)
class Request:
    """Everything that a model is told.

    `tool_choice` is `auto`, `any` (it must call one), `none`, or the name of the tool that it must call. Without
    `parallel` it makes one call at a time. `effort` is how much it may think, None what the backend does by itself.
    `output_schema` is the JSON Schema of an answer in JSON. `stop` are texts at which it ends. Requests with one
    `cache_key` begin alike, and are best answered where the last one was. `purpose` is for embedded models, and never
    sent. `most_input` is how many tokens may be read for one reply in all, where a backend asks several times for it:
    the first reading is made in any case; None is no limit.
    """

    model: str
    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    max_output_tokens: int = 4096
    tool_choice: str = "auto"
    parallel: bool = True
    effort: Effort | None = None
    output_schema: Mapping[str, Any] | None = None
    stop: Sequence[str] = ()
    cache_key: str | None = None
    purpose: Literal["answer", "summary"] = "answer"
    most_input: int | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)


@value(frozen=True, slots=True)
class Endpoint:
    """Where a model backend is, and how it is spoken to. Its `repr` shows no secret.

    `name` and `base_url` tell backends apart: what one signs goes back to the same one only. Without a `base_url` it is
    where the wire format comes from. `profile` names the deviations of a compatible endpoint. `extra` is merged into
    the body of each request. At a `host` other than `direct`, `options` are the SDK's own: `region`, `project`,
    `api_version`.
    `heard` is told the headers of each answer, their names in small letters: what more it takes stands there.
    """

    name: str
    api_key: str = field(default="", repr=False)
    base_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    profile: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    host: Host = "direct"
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    heard: Callable[[Mapping[str, str]], None] | None = field(default=None, repr=False, compare=False)


def known_as(name: str, place: str) -> str:
    """A backend's name with a hash of where it is: the same name at another place is another backend."""
    return f"{name}#{hashlib.sha256(place.encode()).hexdigest()[:8]}"
