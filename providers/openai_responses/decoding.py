"""The events of a reply from OpenAI's Responses. Pure.

A reply is whole when `response.completed` or `response.incomplete` has come; `response.failed` and `error` are events
like any other there. What a part is, its item says when it is done.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from providers.message import Message, Opaque, Part, Text, Thinking, ToolCall
from providers.reply import (
    Finish,
    ProviderError,
    Reply,
    Started,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    Usage,
    UsageUpdate,
)
from providers.request import Request
from providers.wire.calls import as_text, own_id
from providers.wire.estimate import estimated
from providers.wire.failures import told

__all__ = ["ResponsesDecoder"]

_INCOMPLETE: Mapping[str, Finish] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "max_tool_calls": "length",
}
_OF_CALL = {"type", "call_id", "name", "arguments", "status"}  # fields that a ToolCall has, or that say nothing
_OF_MESSAGE = {"type", "role", "content", "status"}


class ResponsesDecoder:
    """Reads one reply."""

    def __init__(self, request: Request, origin: str) -> None:
        self._request, self._origin = request, origin
        self._items: dict[int, Mapping[str, Any]] = {}  # as they were when they were done
        self._calls: dict[int, tuple[int, str]] = {}  # by the place of the item: its number, its id
        self._grown: set[int] = set()  # calls whose arguments came bit by bit
        self._response: Mapping[str, Any] = {}

    @property
    def done(self) -> bool:
        """The last event has come."""
        return bool(self._response)

    @property
    def complete(self) -> bool:
        """The last event has come."""
        return bool(self._response)

    def take(self, event: bytes, data: Any) -> Iterator[StreamEvent]:
        """What an event means; nothing, if it is not known."""
        kind = data.get("type") or event.decode()
        step = _STEPS.get(kind)
        return step(self, data) if step is not None else iter(())

    def reply(self) -> Reply:
        """The whole reply. Raises ProviderError (`protocol`) if it was cut."""
        if not self._response:
            raise ProviderError("protocol", "the reply ended before it was complete")
        response = self._response
        message = Message("assistant", tuple(part for place, item in self._all() for part in self._part(place, item)))
        finish, reason = self._finish(message)
        usage = _usage(response.get("usage")) or estimated(self._request, message)
        model, response_id = response.get("model") or self._request.model, response.get("id") or ""
        return Reply(message, finish, usage, model, response_id, reason=reason)

    def start(self, data: Any) -> Iterator[StreamEvent]:
        response = data["response"]
        yield Started(response.get("model") or self._request.model, response.get("id") or "")

    def open(self, data: Any) -> Iterator[StreamEvent]:
        item, place = data["item"], data["output_index"]
        if item["type"] == "function_call" and place not in self._calls:
            call_id = own_id(item.get("call_id"), {call_id for _, call_id in self._calls.values()})
            self._calls[place] = len(self._calls), call_id
            yield ToolCallStarted(self._calls[place][0], call_id, item["name"])

    def argue(self, data: Any) -> Iterator[StreamEvent]:
        place = data["output_index"]
        self._grown.add(place)
        yield ToolCallArgumentsDelta(self._calls[place][0], data["delta"])

    def say(self, data: Any) -> Iterator[StreamEvent]:
        yield TextDelta(data["delta"])

    def think(self, data: Any) -> Iterator[StreamEvent]:
        yield ThinkingDelta(data["delta"])

    def pause(self, data: Any) -> Iterator[StreamEvent]:
        if data.get("summary_index"):  # a new thought, but the first
            yield ThinkingDelta("\n\n")

    def close(self, data: Any) -> Iterator[StreamEvent]:
        item, place = data["item"], data["output_index"]
        yield from self.open(data)  # some do not say when an item begins
        self._items[place] = {name: value for name, value in item.items() if value is not None}
        if place in self._calls:
            number = self._calls[place][0]
            if place not in self._grown and (arguments := as_text(item.get("arguments"))):
                yield ToolCallArgumentsDelta(number, arguments)
            yield ToolCallDone(number)

    def end(self, data: Any) -> Iterator[StreamEvent]:
        response = data["response"]
        if response.get("status") == "failed" or response.get("error"):
            raise told(response.get("error") or response)
        self._response = {"status": data["type"].removeprefix("response."), **response}
        for place, item in enumerate(response.get("output") or ()):
            if place not in self._items:
                yield from self.close({"item": item, "output_index": place})
        if (usage := _usage(response.get("usage"))) is not None:
            yield UsageUpdate(usage)

    def fail(self, data: Any) -> Iterator[StreamEvent]:
        raise told((data.get("response") or {}).get("error") or data)

    def _all(self) -> list[tuple[int, Mapping[str, Any]]]:
        return sorted(self._items.items())

    def _finish(self, message: Message) -> tuple[Finish, str]:
        status = str(self._response.get("status"))
        if status == "completed":
            if any(_refused(item) for _, item in self._all()):
                return "refusal", "refusal"
            return ("tool_calls" if message.tool_calls else "stop"), status
        if status == "cancelled":
            return "cancelled", status
        details = self._response.get("incomplete_details") or {}
        reason = str(details.get("reason") or status)
        return _INCOMPLETE.get(reason, "error"), reason

    def _part(self, place: int, item: Mapping[str, Any]) -> Iterator[Part]:
        kind = item["type"]
        if kind == "message":
            own = {name: value for name, value in item.items() if name not in _OF_MESSAGE and value is not None}
            text = "".join(content.get("text") or content.get("refusal") or "" for content in item["content"])
            if text:
                yield Text(text, {self._origin: own} if "id" in own else {})
        elif kind == "reasoning":
            yield Thinking(_thought(item), {self._origin: {"item": dict(item)}})
        elif kind == "function_call":
            own = {name: value for name, value in item.items() if name not in _OF_CALL and value is not None}
            call_id, arguments = self._calls[place][1], as_text(item.get("arguments")) or "{}"
            yield ToolCall(call_id, item["name"], arguments, {self._origin: own} if own else {})
        else:
            yield Opaque(kind, {self._origin: {"item": dict(item)}})


def _thought(item: Mapping[str, Any]) -> str:
    return "\n\n".join(part["text"] for part in (item.get("summary") or item.get("content") or ()))


def _refused(item: Mapping[str, Any]) -> bool:
    return any(content.get("type") == "refusal" for content in item.get("content") or ())


def _usage(usage: Any) -> Usage | None:
    if not usage or not usage.get("output_tokens"):
        return None
    read, written = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    return Usage(
        usage.get("input_tokens") or 0,
        usage["output_tokens"],
        read.get("cached_tokens") or 0,
        read.get("cache_write_tokens") or 0,
        written.get("reasoning_tokens") or 0,
    )


_STEPS: Mapping[str, Callable[[Any, Any], Iterator[StreamEvent]]] = {
    "response.created": ResponsesDecoder.start,
    "response.output_item.added": ResponsesDecoder.open,
    "response.output_item.done": ResponsesDecoder.close,
    "response.output_text.delta": ResponsesDecoder.say,
    "response.refusal.delta": ResponsesDecoder.say,
    "response.reasoning_text.delta": ResponsesDecoder.think,
    "response.reasoning_summary_text.delta": ResponsesDecoder.think,
    "response.reasoning_summary_part.added": ResponsesDecoder.pause,
    "response.function_call_arguments.delta": ResponsesDecoder.argue,
    "response.completed": ResponsesDecoder.end,
    "response.incomplete": ResponsesDecoder.end,
    "response.failed": ResponsesDecoder.fail,
    "error": ResponsesDecoder.fail,
}
