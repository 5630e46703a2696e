"""A reply in the form of Anthropic Messages: whole, as events, or as an error. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers import Finish, Text, Thinking, ToolCall, Usage
from providers.fake.seals import signature
from providers.fake.wire import Complaint, Event, Told, pieces

__all__ = ["counted", "error", "events", "interrupted", "whole"]

_WORDS = re.compile(r"\S*\s+|\S+")

_STOPS: Mapping[Finish, str] = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "refusal": "refusal",
    "content_filter": "refusal",
    "context_window": "model_context_window_exceeded",
    "paused": "pause_turn",
}

_ERRORS: Mapping[str, str] = {
    "invalid": "invalid_request_error",
    "auth": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "server": "api_error",
}


def whole(told: Told) -> Mapping[str, Any]:
    content = [_block(told, part) for part in _parts(told)]
    return {**_message(told), "content": content, **_ending(told), "usage": _usage(told.reply.usage)}


def events(told: Told) -> Sequence[Event]:
    return [Event(data["type"], data) for data in _told(told)]


def _told(told: Told) -> Iterator[Mapping[str, Any]]:
    usage = _usage(told.reply.usage)
    begun = {**usage, "output_tokens": min(1, usage["output_tokens"])}
    empty: dict[str, Any] = {
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": begun,
    }
    yield {"type": "message_start", "message": {**_message(told), **empty}}
    yield {"type": "ping"}
    parts = _parts(told)
    for place, part in enumerate(parts):
        yield {"type": "content_block_start", "index": place, "content_block": _opening(part)}
        for delta in _deltas(told, part):
            yield {"type": "content_block_delta", "index": place, "delta": delta}
        if "unclosed" not in told.odd or place < len(parts) - 1:
            yield {"type": "content_block_stop", "index": place}
    yield {"type": "message_delta", "delta": _ending(told), "usage": _final(usage)}
    yield {"type": "message_stop"}


def _parts(told: Told) -> list[Text | Thinking | ToolCall]:
    return [part for part in told.reply.message.parts if isinstance(part, Text | Thinking | ToolCall)]


def _message(told: Told) -> dict[str, Any]:
    return {"id": told.identity("msg"), "type": "message", "role": "assistant", "model": told.reply.model}


def _ending(told: Told) -> dict[str, Any]:
    stop = "brand_new_reason" if "unknown-stop" in told.odd else _STOPS.get(told.reply.finish, "end_turn")
    details = {"type": "refusal", "category": None, "explanation": None} if stop == "refusal" else None
    return {"stop_reason": stop, "stop_sequence": None, "stop_details": details}


def _block(told: Told, part: Text | Thinking | ToolCall) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text, "citations": None}
        case Thinking(text):
            return {"type": "thinking", "thinking": _thought(told, text), "signature": _signed(told, text)}
        case ToolCall(name=_, arguments=arguments):
            return {**_opening(part), "input": _input(arguments)}


def _thought(told: Told, text: str) -> str:
    return "" if "silent_thinking" in told.ask.wants else text


def _signed(told: Told, text: str) -> str:
    return signature(_thought(told, text))


def _input(arguments: str) -> Any:
    """The API parses what its model writes; what does not parse comes as the text that it is."""
    try:
        return json.loads(arguments)
    except ValueError:
        return {"INVALID_JSON": arguments}


def _opening(part: Text | Thinking | ToolCall) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": "", "citations": None}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolCall(identity, name):
            return {
                "type": "tool_use",
                "id": f"toolu_{identity}",
                "name": name,
                "input": {},
                "caller": {"type": "direct"},
            }


def _deltas(told: Told, part: Text | Thinking | ToolCall) -> Iterator[Mapping[str, Any]]:
    match part:
        case Text(text):
            yield from ({"type": "text_delta", "text": word} for word in _WORDS.findall(text))
        case Thinking(text):
            words = _WORDS.findall(_thought(told, text))
            yield from ({"type": "thinking_delta", "thinking": word} for word in words)
            yield {"type": "signature_delta", "signature": _signed(told, text)}
        case ToolCall(arguments=arguments):
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces(arguments)))


def _usage(usage: Usage) -> dict[str, Any]:
    """`input_tokens` are without those that were read from the cache or written to it."""
    return {
        "input_tokens": usage.input - usage.cache_read - usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "server_tool_use": None,
        "service_tier": "standard",
    }


def _final(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in usage.items() if name not in ("cache_creation", "service_tier")}


def error(complaint: Complaint, request_id: str) -> Mapping[str, Any]:
    where = f"{complaint.param}: " if complaint.param else ""
    kind = complaint.type or _ERRORS[complaint.kind]
    said = {"type": kind, "message": f"{where}{complaint.message}"}
    return {"type": "error", "error": said, "request_id": request_id}


def interrupted(complaint: Complaint, request_id: str) -> Sequence[Event]:
    return [Event("error", error(complaint, request_id))]


def counted(tokens: int) -> Mapping[str, Any]:
    return {"input_tokens": tokens}
