"""Where in its script a reply was made, written into the ids of its calls. Pure.

The embedded model marks its replies in `meta`, so that a conversation whose beginning was left out is still found in
the script. On the wire only ids come back: `c2_1` (second turn, first call) goes out as `c2_1_s4p0` (step 4, played 0
times before).
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from providers import Message, Reply, ToolCall
from providers.scripted.place import MARK

__all__ = ["marked", "recognised"]

_OURS = re.compile(r".*c(\d+)_\d+_s(\d+)p(\d+)")


def marked(reply: Reply) -> Reply:
    """The reply with its mark in the ids of its calls."""
    mark = next((part.meta[MARK] for part in reply.message.parts if MARK in part.meta), None)
    if mark is None:
        return reply
    end = f"_s{mark['step']}p{mark['played']}"
    parts = tuple(
        replace(part, id=f"{part.id}{end}") if isinstance(part, ToolCall) else part for part in reply.message.parts
    )
    return replace(reply, message=replace(reply.message, parts=parts))


def recognised(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation with the marks where the embedded model looks for them."""
    return tuple(_recognised(message) for message in messages)


def _recognised(message: Message) -> Message:
    found = next((match for call in message.tool_calls if (match := _OURS.fullmatch(call.id))), None)
    if found is None:
        return message
    turn, step, played = (int(number) for number in found.groups())
    first, *rest = message.parts
    mark = {MARK: {"step": step, "played": played, "turn": turn}}
    return replace(message, parts=(replace(first, meta={**first.meta, **mark}), *rest))
