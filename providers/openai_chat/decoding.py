"""The events of a reply in Chat Completions, as tolerant as compatible endpoints make it necessary. Pure.

A reply is whole when a `finish_reason` has come; its usage may follow. Calls may come without an index or an id, their
arguments as an object, and their end may be called `stop`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.message import Message, Part, Text, Thinking, ToolCall
from providers.openai_chat.details import Details
from providers.openai_chat.profiles import Profile
from providers.openai_chat.usage import cost_in, usage_in
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
    UsageUpdate,
)
from providers.request import Request
from providers.wire.calls import as_text, ended, one_more, own_id
from providers.wire.estimate import in_full
from providers.wire.failures import told

__all__ = ["ChatDecoder"]

_FINISHES: Mapping[str, Finish] = {
    "stop": "stop", "eos": "stop", "end_turn": "stop", "stop_sequence": "stop", "complete": "stop",
    "tool_calls": "tool_calls", "tool_use": "tool_calls", "function_call": "tool_calls",
    "length": "length", "max_tokens": "length", "model_length": "length",
    "content_filter": "content_filter", "safety": "content_filter", "recitation": "content_filter",
    "refusal": "refusal", "abort": "cancelled",
}  # fmt: skip
_THOUGHTS = ("reasoning_content", "reasoning")


@dataclass(slots=True)
class _Call:
    number: int
    id: str
    index: Any
    name: str
    texts: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    done: bool = False


class ChatDecoder:
    """Reads one reply."""

    def __init__(self, request: Request, origin: str, profile: Profile) -> None:
        self._request, self._origin, self._profile = request, origin, profile
        self._thoughts: list[str] = []
        self._details = Details()
        self._texts: list[str] = []
        self._calls: list[_Call] = []
        self._ids: set[str] = set()
        self._given: dict[tuple[Any, Any], _Call] = {}  # by index and id; by id alone where there is no index
        self._latest: dict[Any, _Call] = {}  # by index
        self._more: dict[str, Any] = {}
        self._model, self._response_id, self._reason, self._refused = "", "", "", False
        self._usage: Any = None
        self._counted = False  # to the end
        self._started = False

    @property
    def done(self) -> bool:
        """The reply is whole, and so is its usage."""
        return self._counted

    @property
    def complete(self) -> bool:
        """A `finish_reason` has come."""
        return bool(self._reason)

    def take(self, event: bytes, data: Any) -> Iterator[StreamEvent]:
        """What a chunk means."""
        if event == b"error" or data.get("error") or data.get("object") == "error":
            raise told(data)
        if not self._started:
            self._started = True
            self._model, self._response_id = data.get("model") or self._request.model, data.get("id") or ""
            yield Started(self._model, self._response_id)
        for choice in data.get("choices") or ():
            if not choice.get("index"):
                yield from self._chosen(choice)
        usage = data.get("usage") or (data.get("x_groq") or {}).get("usage")
        if (counted := usage_in(usage)) is not None:
            self._usage, self._counted = usage, bool(self._reason)  # some count as they go
            yield UsageUpdate(counted)

    def reply(self) -> Reply:
        """The whole reply. Raises ProviderError (`protocol`) if it was cut."""
        if not self._reason:
            raise ProviderError("protocol", "the reply ended before it was complete")
        message = Message("assistant", tuple(self._parts()))
        finish = _FINISHES.get(self._reason.lower(), "error")
        finish = "refusal" if self._refused and finish == "stop" else ended(finish, message)
        if finish == "tool_calls" and not all(call.done for call in self._calls):
            raise ProviderError("protocol", "a call came after the reply had ended")
        usage = in_full(usage_in(self._usage), self._request, message)
        cost = cost_in(self._usage) if self._profile.costs else None
        return Reply(message, finish, usage, self._model, self._response_id, cost, self._reason)

    def _chosen(self, choice: Any) -> Iterator[StreamEvent]:
        delta = choice.get("delta") or choice.get("message") or {}
        yield from self._think(delta)
        yield from self._speak(delta)
        for call in _calls_in(delta):
            yield from self._call(call)
        if choice.get("finish_reason"):
            yield from self._finished(str(choice["finish_reason"]))

    def _think(self, delta: Any) -> Iterator[StreamEvent]:
        thought = next((delta[name] for name in _THOUGHTS if isinstance(delta.get(name), str) and delta[name]), "")
        thought = thought or _listed(delta.get("content"), "thinking")
        if thought:
            self._thoughts.append(thought)
            yield ThinkingDelta(thought)
        for detail in delta.get("reasoning_details") or ():
            self._details.add(detail)

    def _speak(self, delta: Any) -> Iterator[StreamEvent]:
        content, refusal = delta.get("content"), delta.get("refusal")
        self._refused = self._refused or bool(refusal)
        text = content if isinstance(content, str) else _listed(_list(content), "text")
        if isinstance(delta.get("extra_content"), Mapping):
            self._more["extra_content"] = delta["extra_content"]
        if text := text + (refusal or ""):
            self._texts.append(text)
            yield TextDelta(text)

    def _call(self, piece: Mapping[str, Any]) -> Iterator[StreamEvent]:
        function = piece.get("function") or {}
        call = self._known(piece, function)
        if call is None:
            yield from self._ended()
            call = self._new(piece, function)
            yield ToolCallStarted(call.number, call.id, call.name)
        if isinstance(piece.get("extra_content"), Mapping):
            call.more["extra_content"] = piece["extra_content"]
        if text := as_text(function.get("arguments")):
            call.texts.append(text)
            yield ToolCallArgumentsDelta(call.number, text)

    def _known(self, piece: Mapping[str, Any], function: Mapping[str, Any]) -> _Call | None:
        """The call that a piece belongs to. None if it begins one: another index, another id, or a name without either.

        Some give every call index 0, with ids of their own; some give none of both, and then a name begins a call.
        """
        index, given = piece.get("index"), piece.get("id") or None
        if given is not None:
            return self._given.get((index, given))
        if index is None:
            return None if function.get("name") or not self._calls else self._calls[-1]
        return self._latest.get(index)

    def _new(self, piece: Mapping[str, Any], function: Mapping[str, Any]) -> _Call:
        index, given = piece.get("index"), piece.get("id") or None
        call = _Call(one_more(len(self._calls)), own_id(given, self._ids), index, function["name"])
        self._calls.append(call)
        self._ids.add(call.id)
        self._latest[index] = call
        for place in ((index, given), (None, given)):
            self._given.setdefault(place, call)
        return call

    def _ended(self) -> Iterator[StreamEvent]:
        """A call without an index ends where another one begins."""
        if self._calls and self._calls[-1].index is None:
            yield from _done(self._calls[-1])

    def _finished(self, reason: str) -> Iterator[StreamEvent]:
        if reason == "insufficient_system_resource":
            raise ProviderError("overloaded", "it ended the reply for want of resources")
        self._reason = reason
        for call in self._calls:
            yield from _done(call)

    def _parts(self) -> Iterator[Part]:
        details = self._details.whole()
        if self._thoughts or details:
            own = {"reasoning_details": details} if details else {}
            yield Thinking("".join(self._thoughts), {self._origin: own})
        if self._texts or self._more:
            yield Text("".join(self._texts), {self._origin: self._more} if self._more else {})
        for call in self._calls:
            arguments = "".join(call.texts) or "{}"
            yield ToolCall(call.id, call.name, arguments, {self._origin: call.more} if call.more else {})


def _done(call: _Call) -> Iterator[StreamEvent]:
    if not call.done:
        call.done = True
        yield ToolCallDone(call.number)


def _calls_in(delta: Any) -> list[Any]:
    """The pieces of calls; a `function_call` is an old word for the only one."""
    if delta.get("function_call"):
        return [{"index": 0, "function": delta["function_call"]}]
    return [call for call in delta.get("tool_calls") or () if call]


def _list(content: Any) -> Any:
    """Content that is no text. Raises TypeError for what is no list either: words must not be passed over."""
    if content is not None and not isinstance(content, list):
        raise TypeError
    return content


def _listed(content: Any, kind: str) -> str:
    """The texts in content that is a list: `[{"type": "text", "text": ...}]`, and thoughts in one of those again."""
    found = [item.get(kind) for item in content or () if item.get("type") == kind] if isinstance(content, list) else []
    return "".join(item if isinstance(item, str) else _listed(item, "text") for item in found)
