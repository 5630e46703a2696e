"""The events of a reply from OpenAI's Responses. Pure.

A reply is whole when `response.completed` or `response.incomplete` has come; `response.failed` and `error` are events
like any other there. What a part is, its item says when it is done. Words of which no item tells are kept as they came;
a call that is not done is none, and a reply that is said to be complete with such a one is a failure.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from providers.message import Message, Opaque, Part, Text, Thinking, ToolCall
from providers.openai_responses.drafts import Drafts
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
from providers.wire.calls import as_text, one_more, own_id
from providers.wire.estimate import in_full
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
        self._ids: set[str] = set()  # of calls
        self._drafts = Drafts()
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
        self._items = self._drafts.completed(self._items)
        if str(response.get("status")) == "completed" and any(map(self._unfinished, {*self._calls, *self._items})):
            raise ProviderError("protocol", "the reply ended before a call of it did")
        message = Message("assistant", tuple(part for place, item in self._all() for part in self._part(place, item)))
        finish, reason = self._finish(message)
        usage = in_full(_usage(response.get("usage")), self._request, message)
        model, response_id = response.get("model") or self._request.model, response.get("id") or ""
        return Reply(message, finish, usage, model, response_id, reason=reason)

    def start(self, data: Any) -> Iterator[StreamEvent]:
        response = data["response"]
        yield Started(response.get("model") or self._request.model, response.get("id") or "")

    def open(self, data: Any) -> Iterator[StreamEvent]:
        item, place = data["item"], data["output_index"]
        if item["type"] == "function_call" and place not in self._calls:
            call_id = own_id(item.get("call_id"), self._ids)
            self._calls[place] = one_more(len(self._calls)), call_id
            self._ids.add(call_id)
            self._drafts.begun(place, item)
            yield ToolCallStarted(self._calls[place][0], call_id, item["name"])

    def argue(self, data: Any) -> Iterator[StreamEvent]:
        number = self._calls[data["output_index"]][0]
        self._drafts.grown(data, "arguments")
        yield ToolCallArgumentsDelta(number, data["delta"])

    def say(self, data: Any) -> Iterator[StreamEvent]:
        self._drafts.grown(data, "text")
        yield TextDelta(data["delta"])

    def refuse(self, data: Any) -> Iterator[StreamEvent]:
        self._drafts.grown(data, "refusal")
        yield TextDelta(data["delta"])

    def think(self, data: Any) -> Iterator[StreamEvent]:
        self._drafts.grown(data, "thought")
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
            if not self._drafts.has(place, "arguments") and (arguments := as_text(item.get("arguments"))):
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

    def _unfinished(self, place: int) -> bool:
        item = self._items.get(place, {})
        is_call = place in self._calls or item.get("type") == "function_call"
        return is_call and item.get("status", "completed" if item else "in_progress") != "completed"

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
            thought = _thought(item) or self._drafts.thought(place)
            yield Thinking(thought, {self._origin: {"item": dict(item)}} if "id" in item else {})
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
    if not usage or not (usage.get("input_tokens") or usage.get("output_tokens")):
        return None
    read, written = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    return Usage(
        usage.get("input_tokens") or 0,
        usage.get("output_tokens") or 0,
        read.get("cached_tokens") or 0,
        read.get("cache_write_tokens") or 0,
        written.get("reasoning_tokens") or 0,
    )


_STEPS: Mapping[str, Callable[[Any, Any], Iterator[StreamEvent]]] = {
    "response.created": ResponsesDecoder.start,
    "response.output_item.added": ResponsesDecoder.open,
    "response.output_item.done": ResponsesDecoder.close,
    "response.output_text.delta": ResponsesDecoder.say,
    "response.refusal.delta": ResponsesDecoder.refuse,
    "response.reasoning_text.delta": ResponsesDecoder.think,
    "response.reasoning_summary_text.delta": ResponsesDecoder.think,
    "response.reasoning_summary_part.added": ResponsesDecoder.pause,
    "response.function_call_arguments.delta": ResponsesDecoder.argue,
    "response.completed": ResponsesDecoder.end,
    "response.incomplete": ResponsesDecoder.end,
    "response.failed": ResponsesDecoder.fail,
    "error": ResponsesDecoder.fail,
}
