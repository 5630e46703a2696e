"""A reply in the form of Chat Completions: whole, as chunks, or as an error. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers import Finish, Text, Thinking, ToolCall, Usage
from providers.fake.chat.makers import call_id, maker, thought_signature
from providers.fake.openai import WORDS, error
from providers.fake.wire import Complaint, Event, Told, pieces

__all__ = ["counted", "events", "interrupted", "whole"]

_DONE = Event(None, "[DONE]")
_CREATED = 1_798_000_000  # the fake stands still in time: the same script gives the same bytes

_AT_ONCE = frozenset({"no-index", "no-id", "bare-calls", "same-index", "dict-arguments"})

_REASONS: Mapping[Finish, str] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "length": "length",
    "refusal": "stop",
    "content_filter": "content_filter",
    "context_window": "length",
}


def whole(told: Told) -> Mapping[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": _text(told), "refusal": None, "annotations": []}
    if told.reply.finish == "refusal":
        message |= {"content": None, "refusal": _text(told)}
    if "thinking" in told.ask.wants and (thought := _thought(told)):
        message["reasoning_content"] = thought
    if calls := told.reply.message.tool_calls:
        message["tool_calls"] = [_call(told, place, call, call.arguments) for place, call in enumerate(calls)]
        for call in message["tool_calls"]:
            call.pop("index", None)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(told)}
    answer = {**_head(told, "chat.completion"), "choices": [choice]}
    return answer if "no-usage" in told.odd else {**answer, "usage": _usage(told.reply.usage)}


def events(told: Told) -> Sequence[Event]:
    return [*(Event(None, chunk) for chunk in _chunks(told)), _DONE]


def _chunks(told: Told) -> Iterator[Mapping[str, Any]]:
    yield _chunk(told, {"role": "assistant", "content": "", "refusal": None})
    for part in told.reply.message.parts:
        match part:
            case Thinking(text) if "thinking" in told.ask.wants:
                yield from (_chunk(told, {"reasoning_content": word}) for word in WORDS.findall(text))
            case Text(text):
                field = "refusal" if told.reply.finish == "refusal" else "content"
                yield from (_chunk(told, {field: word}) for word in WORDS.findall(text))
    called = [
        [_chunk(told, {"tool_calls": [delta]}) for delta in _deltas(told, place, call)]
        for place, call in enumerate(told.reply.message.tool_calls)
    ]
    late = called.pop() if called and "unclosed" in told.odd else []
    yield from (chunk for chunks in called for chunk in chunks)
    yield _chunk(told, {}, _reason(told))
    yield from late
    if "usage" in told.ask.wants and "no-usage" not in told.odd:
        yield {**_head(told, "chat.completion.chunk"), "choices": [], "usage": _usage(told.reply.usage)}


def _deltas(told: Told, place: int, call: ToolCall) -> Iterator[Mapping[str, Any]]:
    """A compatible server that gives no index, no id or an object sends each call at once."""
    if told.odd & _AT_ONCE:
        yield _call(told, place, call, call.arguments)
        return
    yield _call(told, place, call, "")
    for piece in pieces(call.arguments):
        yield {"index": place, "function": {"arguments": piece}}


def _call(told: Told, place: int, call: ToolCall, arguments: Any) -> dict[str, Any]:
    if "dict-arguments" in told.odd:
        arguments = _parsed(call.arguments)
    identity = call_id(told.ask.request.model, call.id)
    found: dict[str, Any] = {"index": place, "id": identity, "type": "function"}
    found["function"] = {"name": call.name, "arguments": arguments}
    if maker(told.ask.request.model) == "gemini" and place == 0:
        found["extra_content"] = {"google": {"thought_signature": thought_signature(identity)}}
    if told.odd & {"no-index", "bare-calls"}:
        found["index"] = None
    if told.odd & {"no-id", "bare-calls"}:
        found["id"] = None
    if "same-index" in told.odd:
        found["index"] = 0
    return found


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def _chunk(told: Told, delta: Mapping[str, Any], reason: str | None = None) -> Mapping[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    chunk = {**_head(told, "chat.completion.chunk"), "choices": [choice]}
    return {**chunk, "usage": None} if "usage" in told.ask.wants else chunk


def _head(told: Told, kind: str) -> dict[str, Any]:
    model = told.reply.model
    return {"id": told.identity("chatcmpl"), "object": kind, "created": _CREATED, "model": model}


def _reason(told: Told) -> str:
    if "unknown-stop" in told.odd:
        return "brand_new_reason"
    if "stop-with-calls" in told.odd:
        return "stop"
    return _REASONS.get(told.reply.finish, "stop")


def _text(told: Told) -> str | None:
    texts = [part.text for part in told.reply.message.parts if isinstance(part, Text)]
    return "".join(texts) if texts else None


def _thought(told: Told) -> str:
    return "".join(part.text for part in told.reply.message.parts if isinstance(part, Thinking))


def _usage(usage: Usage) -> Mapping[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def interrupted(complaint: Complaint, request_id: str) -> Sequence[Event]:
    return [Event(None, error(complaint, request_id))]


def counted(tokens: int) -> Mapping[str, Any]:
    return {"input_tokens": tokens}
