"""A whole message as the events in which it would have come. Pure."""

import re
from collections.abc import Callable, Iterator

from providers.message import Message, Text, Thinking, ToolCall
from providers.reply import (
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
)

__all__ = ["streamed"]

_WORDS = re.compile(r"\S*\s+|\S+")


def streamed(message: Message) -> Iterator[StreamEvent]:
    """Word by word, in the order of its parts."""
    calls = 0
    for part in message.parts:
        if isinstance(part, ToolCall):
            yield ToolCallStarted(calls, part.id, part.name)
            yield ToolCallArgumentsDelta(calls, part.arguments)
            yield ToolCallDone(calls)
            calls += 1
        elif isinstance(part, Text | Thinking):
            delta: Callable[[str], StreamEvent] = TextDelta if isinstance(part, Text) else ThinkingDelta
            yield from (delta(word) for word in _WORDS.findall(part.text))
