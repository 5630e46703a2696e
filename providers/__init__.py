"""The contract between an agent loop and a model backend, whoever makes the model.

A `Provider` turns a `Request` into a stream of `StreamEvent`s that ends in exactly one `Finished`, or raises one
`ProviderError`. Modules beside this one implement it: one for each wire format, and embedded ones that need no key.
Nothing here imports `gateway`. Shapes: what Anthropic Messages, OpenAI Responses and Chat Completions have in common.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

__all__ = [
    "Finish",
    "Finished",
    "Message",
    "Opaque",
    "Part",
    "Provider",
    "ProviderError",
    "ProviderErrorKind",
    "Reply",
    "Request",
    "Role",
    "Started",
    "StreamEvent",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "ToolCall",
    "ToolCallArgumentsDelta",
    "ToolCallStarted",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "message_from_json",
    "message_to_json",
]

Role = Literal["system", "user", "assistant", "tool"]

Finish = Literal[
    "stop", "tool_calls", "length", "refusal", "content_filter", "context_window", "paused", "cancelled", "error"
]

ProviderErrorKind = Literal[
    "auth", "permission", "not_found", "bad_request", "too_large", "rate_limit", "overloaded", "server", "timeout",
    "network", "protocol", "refused", "script",
]  # fmt: skip
# `script` is the scripted model's own: what its script expects, or refers to, is not there.


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    meta: Mapping[str, Any] = field(default_factory=dict)  # the provider's own, returned to it verbatim


@dataclass(frozen=True, slots=True)
class Thinking:
    """What a model thought. `meta` holds signatures that must go back byte for byte, to the same provider only."""

    text: str
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to use a tool. `arguments` is the raw JSON text, exactly as the model wrote it."""

    id: str
    name: str
    arguments: str
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to one ToolCall. `content` is a list of MCP content blocks (raw JSON)."""

    call_id: str
    content: Sequence[Mapping[str, Any]]
    is_error: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opaque:
    """A part that only its provider understands; kept verbatim."""

    kind: str
    meta: Mapping[str, Any] = field(default_factory=dict)


Part = Text | Thinking | ToolCall | ToolResult | Opaque

_PARTS: Mapping[str, type[Text | Thinking | ToolCall | ToolResult | Opaque]] = {
    "text": Text,
    "thinking": Thinking,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
    "opaque": Opaque,
}


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it. `name` matches `^[A-Za-z][A-Za-z0-9_-]{0,63}$`."""

    name: str
    description: str
    input_schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that a model is told. Times are seconds."""

    model: str
    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    max_output_tokens: int = 4096
    timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. `input` includes cached ones. `estimated` says that the backend did not report them."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `cost_nanos` is its price in billionths of a US dollar if the provider knows it, else None."""

    message: Message
    finish: Finish
    usage: Usage
    model: str
    response_id: str = ""
    cost_nanos: int | None = None


@dataclass(frozen=True, slots=True)
class Started:
    model: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallArgumentsDelta:
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The one event that ends a stream. A stream without it was cut: nothing of it may be executed."""

    reply: Reply


StreamEvent = Started | TextDelta | ThinkingDelta | ToolCallStarted | ToolCallArgumentsDelta | Finished


class ProviderError(Exception):
    """A model backend failed, in one of a few known ways. `retry_after` is in seconds."""

    def __init__(
        self,
        kind: ProviderErrorKind,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        self.kind, self.status, self.retry_after, self.request_id = kind, status, retry_after, request_id
        super().__init__(message)

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.kind in ("rate_limit", "overloaded", "server", "timeout", "network", "protocol")


class Provider(Protocol):
    """A model backend: the seam has one method."""

    def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Asks the model. Ends in one Finished, or raises ProviderError. Closing the generator cancels the request."""
        ...


def message_to_json(message: Message) -> dict[str, Any]:
    """`{"role": ..., "parts": [{"kind": "text", "text": ...}, ...]}`: the stored form. Empty `meta` is left out."""
    return {"role": message.role, "parts": [_part_to_json(part) for part in message.parts]}


def message_from_json(value: Mapping[str, Any]) -> Message:
    """The inverse of `message_to_json`. Raises KeyError for an unknown kind of part."""
    return Message(value["role"], tuple(_part_from_json(part) for part in value["parts"]))


def _part_to_json(part: Part) -> dict[str, Any]:
    kind = next(name for name, cls in _PARTS.items() if isinstance(part, cls))
    fields = {name: getattr(part, name) for name in part.__dataclass_fields__}
    if not fields["meta"]:
        del fields["meta"]
    return {"kind": kind, **fields}


def _part_from_json(value: Mapping[str, Any]) -> Part:
    fields = {name: item for name, item in value.items() if name != "kind"}
    return _PARTS[value["kind"]](**fields)
