"""A conversation as every backend takes it. Pure.

Backends refuse a request in which a call has no result or a result no call, ids repeat, or two messages of one speaker
follow each other. A run's own messages keep to that; one that was cut, compacted, or begun at another backend may not.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from providers.message import Message, Part, Text, ToolCall, ToolResult
from providers.wire.content import in_words

__all__ = ["COMMON", "NINE", "Ids", "prepared"]

_UNKNOWN = "There is no result: the call was not made, or what came of it was not recorded."
_CUT_OFF = "(What was said before was left out.)"
_GO_ON = "(Go on.)"


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of calls that a backend takes; others are replaced by a hash that begins with `prefix`."""

    pattern: re.Pattern[str]
    prefix: str = ""
    length: int = 24

    def fitted(self, given: str) -> str:
        if self.pattern.fullmatch(given):
            return given
        return self.prefix + hashlib.sha256(given.encode(errors="surrogatepass")).hexdigest()[: self.length]


COMMON = Ids(re.compile(r"[A-Za-z0-9_-]{1,64}"), "call_")
NINE = Ids(re.compile(r"[A-Za-z0-9]{9}"), length=9)


def prepared(messages: Sequence[Message], ids: Ids = COMMON) -> Sequence[Message]:
    """The same conversation: each message with calls is followed by one of role `tool` with exactly their results.

    Results come in the order of the calls. No two messages of one role follow each other (but `system`), none is
    empty. The first, after those of the system, is the user's, and the last one is not the model's.
    """
    taken: set[str] = set()
    fitted = [
        message for reply, others in _exchanges(messages) for message in _exchange(reply, others, _namer(ids, taken))
    ]
    return list(_framed(_joined(fitted)))


def _exchanges(messages: Sequence[Message]) -> Iterator[tuple[Message | None, Sequence[Message]]]:
    """Each reply of the model, with all that followed until the next; what was said before the first has none."""
    starts = [index for index, message in enumerate(messages) if message.role == "assistant"]
    yield None, messages[: starts[0] if starts else len(messages)]
    for start, end in zip(starts, [*starts, len(messages)][1:], strict=True):
        yield messages[start], messages[start + 1 : end]


def _namer(ids: Ids, taken: set[str]) -> Callable[[str], str]:
    def name(given: str) -> str:
        fits, again = ids.fitted(given), 1
        while fits in taken:
            again += 1
            fits = ids.fitted(f"{given}_{again}" if ids is COMMON else f"{given} {again}")
        taken.add(fits)
        return fits

    return name


def _exchange(reply: Message | None, others: Sequence[Message], name: Callable[[str], str]) -> Iterator[Message]:
    waiting = _results(others)
    if reply is not None:
        calls = [(call, name(call.id)) for call in reply.tool_calls]
        yield _renamed(reply, [own for _, own in calls])
        results = tuple(_result(waiting.pop(call.id, None), own) for call, own in calls)
        if results:
            yield Message("tool", results)
    left = {id(result) for result in waiting.values()}
    for message in others:
        parts = tuple(_rest(message, left))
        if parts:
            yield Message("system" if message.role == "system" else "user", parts)


def _results(messages: Sequence[Message]) -> dict[str, ToolResult]:
    found: dict[str, ToolResult] = {}
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                found.setdefault(part.call_id, part)
    return found


def _renamed(reply: Message, names: Sequence[str]) -> Message:
    if [call.id for call in reply.tool_calls] == names:
        return reply
    left = iter(names)
    return replace(reply, parts=tuple(_with_id(part, left) for part in reply.parts))


def _with_id(part: Part, names: Iterator[str]) -> Part:
    return replace(part, id=next(names)) if isinstance(part, ToolCall) else part


def _result(result: ToolResult | None, call_id: str) -> ToolResult:
    if result is None:
        return ToolResult(call_id, [{"type": "text", "text": _UNKNOWN}], is_error=True)
    return result if result.call_id == call_id else replace(result, call_id=call_id)


def _rest(message: Message, left: set[int]) -> Iterator[Part]:
    """What of a message is no result of a call that is there; results whose call is not are told in words."""
    for part in message.parts:
        if not isinstance(part, ToolResult):
            yield part
        elif id(part) in left:
            yield Text(f"(The result of a call that was left out: {in_words(part)})")


def _joined(messages: Sequence[Message]) -> list[Message]:
    joined: list[Message] = []
    for message in messages:
        if not message.parts:
            continue
        if joined and joined[-1].role == message.role != "system":
            joined[-1] = Message(message.role, joined[-1].parts + message.parts)
        else:
            joined.append(message)
    return joined


def _framed(messages: Sequence[Message]) -> Iterator[Message]:
    first = next((index for index, message in enumerate(messages) if message.role != "system"), len(messages))
    yield from messages[:first]
    if first == len(messages) or messages[first].role != "user":
        yield Message("user", (Text(_CUT_OFF),))
    yield from messages[first:]
    talk = [message for message in messages if message.role != "system"]
    if talk and talk[-1].role == "assistant":
        yield Message("user", (Text(_GO_ON),))
