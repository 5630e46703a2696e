"""A reply that Anthropic pauses (`pause_turn`): its own tools take long, and it wants to be asked to go on. Pure.

It is given back what it has said, as the last message, and goes on from there: to whoever asked, all of it is one
reply. What one asking may cost and take holds for the whole: its output, its time, and what is read for it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.anthropic.encoding import said
from providers.message import Message, Part
from providers.reply import Finished, Reply, Started, StreamEvent, Usage, UsageUpdate

__all__ = ["MOST_PAUSES", "Turn"]

MOST_PAUSES = 5  # of one reply, after each of which it is asked to go on; one that pauses again stays `paused`


class Turn:
    """One reply, out of as many as it takes. `body` is what is to be sent next. `most_input` is as of `Request`."""

    def __init__(self, body: Mapping[str, Any], origin: str, most_input: int | None = None) -> None:
        self.body = self._first = body
        self._origin, self._most_input = origin, most_input
        self._pauses = 0
        self._response_id = ""
        self._parts: tuple[Part, ...] = ()
        self._usage = Usage()

    def told(self, event: StreamEvent) -> StreamEvent | None:
        """An event as one of the whole reply; None for the beginning of what only goes on."""
        match event:
            case Started() if self._pauses:
                return None
            case UsageUpdate(usage) if self._pauses:
                return UsageUpdate(_sum(self._usage, usage))
            case Finished(reply) if self._pauses or reply.finish == "paused":
                return Finished(self._whole(reply))
        return event

    def goes_on(self, reply: Reply, container: str) -> bool:
        """Whether it only paused, and is to be asked to go on: with `body`, and in the same container if it has one.

        A reply with calls of ours is not: they would have to be answered first.
        """
        if reply.finish != "paused" or reply.message.tool_calls or self._pauses == MOST_PAUSES:
            return False
        whole = self._whole(reply)
        content = said(whole.message, self._origin)
        if whole.finish != "paused" or not content or not self._affords(whole.usage, reply.usage):
            return False
        self._pauses += 1
        self._parts, self._usage, self._response_id = whole.message.parts, whole.usage, whole.response_id
        messages = [*self._first["messages"], {"role": "assistant", "content": content}]
        self.body = {**self._first, "messages": messages, "max_tokens": self._left(whole.usage)}
        if container:
            self.body["container"] = _in(self._first.get("container"), container)
        return True

    def _whole(self, reply: Reply) -> Reply:
        usage = _sum(self._usage, reply.usage)
        spent = reply.finish == "paused" and self._left(usage) < 1
        return replace(
            reply,
            message=Message("assistant", self._parts + reply.message.parts),
            finish="length" if spent else reply.finish,
            usage=usage,
            response_id=self._response_id or reply.response_id,
        )

    def _affords(self, whole: Usage, last: Usage) -> bool:
        """Whether it may read once more: what it read last, and what it has said since."""
        return self._most_input is None or whole.input + last.total <= self._most_input

    def _left(self, usage: Usage) -> int:
        """Tokens that it may still say."""
        most: int = self._first.get("max_tokens") or 0
        return most - max(0, usage.output)


def _sum(before: Usage, now: Usage) -> Usage:
    return Usage(
        before.input + now.input,
        before.output + now.output,
        before.cache_read + now.cache_read,
        before.cache_write + now.cache_write,
        before.reasoning + now.reasoning,
        before.estimated or now.estimated,
    )


def _in(wanted: Any, container: str) -> Any:
    """The container that was used, with what else was said of it."""
    return {**wanted, "id": container} if isinstance(wanted, Mapping) else container
