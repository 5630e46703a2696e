"""A body of Anthropic Messages as the request that any model hears. Pure. Raises `checks.Refused` as the API would."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from providers import Message, Part, Request, Text, Thinking, ToolCall, ToolResult, ToolSpec
from providers.fake.anthropic.rules import keep
from providers.fake.anthropic.shapes import COUNT, MESSAGES
from providers.fake.checks import fit
from providers.fake.wire import Ask

__all__ = ["read"]


def read(body: Any, *, counting: bool = False) -> Ask:
    """`counting` for `/v1/messages/count_tokens`, which takes less."""
    fit(body, COUNT if counting else MESSAGES)
    keep(body)
    request = Request(
        model=body["model"],
        system=_text(body.get("system", "")),
        messages=tuple(message for item in body["messages"] for message in _messages(item)),
        tools=tuple(_tool(tool) for tool in body.get("tools", ())),
        max_output_tokens=body.get("max_tokens", 0),
    )
    thinking = body.get("thinking", {}).get("display") == "omitted"
    return Ask(request, bool(body.get("stream")), frozenset({"silent_thinking"} if thinking else ()))


def _text(content: str | list[Mapping[str, Any]]) -> str:
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def _tool(tool: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(tool["name"], tool.get("description", ""), tool["input_schema"])


def _messages(item: Mapping[str, Any]) -> Iterator[Message]:
    """The results that a user's message begins with are a message of their own."""
    content = item["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    results = tuple(_result(block) for block in blocks if block["type"] == "tool_result")
    if results:
        yield Message("tool", results)
    parts = tuple(part for block in blocks for part in _parts(block))
    if parts or not results:
        yield Message(item["role"], parts)


def _parts(block: Mapping[str, Any]) -> Iterator[Part]:
    match block["type"]:
        case "text":
            yield Text(block["text"])
        case "thinking":
            yield Thinking(block["thinking"], {"signature": block["signature"]})
        case "tool_use":
            yield ToolCall(block["id"], block["name"], json.dumps(block["input"], ensure_ascii=False))
        case "image" | "document":
            yield Text(f"[{block['type']}]")


def _result(block: Mapping[str, Any]) -> ToolResult:
    content = block.get("content", "")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return ToolResult(block["tool_use_id"], [dict(item) for item in blocks], block.get("is_error", False))
