"""A body of Chat Completions as the request that any model hears. Pure. Raises `checks.Refused` as the API would."""

from collections.abc import Iterator, Mapping
from typing import Any

from providers import Message, Part, Request, Text, Thinking, ToolCall, ToolSpec
from providers.fake.chat.rules import keep
from providers.fake.chat.shapes import COMPLETIONS
from providers.fake.checks import fit
from providers.fake.openai import file, image, owned
from providers.fake.results import result
from providers.fake.wire import Ask, as_text

__all__ = ["read"]


def read(body: Any, *, counting: bool = False) -> Ask:
    """There is no counting in this format."""
    assert not counting  # noqa: S101 - no route leads there
    fit(body, COMPLETIONS)
    keep(body)
    messages = body["messages"]
    first = next((at for at, item in enumerate(messages) if item["role"] not in ("system", "developer")), len(messages))
    request = Request(
        model=body["model"],
        system="\n\n".join(_text(item["content"]) for item in messages[:first]),
        messages=tuple(_message(item) for item in messages[first:]),
        tools=tuple(_tool(tool["function"]) for tool in body.get("tools", ())),
        max_output_tokens=body.get("max_completion_tokens") or body.get("max_tokens") or 0,
    )
    usage = (body.get("stream_options") or {}).get("include_usage")
    wants = (["usage"] if usage else []) + ([] if owned(body["model"]) else ["thinking"])
    prompt = tuple(as_text(piece) for piece in (*body.get("tools", ()), *messages))
    return Ask(request, bool(body.get("stream")), frozenset(wants), prompt)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _tool(function: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(function["name"], function.get("description", ""), function.get("parameters", {}))


def _message(item: Mapping[str, Any]) -> Message:
    match item["role"]:
        case "tool":
            said = {"type": "text", "text": _text(item["content"])}
            return Message("tool", (result(item["tool_call_id"], [said]),))
        case "assistant":
            return Message("assistant", tuple(_reply(item)))
        case "user":
            return Message("user", tuple(_said(item["content"])))
    return Message("system", (Text(_text(item["content"])),))


def _said(content: str | list[Mapping[str, Any]]) -> Iterator[Part]:
    if isinstance(content, str):
        yield Text(content)
        return
    for part in content:
        match part["type"]:
            case "text":
                yield Text(part["text"])
            case "image_url":
                yield image(part["image_url"]["url"])
            case "file":
                yield file(part["file"])


def _reply(item: Mapping[str, Any]) -> Iterator[Part]:
    thought = item.get("reasoning_content") or item.get("reasoning")
    if thought:
        yield Thinking(thought)
    content = item.get("content")
    for part in [{"text": content}] if isinstance(content, str) else content or ():
        yield Text(part.get("text") or part.get("refusal") or "")
    for call in item.get("tool_calls", ()):
        yield ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
