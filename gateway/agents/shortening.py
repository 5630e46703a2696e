"""A message with less in it, that says so. Pure.

A call keeps its id and its name, a result the call that it answers: what belongs together still does. What its
provider signed is kept or left out whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.verbatim import encode
from providers import File, Image, Message, Opaque, Part, Text, Thinking, ToolCall, ToolResult

__all__ = ["LEAST", "cut_text", "shortened", "without_calls", "without_results"]

LEAST = 64  # bytes of a part that is left, at least

_NO_CALL = "(The reply was cut before its calls were whole; none of them was made.)"


def without_results(message: Message) -> Message:
    """A `tool` message that only says how much came back."""
    return replace(
        message, parts=tuple(_told(part) if isinstance(part, ToolResult) else part for part in message.parts)
    )


def _told(result: ToolResult) -> ToolResult:
    size = _size(result.content)
    note = {"type": "text", "text": f"[left out, to save room: a result of {size:,} bytes; call again if you need it]"}
    short = ToolResult(result.call_id, [note], result.is_error)
    return short if size > _size(short.content) else result


def _size(content: Sequence[Mapping[str, Any]]) -> int:
    return len(encode(list(content)))


def without_calls(message: Message) -> Message:
    """A reply whose calls were never made, because it was cut: what has no result may not be told of."""
    parts = tuple(part for part in _without_thoughts(message) if isinstance(part, Text))
    return replace(message, parts=parts or (Text(_NO_CALL),))


def shortened(message: Message, longest: int) -> Message:
    """No part is longer than so many bytes, more or less; thoughts, and what only a provider understands, go."""
    parts = tuple(_cut(part, longest) for part in _without_thoughts(message))
    return replace(message, parts=parts or (Text("…"),))


def _without_thoughts(message: Message) -> Iterator[Part]:
    """Where there were some, what else its provider gave to a part goes, too: ids that refer to them are refused."""
    thought = any(isinstance(part, (Thinking, Opaque)) for part in message.parts)
    for part in message.parts:
        if not isinstance(part, (Thinking, Opaque)):
            yield replace(part, meta={}) if thought and isinstance(part, (Text, ToolCall)) else part


def _cut(part: Part, longest: int) -> Part:
    match part:
        case Text():
            return part if len(part.text) <= longest // 4 else Text(cut_text(part.text, longest), part.meta)
        case ToolCall():
            whole = len(part.arguments.encode(errors="surrogatepass"))
            return part if whole <= longest else replace(part, arguments=f'{{"left_out":"{whole} bytes"}}')
        case ToolResult():
            return part if _size(part.content) <= longest else _cut_result(part, longest)
        case Image() | File():
            return Text(f"[left out, to save room: {part.media_type}]")
    return part


def _cut_result(result: ToolResult, longest: int) -> ToolResult:
    """What was text, without its middle; pictures and data go, but are named."""
    words = "\n".join(_words(block) for block in result.content)
    block = {"type": "text", "text": cut_text(words, longest)}
    return ToolResult(result.call_id, [block], result.is_error, {"aside": True})


def _words(block: Mapping[str, Any]) -> str:
    text = block.get("text")
    return text if isinstance(text, str) else f"[left out, to save room: {block.get('type', 'data')}]"


def cut_text(text: str, longest: int) -> str:
    """Its beginning and its end, and in between how much is missing: about `longest` bytes of UTF-8 in all."""
    raw = text.encode(errors="surrogatepass")
    if len(raw) <= longest:
        return text
    mark = f" […{len(raw):,} bytes, cut to save room…] "
    room = max(0, longest - len(mark.encode())) // 2
    head, tail = raw[:room].decode(errors="ignore"), raw[len(raw) - room :].decode(errors="ignore")
    return f"{head}{mark}{tail}"
