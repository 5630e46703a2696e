"""A reply in the form of Responses: whole, as events, or as an error. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from providers import Text, Thinking, ToolCall, Usage
from providers.fake.openai import WORDS, error_fields
from providers.fake.seals import seal
from providers.fake.wire import Complaint, Event, Told, pieces

__all__ = ["counted", "events", "interrupted", "whole"]

_CREATED = 1_798_000_000  # the fake stands still in time: the same script gives the same bytes

_LATE = 999  # the number of an event that came in between

_INCOMPLETE: Mapping[str, str] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "content_filter": "content_filter",
}


def whole(told: Told) -> Mapping[str, Any]:
    output = [_item(told, part, place) for place, part in enumerate(_parts(told))]
    return {**_response(told, _status(told)), **_ending(told), "output": output, "usage": _usage(told)}


def events(told: Told) -> Sequence[Event]:
    numbers = count()
    return [Event(data["type"], {**data, "sequence_number": next(numbers)}) for data in _told(told)]


def _told(told: Told) -> Iterator[dict[str, Any]]:
    begun = {**_response(told, "in_progress"), "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    parts = _parts(told)
    for place, part in enumerate(parts):
        at = {"output_index": place}
        yield {"type": "response.output_item.added", **at, "item": _opening(told, part, place)}
        for event in _formed(told, part):
            yield {**event, "item_id": _identity(told, part, place), **at}
        if "unclosed" not in told.odd or place < len(parts) - 1:
            yield {"type": "response.output_item.done", **at, "item": _item(told, part, place)}
    status, response = _status(told), whole(told)
    done = response["output"][:-1] if "unclosed" in told.odd else response["output"]
    yield {"type": f"response.{status}", "response": {**response, "output": done}}


def _parts(told: Told) -> list[Text | Thinking | ToolCall]:
    return [part for part in told.reply.message.parts if isinstance(part, Text | Thinking | ToolCall)]


def _status(told: Told) -> str:
    return "incomplete" if "unknown-stop" in told.odd or told.reply.finish in _INCOMPLETE else "completed"


def _response(told: Told, status: str) -> dict[str, Any]:
    request = told.ask.request
    return {
        "id": told.identity("resp"), "object": "response", "created_at": _CREATED, "status": status, "error": None,
        "background": False, "incomplete_details": None, "instructions": request.system or None, "metadata": {},
        "max_output_tokens": request.max_output_tokens or None, "model": told.reply.model, "parallel_tool_calls": True,
        "previous_response_id": None, "reasoning": {"effort": None, "summary": None}, "service_tier": "default",
        "store": False, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "truncation": "disabled", "user": None,
    }  # fmt: skip


def _ending(told: Told) -> dict[str, Any]:
    reason = "brand_new_reason" if "unknown-stop" in told.odd else _INCOMPLETE.get(told.reply.finish)
    return {"incomplete_details": {"reason": reason} if reason else None}


def _identity(told: Told, part: Text | Thinking | ToolCall, place: int) -> str:
    prefix = "fc" if isinstance(part, ToolCall) else "msg" if isinstance(part, Text) else "rs"
    return told.identity(prefix, place)


def _opening(told: Told, part: Text | Thinking | ToolCall, place: int) -> dict[str, Any]:
    found: dict[str, Any] = {"id": _identity(told, part, place)}
    match part:
        case Text():
            return {**found, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        case Thinking():
            return {**found, "type": "reasoning", "summary": []}
        case ToolCall(identity, name):
            call = {"type": "function_call", "status": "in_progress", "call_id": f"call_{identity}", "name": name}
            return {**found, **call, "arguments": ""}


def _item(told: Told, part: Text | Thinking | ToolCall, place: int) -> dict[str, Any]:
    last = place == len(_parts(told)) - 1
    incomplete = _status(told) == "incomplete" or ("incomplete-item" in told.odd and last)
    status = "incomplete" if incomplete else "completed"
    opening = _opening(told, part, place)
    match part:
        case Text():
            return {**opening, "status": status, "content": [_content(told, part)]}
        case Thinking(text):
            summary = [{"type": "summary_text", "text": text}] if "summary" in told.ask.wants else []
            sealed = {"encrypted_content": seal(text)} if "sealed" in told.ask.wants else {}
            return {**opening, "summary": summary, **sealed}
        case ToolCall(arguments=arguments):
            return {**opening, "status": status, "arguments": arguments}


def _content(told: Told, part: Text) -> dict[str, Any]:
    if told.reply.finish == "refusal":
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}


def _formed(told: Told, part: Text | Thinking | ToolCall) -> Iterator[dict[str, Any]]:
    match part:
        case Text():
            yield from _spoken(told, part)
        case Thinking(text) if "summary" in told.ask.wants:
            yield from _summarised(text)
        case ToolCall(name=name, arguments=arguments):
            kind = "response.function_call_arguments"
            yield from ({"type": f"{kind}.delta", "delta": piece} for piece in pieces(arguments))
            yield {"type": f"{kind}.done", "name": name, "arguments": arguments}


def _spoken(told: Told, part: Text) -> Iterator[dict[str, Any]]:
    content, at = _content(told, part), {"content_index": 0}
    refused = told.reply.finish == "refusal"
    kind, field = ("response.refusal", "refusal") if refused else ("response.output_text", "text")
    extra: dict[str, Any] = {} if refused else {"logprobs": []}
    yield {"type": "response.content_part.added", **at, "part": {**content, field: ""}}
    for word in WORDS.findall(part.text):
        yield {"type": f"{kind}.delta", **at, "delta": word, **extra}
    yield {"type": f"{kind}.done", **at, field: part.text, **extra}
    yield {"type": "response.content_part.done", **at, "part": content}


def _summarised(text: str) -> Iterator[dict[str, Any]]:
    kind, at = "response.reasoning_summary", {"summary_index": 0}
    yield {"type": f"{kind}_part.added", **at, "part": {"type": "summary_text", "text": ""}}
    yield from ({"type": f"{kind}_text.delta", **at, "delta": word} for word in WORDS.findall(text))
    yield {"type": f"{kind}_text.done", **at, "text": text}
    yield {"type": f"{kind}_part.done", **at, "part": {"type": "summary_text", "text": text}}


def _usage(told: Told) -> Mapping[str, Any] | None:
    if "no-usage" in told.odd:
        return None
    usage: Usage = told.reply.usage
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


def interrupted(complaint: Complaint, _request_id: str) -> Sequence[Event]:
    """The event `error`; with the type `response.failed`, a response that failed."""
    failed = complaint.type == "response.failed"
    kind, code = error_fields(replace(complaint, type=None) if failed else complaint)
    if not failed:
        said = {"code": code or kind, "message": complaint.message, "param": complaint.param}
        return [Event("error", {"type": "error", **said, "sequence_number": _LATE})]
    response = {
        "id": "resp_fake_failed", "object": "response", "created_at": _CREATED, "status": "failed", "model": "",
        "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "error": {"code": code, "message": complaint.message},
    }  # fmt: skip
    return [Event("response.failed", {"type": "response.failed", "response": response, "sequence_number": _LATE})]


def counted(tokens: int) -> Mapping[str, Any]:
    return {"object": "response.input_tokens", "input_tokens": tokens}
