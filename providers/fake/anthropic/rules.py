"""What Anthropic Messages refuses beyond shapes: who answers what, what may not be changed. Pure. In its own words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers.fake.checks import Refused
from providers.fake.seals import signature

__all__ = ["keep"]

_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_BREAKPOINTS = 4


def keep(body: Mapping[str, Any]) -> None:
    """Raises Refused for the first rule that is broken."""
    _tools(body.get("tools", ()))
    _choice(body)
    _thinking(body)
    _breakpoints(body)
    messages = body["messages"]
    if messages[0]["role"] == "assistant":
        raise _broken(("messages",), 'first message must use the "user" role')
    if messages[-1]["role"] == "assistant":
        raise _broken(
            (), "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    _answers(messages)
    _signatures(messages)


def _broken(path: tuple[str | int, ...], sentence: str) -> Refused:
    return Refused(path, "rule", sentence)


def _tools(tools: Sequence[Mapping[str, Any]]) -> None:
    names = [tool["name"] for tool in tools]
    if len(set(names)) < len(names):
        raise _broken(("tools",), "Tool names must be unique.")
    for place, tool in enumerate(tools):
        path, schema = ("tools", place, "custom", "input_schema"), tool["input_schema"]
        if schema.get("type") != "object":
            raise Refused((*path, "type"), "missing" if "type" not in schema else "value", "should be 'object'")
        if {"oneOf", "allOf", "anyOf"} & set(schema):
            raise _broken(path, "input_schema does not support oneOf, allOf, or anyOf at the top level")
        if not all(_KEY.fullmatch(key) for key in schema.get("properties") or ()):
            raise _broken((*path, "properties"), f"Property keys should match pattern '^{_KEY.pattern}$'")


def _choice(body: Mapping[str, Any]) -> None:
    choice, tools = body.get("tool_choice"), body.get("tools")
    if choice is None:
        return
    if not tools:
        raise _broken(("tool_choice",), "tool_choice may only be specified while providing tools")
    if choice["type"] == "tool" and choice["name"] not in [tool["name"] for tool in tools]:
        raise _broken(("tool_choice",), f"Tool '{choice['name']}' not found in provided tools")
    if choice["type"] in ("any", "tool") and body.get("thinking", {}).get("type") == "enabled":
        raise _broken((), "Thinking may not be enabled when tool_choice forces tool use.")


def _thinking(body: Mapping[str, Any]) -> None:
    thinking = body.get("thinking", {})
    if thinking.get("type") != "enabled":
        return
    if "max_tokens" in body and thinking["budget_tokens"] >= body["max_tokens"]:
        raise _broken((), "`max_tokens` must be greater than `thinking.budget_tokens`.")
    replies = [(place, found) for place, found in enumerate(body["messages"]) if found["role"] == "assistant"]
    if not replies or not _has(body["messages"][-1], "tool_result"):
        return
    place, last = replies[-1]
    kind = last["content"][0]["type"] if isinstance(last["content"], list) else "text"
    if kind not in ("thinking", "redacted_thinking"):
        raise _broken(
            ("messages", place, "content", 0, "type"),
            f"Expected `thinking` or `redacted_thinking`, but found `{kind}`. When `thinking` is enabled, a final "
            "`assistant` message must start with a thinking block (preceding the lastmost set of `tool_use` and "
            "`tool_result` blocks).",
        )


def _breakpoints(body: Mapping[str, Any]) -> None:
    found = sum(1 for part in _parts(body) if part.get("cache_control"))
    if found > _BREAKPOINTS:
        raise _broken((), f"A maximum of {_BREAKPOINTS} blocks with cache_control may be provided. Found {found}.")


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object that may carry a breakpoint; what a tool's schema or input says is none."""
    if isinstance(value, dict):
        yield value
        yield from (
            part for name, item in value.items() if name not in ("input_schema", "input") for part in _parts(item)
        )
    elif isinstance(value, list):
        yield from (part for item in value for part in _parts(item))


def _blocks(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _has(message: Mapping[str, Any], kind: str) -> bool:
    return any(block["type"] == kind for block in _blocks(message))


def _answers(messages: Sequence[Mapping[str, Any]]) -> None:
    """Each call is answered at once, in the message that follows it, before anything else is said in it."""
    seen: set[str] = set()
    open_calls: list[str] = []
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            _all_answered(place - 1, open_calls, ())
            open_calls = _called(place, message, seen)
        elif message["role"] == "user":
            results = _results(place, message, open_calls)
            _all_answered(place - 1, open_calls, results)
            open_calls = []
    _all_answered(len(messages) - 1, open_calls, ())


def _called(place: int, message: Mapping[str, Any], seen: set[str]) -> list[str]:
    calls = []
    for at, block in enumerate(_blocks(message)):
        if block["type"] != "tool_use":
            continue
        if block["id"] in seen:
            raise _broken(("messages", place, "content", at), "`tool_use` ids must be unique")
        seen.add(block["id"])
        calls.append(block["id"])
    return calls


def _results(place: int, message: Mapping[str, Any], open_calls: Sequence[str]) -> list[str]:
    """The ids that the beginning of a message answers."""
    answered: list[str] = []
    first = True
    for at, block in enumerate(_blocks(message)):
        if block["type"] != "tool_result":
            first = False
            continue
        name = block["tool_use_id"]
        path = ("messages", place, "content", at)
        if name not in open_calls:
            raise _broken(
                path,
                f"unexpected `tool_use_id` found in `tool_result` blocks: {name}. Each `tool_result` block must have a "
                "corresponding `tool_use` block in the previous message.",
            )
        if name in answered:
            raise _broken(
                path, f"each tool_use must have a single result. Found multiple `tool_result` blocks with id: {name}"
            )
        if first:
            answered.append(name)
    return answered


def _all_answered(place: int, calls: Sequence[str], results: Sequence[str]) -> None:
    missing = [call for call in calls if call not in results]
    if missing:
        raise _broken(
            ("messages", place),
            f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}. Each "
            "`tool_use` block must have a corresponding `tool_result` block in the next message.",
        )


def _signatures(messages: Sequence[Mapping[str, Any]]) -> None:
    for place, message in enumerate(messages):
        for at, block in enumerate(_blocks(message)):
            if block["type"] == "thinking" and block["signature"] != signature(block["thinking"]):
                raise _broken(("messages", place, "content", at), "Invalid `signature` in `thinking` block")
            if block["type"] == "redacted_thinking" and not block["data"].startswith("gAAA"):
                raise _broken(("messages", place, "content", at), "Invalid `data` in `redacted_thinking` block")
