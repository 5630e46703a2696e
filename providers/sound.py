"""A backend whose every event is what the contract says: of the right types, bounded, and consistent with itself.

Whoever is at the other end of the line writes what adapters read: a number where a text belongs, a count of tokens
below zero, a call whose end never came. Nothing behind this module has to think of it again: such a reply is a
`ProviderError` of the kind `protocol`, and numbers that can't be are as if nothing had been told.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from providers import (
    Finished,
    Message,
    Part,
    Provider,
    ProviderError,
    Reply,
    Request,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    Usage,
    UsageUpdate,
)
from providers.wire.calls import MOST_CALLS
from providers.wire.estimate import estimated

__all__ = ["BYTES_A_TOKEN", "MOST_ASIDE", "MOST_CALLS", "MOST_TOKENS", "Sound", "sound_count"]

MOST_TOKENS = 1_000_000_000  # of one question or reply: more than any model reads or says
BYTES_A_TOKEN = 16  # the longest that tokens are on average: of spaces, of lines
MOST_ASIDE = 64 * 1024  # bytes beyond what was asked for: thoughts that an endpoint does not count
MOST_NANOS = 1_000_000 * 10**9  # a million dollars, for one reply
_EXECUTABLE = ("stop", "tool_calls")
_COUNTS = ("input", "output", "cache_read", "cache_write", "reasoning")


class Sound:
    """Stands directly before an adapter."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        seen = _Seen(request)
        async with aclosing(self._provider.stream(request)) as events:
            async for event in events:
                yield seen.checked(event)


def sound_count(told: Any) -> int | None:
    """A count of tokens, if it is one."""
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= MOST_TOKENS else None


@dataclass(slots=True)
class _Seen:
    """The calls of one reply as they were streamed, name and pieces of the arguments; and which have ended."""

    request: Request
    calls: dict[int, tuple[str, list[str]]] = field(default_factory=dict)
    size: int = 0  # bytes of words, thoughts and arguments
    done: set[int] = field(default_factory=set)

    def checked(self, event: StreamEvent) -> StreamEvent:
        match event:
            case Started():
                _text(event.model, event.response_id)
            case TextDelta() | ThinkingDelta():
                self._more(event.text)
            case ToolCallStarted():
                self._started(event)
            case ToolCallArgumentsDelta():
                self._more(event.text)
                self._call(event.index)[1].append(event.text)
            case ToolCallDone():
                self._call(event.index)
                self.done.add(event.index)
            case UsageUpdate():
                return UsageUpdate(event.usage if _is_sound(event.usage) else Usage(estimated=True))
            case Finished():
                return Finished(self._reply(event.reply))
        return event

    def _more(self, text: Any) -> None:
        _text(text)
        self.size += len(text) if text.isascii() else len(text.encode())
        self._bounded(self.size)

    def _bounded(self, size: int) -> None:
        """No reply is much longer than what was asked for. It is not asked for again: it would be as long, and cost."""
        if size > BYTES_A_TOKEN * max(0, self.request.max_output_tokens) + MOST_ASIDE:
            asked = f"{self.request.max_output_tokens} tokens"
            raise ProviderError("too_long", f"the reply is far longer than the {asked} that it was asked for")

    def _started(self, event: ToolCallStarted) -> None:
        _text(event.id, event.name)
        if not isinstance(event.index, int):
            raise _broken("a call without a number")
        if len(self.calls) >= MOST_CALLS:
            raise _broken(f"a reply of more than {MOST_CALLS} calls")
        self.calls[event.index] = event.name, []

    def _call(self, index: Any) -> tuple[str, list[str]]:
        known = self.calls.get(index) if isinstance(index, int) else None
        if known is None:
            raise _broken("arguments of a call that was not begun")
        return known

    def _reply(self, reply: Reply) -> Reply:
        _text(reply.model, reply.response_id, reply.reason)
        _parts(reply.message)
        self._bounded(sum(map(_size, reply.message.parts)))
        if reply.finish in _EXECUTABLE:
            self._whole(reply.message.tool_calls)
        cost = reply.cost_nanos
        told = cost if isinstance(cost, int) and not isinstance(cost, bool) and 0 <= cost <= MOST_NANOS else None
        usage = reply.usage if _is_sound(reply.usage) else estimated(self.request, reply.message)
        return replace(reply, usage=usage, cost_nanos=told)

    def _whole(self, wishes: Sequence[ToolCall]) -> None:
        """Each call that may be made was seen from its beginning to its end, and is the one that was seen."""
        whole = [self.calls[index] for index in sorted(self.calls) if index in self.done]
        if not len(self.calls) == len(whole) == len(wishes):
            raise _broken("a call whose end did not come")
        for wish, (name, pieces) in zip(wishes, whole, strict=True):
            if (wish.name, wish.arguments.strip() or "{}") != (name, "".join(pieces).strip() or "{}"):
                raise _broken("a call that ends as another one than it began")


def _parts(message: Message) -> None:
    for part in message.parts:
        _kept(part.meta)
        match part:
            case Text() | Thinking():
                _text(part.text)
            case ToolCall():
                _text(part.id, part.name, part.arguments)


def _size(part: Part) -> int:
    match part:
        case Text() | Thinking():
            return len(part.text.encode())
        case ToolCall():
            return len(part.arguments.encode())
        case _:
            return 0


def _kept(meta: Any) -> None:
    """What goes back to the backend is recorded until then."""
    try:
        json.dumps(meta, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise _broken("half a character") from None
    except (ValueError, TypeError, RecursionError):
        raise _broken("what is no JSON") from None


def _text(*texts: Any) -> None:
    for text in texts:
        if not isinstance(text, str):
            raise _broken("a value of another type where a text belongs")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise _broken("half a character") from None


def _is_sound(usage: Usage) -> bool:
    return all(sound_count(getattr(usage, name)) is not None for name in _COUNTS)


def _broken(what: str) -> ProviderError:
    return ProviderError("protocol", f"the reply holds {what}")
