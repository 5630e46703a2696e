"""A body of Responses as the request that any model hears. Pure. Raises `checks.Refused` as the API would."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers import Message, Part, Request, Role, Text, Thinking, ToolCall, ToolSpec
from providers.fake.checks import fit
from providers.fake.openai import file, image
from providers.fake.responses.rules import keep
from providers.fake.responses.shapes import COUNT, RESPONSES
from providers.fake.results import result
from providers.fake.wire import Ask, as_text

__all__ = ["read"]


def read(body: Any, *, counting: bool = False) -> Ask:
    """`counting` for `/v1/responses/input_tokens`, which takes less."""
    fit(body, COUNT if counting else RESPONSES)
    keep(body)
    heard = body.get("input", "")
    items = [{"role": "user", "content": heard}] if isinstance(heard, str) else heard
    request = Request(
        model=body.get("model") or "",
        system=body.get("instructions") or "",
        messages=tuple(_messages(items)),
        tools=tuple(_tool(tool) for tool in body.get("tools", ())),
        max_output_tokens=body.get("max_output_tokens") or 0,
    )
    reasoning = body.get("reasoning") or {}
    wants = {"sealed"} if "reasoning.encrypted_content" in (body.get("include") or ()) else set()
    wants |= {"summary"} if reasoning.get("summary") else set()
    pieces = (*body.get("tools", ()), {"instructions": request.system}, *items)
    return Ask(request, bool(body.get("stream")), frozenset(wants), tuple(as_text(piece) for piece in pieces))


def _tool(tool: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(tool["name"], tool.get("description") or "", tool["parameters"] or {})


def _messages(items: Sequence[Mapping[str, Any]]) -> Iterator[Message]:
    """Items of one reply that follow one another are one message."""
    role: Role | None = None
    parts: list[Part] = []
    for item in items:
        speaks, said = _speaker(item), tuple(_parts(item))
        if role is not None and not (speaks == role and role in ("assistant", "tool")):
            yield Message(role, tuple(parts))
            parts = []
        role = speaks
        parts += said
    if role is not None:
        yield Message(role, tuple(parts))


def _speaker(item: Mapping[str, Any]) -> Role:
    match item.get("type", "message"):
        case "function_call_output":
            return "tool"
        case "function_call" | "reasoning":
            return "assistant"
    role: Role = "system" if item["role"] == "developer" else item["role"]
    return role


def _parts(item: Mapping[str, Any]) -> Iterator[Part]:
    match item.get("type", "message"):
        case "function_call_output":
            yield result(item["call_id"], _returned(item["output"]))
        case "function_call":
            yield ToolCall(item["call_id"], item["name"], item["arguments"])
        case "reasoning":
            yield Thinking("".join(part["text"] for part in item["summary"]))
        case _:
            content = item["content"]
            for part in [{"type": "input_text", "text": content}] if isinstance(content, str) else content:
                yield _said(part)


def _said(part: Mapping[str, Any]) -> Part:
    match part["type"]:
        case "input_image":
            return image(part.get("image_url") or "")
        case "input_file":
            return file(part)
    return Text(part.get("text") or part.get("refusal") or "")


def _returned(output: str | list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """As an MCP server would have said it."""
    if isinstance(output, str):
        return [{"type": "text", "text": output}]
    return [_block(part) for part in output]


def _block(part: Mapping[str, Any]) -> Mapping[str, Any]:
    if part["type"] == "input_text":
        return {"type": "text", "text": part["text"]}
    if part["type"] == "input_image":
        found = image(part.get("image_url") or "")
        return {"type": "image", "data": found.data or found.url, "mimeType": found.media_type}
    held = file(part)
    return {"type": "resource", "data": held.data, "mimeType": held.media_type}
