"""What is said in a conversation with a model: messages and their parts, and their JSON. Pure.

`meta` of a part is what a provider attached to it: it keeps what is its own under its own key, and returns it verbatim.
A provider reads no other key, so what belongs to one backend (signatures, encrypted reasoning) never reaches another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from providers.values import value

__all__ = [
    "File",
    "Image",
    "Message",
    "Opaque",
    "Part",
    "Role",
    "Text",
    "Thinking",
    "ToolCall",
    "ToolResult",
    "message_from_json",
    "message_to_json",
]

Role = Literal["system", "user", "assistant", "tool"]


@value(frozen=True, slots=True)
class Text:
    text: str
    meta: Mapping[str, Any] = field(default_factory=dict)  # the provider's own, returned to it verbatim


@value(frozen=True, slots=True)
class Image:
    """A picture. `data` is base64; without it the picture is at `url`."""

    media_type: str
    data: str = ""
    url: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@value(frozen=True, slots=True)
class File:
    """A document. `data` is base64."""

    name: str
    media_type: str
    data: str
    meta: Mapping[str, Any] = field(default_factory=dict)


@value(frozen=True, slots=True)
class Thinking:
    """What a model thought. `meta` holds signatures that must go back byte for byte, to the same provider only."""

    text: str
    meta: Mapping[str, Any] = field(default_factory=dict)


@value(frozen=True, slots=True)
class ToolCall:
    """A model's wish to use a tool. `arguments` is the raw JSON text, exactly as the model wrote it."""

    id: str
    name: str
    arguments: str
    meta: Mapping[str, Any] = field(default_factory=dict)


@value(frozen=True, slots=True)
class ToolResult:
    """The answer to one ToolCall. `content` is a list of MCP content blocks (raw JSON)."""

    call_id: str
    content: Sequence[Mapping[str, Any]]
    is_error: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)


@value(frozen=True, slots=True)
class Opaque:
    """A part that only its provider understands; kept verbatim. `type` is the provider's word for it."""

    type: str
    meta: Mapping[str, Any] = field(default_factory=dict)


Part = Text | Image | File | Thinking | ToolCall | ToolResult | Opaque

_PARTS: Mapping[str, type[Part]] = {
    "text": Text,
    "image": Image,
    "file": File,
    "thinking": Thinking,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
    "opaque": Opaque,
}
_KINDS = {cls: kind for kind, cls in _PARTS.items()}


@value(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def message_to_json(message: Message) -> dict[str, Any]:
    """`{"role": ..., "parts": [{"kind": "text", "text": ...}, ...]}`: the stored form. Empty `meta` is left out."""
    return {"role": message.role, "parts": [_part_to_json(part) for part in message.parts]}


def message_from_json(value: Mapping[str, Any]) -> Message:
    """The inverse of `message_to_json`. Raises KeyError for an unknown kind of part."""
    return Message(value["role"], tuple(_part_from_json(part) for part in value["parts"]))


def _part_to_json(part: Part) -> dict[str, Any]:
    fields = {name: getattr(part, name) for name in part.__dataclass_fields__}
    if not fields["meta"]:
        del fields["meta"]
    return {"kind": _KINDS[type(part)], **fields}


def _part_from_json(value: Mapping[str, Any]) -> Part:
    fields = {name: item for name, item in value.items() if name != "kind"}
    return _PARTS[value["kind"]](**fields)
