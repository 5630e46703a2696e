"""A body of Anthropic Messages as the request that any model hears. Pure. Raises `checks.Refused` as the API would."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from providers import File, Image, Message, Part, Request, Text, Thinking, ToolCall, ToolResult, ToolSpec
from providers.fake.anthropic.rules import keep
from providers.fake.anthropic.shapes import COUNT, MESSAGES
from providers.fake.checks import fit
from providers.fake.wire import Ask, as_text

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
    wants = frozenset({"silent_thinking"} if thinking else ())
    return Ask(request, bool(body.get("stream")), wants, _prompt(body))


def _prompt(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Up to the last breakpoint; a breakpoint of the whole request stands at its end."""
    system = body.get("system", ())
    blocks = [*body.get("tools", ()), *(system if isinstance(system, list) else [{"text": system}])]
    for message in body["messages"]:
        content = message["content"]
        blocks += content if isinstance(content, list) else [{"role": message["role"], "text": content}]
    marked = [place for place, block in enumerate(blocks, 1) if block.get("cache_control")]
    last = len(blocks) if body.get("cache_control") else max(marked, default=0)
    return tuple(
        as_text({name: item for name, item in block.items() if name != "cache_control"}) for block in blocks[:last]
    )


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
        case "image":
            yield _image(block["source"])
        case "document":
            source = block["source"]
            yield File(block.get("title") or "", source.get("media_type", ""), source.get("data", ""))


def _image(source: Mapping[str, Any]) -> Image:
    return Image(source.get("media_type", ""), source.get("data", ""), source.get("url", ""))


def _result(block: Mapping[str, Any]) -> ToolResult:
    content = block.get("content", "")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return ToolResult(block["tool_use_id"], [_content(item) for item in blocks], block.get("is_error", False))


def _content(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """As an MCP server would have said it."""
    if block["type"] == "text":
        return {"type": "text", "text": block["text"]}
    source = block["source"]
    kind = "image" if block["type"] == "image" else "resource"
    return {"type": kind, "data": source.get("data", source.get("url", "")), "mimeType": source.get("media_type", "")}
