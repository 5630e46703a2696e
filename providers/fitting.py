"""A request as a model takes it that can't do everything. Pure.

What it lacks is left out of the request, or said in words in its place: a picture becomes a sentence about it, so that
the model knows that there was one; the form of its answer is asked for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from providers.answer_form import in_words
from providers.message import File, Image, Message, Part, Text, ToolResult
from providers.request import Request

__all__ = ["ABILITIES", "Ability", "fitted"]

Ability = Literal["tools", "images", "files", "effort", "parallel_calls", "output_schema"]
ABILITIES: tuple[Ability, ...] = get_args(Ability)


def fitted(request: Request, lacks: Collection[Ability]) -> Request:
    """The same request for a model that lacks these; unchanged for one that lacks nothing."""
    for lacking in ABILITIES:
        request = _without(request, lacking) if lacking in lacks else request
    return request


def _without(request: Request, lacking: Ability) -> Request:
    match lacking:
        case "tools":
            return replace(request, tools=(), tool_choice="auto")
        case "images" | "files":
            return replace(request, messages=tuple(_described(message, lacking) for message in request.messages))
        case "effort":
            return replace(request, effort=None)
        case "parallel_calls":
            return replace(request, parallel=False)
        case "output_schema":
            return in_words(request)


def _described(message: Message, lacking: Ability) -> Message:
    parts = tuple(_part(part, lacking) for part in message.parts)
    return message if parts == message.parts else Message(message.role, parts)


def _part(part: Part, lacking: Ability) -> Part:
    match part:
        case Image() if lacking == "images":
            return Text(_sentence("an image", part.media_type))
        case File() if lacking == "files":
            return Text(_sentence(f"the file `{part.name}`", part.media_type))
        case ToolResult():
            return replace(part, content=_blocks(part.content, lacking))
        case _:
            return part


def _blocks(content: Sequence[Mapping[str, Any]], lacking: Ability) -> Sequence[Mapping[str, Any]]:
    """MCP's own: `image` is a picture; an embedded resource with a `blob` is a file."""
    if lacking == "images":
        return [_image(block) if block.get("type") == "image" else block for block in content]
    return [_blob(block) if "blob" in _resource(block) else block for block in content]


def _image(block: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "text", "text": _sentence("an image", str(block.get("mimeType", "")))}


def _blob(block: Mapping[str, Any]) -> Mapping[str, Any]:
    resource = _resource(block)
    return {"type": "text", "text": _sentence(f"the file `{resource.get('uri', '')}`", str(resource.get("mimeType")))}


def _resource(block: Mapping[str, Any]) -> Mapping[str, Any]:
    resource = block.get("resource")
    return resource if block.get("type") == "resource" and isinstance(resource, Mapping) else {}


def _sentence(what: str, kind: str) -> str:
    return f"[Here was {what} ({kind or 'of unknown type'}), which you can't be shown.]"
