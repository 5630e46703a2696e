"""Toolgate as the client that the suite tests: `python -m tests.conformance.client URL`, which the suite starts.

It starts `toolgate serve --stdio` with the suite's server behind it, and drives it as the scenario wants it, with the
official SDK's client. Exit code 0: nothing unexpected happened; whether it was right, the suite has seen.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from tests.conformance.logging_in import AUTH, opened, through, with_own_credentials
from tests.conformance.suite import EXTENSIONS, VERSIONS
from tests.fixtures.project import Project

MODERN, LEGACY = VERSIONS

Act = Callable[[Client], Awaitable[None]]
ACTS: dict[str, Act] = {}


def scenario(*names: str) -> Callable[[Act], Act]:
    def put(act: Act) -> Act:
        ACTS.update(dict.fromkeys(names, act))
        return act

    return put


@scenario("initialize", "json-schema-ref-no-deref")
async def listing(client: Client) -> None:
    await client.list_tools()


@scenario("tools_call", "request-metadata", "http-standard-headers")
async def adding(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("add_numbers", {"a": 5, "b": 3})


@scenario("sse-retry")
async def retrying(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("test_reconnection", {})


@scenario("elicitation-sep1034-client-defaults")
async def defaults(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("test_client_elicitation_defaults", {})


@scenario("json-schema-2020-12-preservation")
async def preserving(client: Client) -> None:
    listed = await client.list_tools()
    (focal,) = (tool for tool in listed.tools if tool.name == "json_schema_2020_12_tool")
    await client.call_tool("json_schema_echo", {"schema": focal.input_schema})


@scenario("sep-2322-client-request-state")
async def rounds(client: Client) -> None:
    await client.list_tools()
    for name in ("echo_state", "unrelated", "no_state", "no_result_type"):
        await client.call_tool(f"test_mrtr_{name}", {})


@scenario("http-invalid-tool-headers")
async def everything_listed(client: Client) -> None:
    for tool in (await client.list_tools()).tools:
        await attempted(client, tool.name, least(tool.input_schema))


@scenario("http-custom-headers")
async def given_calls(client: Client) -> None:
    listed = {tool.name for tool in (await client.list_tools()).tools}
    context = json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"])
    for call in context["toolCalls"]:
        if call["name"] in listed:
            # One is null where its schema wants a boolean, which a gateway that checks arguments does not send.
            given = {name: value for name, value in (call.get("arguments") or {}).items() if value is not None}
            await attempted(client, call["name"], given)


async def attempted(client: Client, name: str, arguments: dict[str, Any]) -> None:
    """A call that may be refused: the suite looks at what was sent."""
    try:
        await client.call_tool(name, arguments)
    except (MCPError, RuntimeError) as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - for whoever reads the suite's output


def least(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The fewest arguments that fit."""
    plain = {"string": "x", "integer": 0, "number": 0, "boolean": False, "object": {}, "array": [], "null": None}
    properties = schema.get("properties", {})
    return {name: plain.get(properties.get(name, {}).get("type"), "x") for name in schema.get("required", [])}


SCENARIOS: Mapping[str, tuple[str, ...]] = {
    MODERN: (
        "tools_call",
        "request-metadata",
        "sep-2322-client-request-state",
        "http-standard-headers",
        "http-custom-headers",
        "http-invalid-tool-headers",
        "json-schema-ref-no-deref",
        "json-schema-2020-12-preservation",
        *AUTH[MODERN],
    ),
    LEGACY: (
        "initialize",
        "tools_call",
        "elicitation-sep1034-client-defaults",
        "sse-retry",
        "json-schema-2020-12-preservation",
        *AUTH[LEGACY],
    ),
}


async def elicited(_context: Any, params: Any) -> types.ElicitResult:
    """Accepts, with the defaults of the question (SEP-1034)."""
    properties = getattr(params, "requested_schema", {}).get("properties", {})
    filled = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    return types.ElicitResult(action="accept", content=filled or {"confirmed": True})


async def sampled(_context: Any, _params: Any) -> types.CreateMessageResult:
    content = types.TextContent(type="text", text="")
    return types.CreateMessageResult(role="assistant", content=content, model="a model")


async def roots(_context: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[])


async def drive(act: Act, project: Project, mode: str) -> None:
    program, *arguments = project.command("serve", "--stdio")
    stdio = stdio_client(StdioServerParameters(command=program, args=arguments, env=dict(os.environ)))
    callbacks = {"elicitation_callback": elicited, "sampling_callback": sampled, "list_roots_callback": roots}
    async with Client(stdio, mode=mode, cache=None, **callbacks) as client:  # type: ignore[arg-type]
        await act(client)


async def drive_logged_in(project: Project, mode: str) -> None:
    """Every tool of a server that wants to know who is there. Whatever is refused is told in a result or an error."""
    told: list[str] = []

    async def act(client: Client) -> None:
        listed = await client.list_tools()
        told.append(str(listed.meta))  # which servers are missing, and why
        for tool in [tool.name for tool in listed.tools]:
            try:
                told.append(str(await client.call_tool(tool, {})))
            except (MCPError, RuntimeError) as error:
                told.append(str(error))

    async def work() -> str:
        told.clear()
        await drive(act, project, mode)
        return "\n".join(told)

    await through(project, work)


def main() -> None:
    url, scenario = sys.argv[-1], os.environ["MCP_CONFORMANCE_SCENARIO"]
    mode = MODERN if os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", MODERN) == MODERN else "legacy"
    with tempfile.TemporaryDirectory() as folder:
        context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
        if scenario in EXTENSIONS:
            asyncio.run(drive(everything_listed, with_own_credentials(Path(folder), url, context), mode))
        elif scenario.startswith("auth/"):
            asyncio.run(drive_logged_in(opened(Path(folder), url, scenario, context), mode))
        else:
            asyncio.run(drive(ACTS[scenario], Project.plain(Path(folder), {"url": url}), mode))


if __name__ == "__main__":
    main()
