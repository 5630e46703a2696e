"""A whole message, as it would have come."""

from providers import (
    Message,
    Opaque,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
)
from providers.streamed import streamed


def test_words_thoughts_and_calls_come_in_the_order_of_their_parts() -> None:
    parts = (
        Thinking("I see."),
        Text("Let me  look.\n"),
        Opaque("odd"),
        ToolCall("a", "x", "{}"),
        ToolCall("b", "y", ""),
    )
    assert list(streamed(Message("assistant", parts))) == [
        ThinkingDelta("I "),
        ThinkingDelta("see."),
        TextDelta("Let "),
        TextDelta("me  "),
        TextDelta("look.\n"),
        ToolCallStarted(0, "a", "x"),
        ToolCallArgumentsDelta(0, "{}"),
        ToolCallDone(0),
        ToolCallStarted(1, "b", "y"),
        ToolCallArgumentsDelta(1, ""),
        ToolCallDone(1),
    ]
