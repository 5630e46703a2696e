"""Every tool of a server, read raw and judged one by one: a bad one is left out with the reason, the others stay."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp.shared.inbound import find_invalid_x_mcp_header

from gateway.call import JsonObject, Tool, pin_of
from gateway.upstream import wire

__all__ = ["MAX_PAGES", "Listing", "NoList", "judge", "list_tools", "problem_of"]

MAX_PAGES = 100
MAX_TOOLS = 10_000
MAX_TOOL = 256 * 1024  # bytes of one definition
MAX_TOOL_DEPTH = 64  # nested containers in one definition

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")  # MCP 2025-11-25, Tools: tool names


class NoList(ValueError):
    """An answer to `tools/list` that is none."""


Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Listing:
    """`tools` by name; `rejected` from `server/tool` (or `server/#3`, the third in the list) to the reason."""

    tools: Mapping[str, Tool] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)


async def list_tools(ask: Ask, server: str, *, trusted: bool) -> Listing:
    """Asks for all pages. Raises what `ask` raises, and NoList for an answer that is no list of tools."""
    definitions: list[Any] = []
    note: dict[str, str] = {}
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        page = await ask("tools/list", {} if cursor is None else {"cursor": cursor})
        tools = page.get("tools") if isinstance(page, Mapping) else None
        if not isinstance(tools, list):
            raise NoList("the answer to `tools/list` holds no list of tools")
        definitions += tools
        following = page.get("nextCursor")
        cursor = following if isinstance(following, str) and following not in seen else None
        if cursor is None or len(definitions) > MAX_TOOLS:
            break
        seen.add(cursor)
    if cursor is not None:
        note[f"{server}/*"] = f"the list goes on after {MAX_PAGES} pages or {MAX_TOOLS} tools: the rest is left out"
    listing = judge(definitions, server, trusted=trusted)
    return Listing(listing.tools, {**listing.rejected, **note})


def judge(definitions: list[Any], server: str, *, trusted: bool) -> Listing:
    """Keeps the definitions that can be used. Of two with the same name the first stays. Pure."""
    tools: dict[str, Tool] = {}
    rejected: dict[str, str] = {}
    for number, definition in enumerate(definitions, 1):
        problem = problem_of(definition)
        name = definition["name"] if not problem else ""
        if not problem and name in tools:
            problem = "it is listed twice: the first one counts"
        if problem:
            rejected[f"{server}/{_shown_name(definition, number)}"] = problem
        else:
            tools[name] = Tool(server, name, definition, pin_of(definition), trusted)
    return Listing(tools, rejected)


def problem_of(definition: Any) -> str:
    """Why a definition can't be used, empty if it can: the first rung that fails. Pure."""
    if not isinstance(definition, dict):
        return "its definition is not a JSON object"
    if wire.depth_over(definition, MAX_TOOL_DEPTH):
        return f"its definition is nested more than {MAX_TOOL_DEPTH} levels deep"
    if flaw := wire.flaw_in(definition):
        return f"its definition can't be passed on: {flaw}"
    if len(wire.dump(definition)) > MAX_TOOL:
        return f"its definition is larger than {MAX_TOOL // 1024} KB"
    name = definition.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "its name is not 1 to 128 letters, digits, `_`, `-` and `.`"
    return _problem_of_schema(definition)


def _problem_of_schema(definition: JsonObject) -> str:
    schema = definition.get("inputSchema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return "its `inputSchema` does not have the type `object`"
    if reason := find_invalid_x_mcp_header(schema):  # MCP 2026-07-28, Transports: such a tool MUST be left out
        return f"its `inputSchema` has an invalid `x-mcp-header`: {reason}"
    return ""


def _shown_name(definition: Any, number: int) -> str:
    """A name that can be shown, or the place in the list."""
    name = definition.get("name") if isinstance(definition, dict) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else f"#{number}"
