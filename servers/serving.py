"""A table of tools, served to any MCP client over stdio in both protocol eras.

A tool is data: its schemas, its hints and one function from `Asked` to `Answer`. The schema that a client reads is
the one that arguments are checked against, so that the two can't differ. What a tool can't do is a tool error
(`isError`, with a text that the model can act on); what nobody foresaw goes to stderr, and the client learns only
that it happened. The low-level server of the SDK is used because it is told the schemas: deriving them from
annotations takes another 0.1 s at each start.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mcp import types
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from servers.tooling import Answer, Asked, Program, ServedTool, ToolFailed, fit

__all__ = ["serve", "server_for"]

IDEMPOTENCY_KEY = "toolgate/idempotency-key"

_log = logging.getLogger(__name__)


def serve(program: Program) -> None:
    """Serves on stdin and stdout until stdin ends or the process is interrupted."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(program))


async def _serve(program: Program) -> None:
    server = server_for(program)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def server_for(program: Program) -> Server[Any]:
    """The SDK's server for a program, not yet on any transport."""
    tools = {tool.name: tool for tool in program.tools}
    offered = [_definition(tool) for tool in program.tools]

    async def list_tools(_context: Any, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=offered)

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in tools:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool `{params.name}`; there are {', '.join(tools)}")
        return await _answered(tools[params.name], params.arguments or {}, context.meta or {})

    return Server(
        program.name,
        version=program.version,
        instructions=program.instructions,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda name: tools[name].input_schema if name in tools else None,
    )


def _definition(tool: ServedTool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=types.ToolAnnotations(
            read_only_hint=tool.hints.read_only,
            destructive_hint=tool.hints.destructive,
            idempotent_hint=tool.hints.idempotent,
            open_world_hint=False,  # a bundled server knows its own files only
        ),
    )


async def _answered(tool: ServedTool, arguments: Mapping[str, Any], meta: Mapping[str, Any]) -> types.CallToolResult:
    try:
        answer = await asyncio.to_thread(tool.run, Asked(fit(tool, arguments), _key(meta)))
    except ToolFailed as failure:
        return _failure(str(failure))
    except Exception:  # noqa: BLE001 - one broken call must not take the others' server away
        _log.exception("tool `%s` failed in a way that nobody foresaw", tool.name)
        return _failure(f"`{tool.name}` failed unexpectedly; the server's own log says why")
    await asyncio.sleep(answer.held_back)
    return _result(answer)


def _key(meta: Mapping[str, Any]) -> str | None:
    key = meta.get(IDEMPOTENCY_KEY)
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= 512):
        raise ToolFailed(f'`_meta["{IDEMPOTENCY_KEY}"]` must be a text of 1 to 512 characters')
    return key


def _result(answer: Answer) -> types.CallToolResult:
    # MCP 2026-07-28, Tools, Structured content: the same as text, for clients that read only that
    text = json.dumps(answer.value, ensure_ascii=False) if answer.text is None else answer.text
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=dict(answer.value))


def _failure(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)
