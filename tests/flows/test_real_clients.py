"""Clients that we did not write list and call through the served gateway, are refused, wait, and call again."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import fastmcp
import mcp
import pytest
from fastmcp.client.transports import StdioTransport
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.fixtures import node
from tests.fixtures.served import ECHO, LEGACY, MODERN, PATIENCE, Gateway, Place, approval_in

POLICY = (
    "p, *, *, echo/*, call, , allow, the echo server is for all",
    "p, *, *, echo/add, call, , ask, sums need a second person",
    "p, *, *, echo/env, call, , deny, the environment is private",
)
VERSIONS = {"auto": MODERN, "legacy": LEGACY}
SUM = {"call": "echo__add", "arguments": {"a": 1, "b": 2}}
STEPS = (
    {"list": True},
    {"call": "echo__echo", "arguments": {"text": "né ☃"}},
    {"call": "echo__fail", "arguments": {}},
    {"call": "echo__env", "arguments": {}},
    {"call": "echo__nil", "arguments": {}},
    SUM,
)


class Runner(Protocol):
    """Takes steps with one kind of client, and returns its protocol version and what came back, as JSON."""

    def __call__(
        self, mode: str, place: Place, steps: Sequence[Any], gateway: Gateway | None
    ) -> tuple[str, list[Any]]: ...


def command(place: Place) -> list[str]:
    return place.command("stdio", {"echo": ECHO})


def official(mode: str, place: Place, steps: Sequence[Any], gateway: Gateway | None) -> tuple[str, list[Any]]:
    """The official SDK for Python."""

    async def work() -> tuple[str, list[Any]]:
        with (place.folder / "client.log").open("a", encoding="utf-8") as log:
            program, *args = command(place)
            stdio = stdio_client(StdioServerParameters(command=program, args=args), errlog=log)
            async with mcp.Client(gateway.url if gateway else stdio, mode=mode, cache=None) as client:
                return str(client.protocol_version), [await python_step(client, step) for step in steps]

    return asyncio.run(work())


def fastmcps(mode: str, place: Place, steps: Sequence[Any], gateway: Gateway | None) -> tuple[str, list[Any]]:
    """FastMCP's."""

    async def work() -> tuple[str, list[Any]]:
        program, *args = command(place)
        stdio = StdioTransport(program, args, keep_alive=False, log_file=place.folder / "client.log")
        async with fastmcp.Client(gateway.url if gateway else stdio, mode=mode) as client:
            return str(client.session.protocol_version), [await fastmcp_step(client, step) for step in steps]

    return asyncio.run(work())


def typescript(mode: str, place: Place, steps: Sequence[Any], gateway: Gateway | None) -> tuple[str, list[Any]]:
    """The official SDK for TypeScript."""
    target = [gateway.url] if gateway else command(place)
    done = subprocess.run(
        node.client(mode, target),
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return said["version"], said["results"]


async def python_step(client: Any, step: Any) -> Any:
    result = await (client.list_tools() if "list" in step else client.call_tool(step["call"], step["arguments"]))
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


async def fastmcp_step(client: Any, step: Any) -> Any:
    if "list" in step:
        return {"tools": [tool.model_dump(by_alias=True, mode="json") for tool in await client.list_tools()]}
    return (await client.call_tool_mcp(step["call"], step["arguments"])).model_dump(by_alias=True, mode="json")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(*POLICY)
    return made


@contextlib.contextmanager
def reached(transport: str, place: Place) -> Iterator[Gateway | None]:
    """A gateway over HTTP; over stdio, each client starts its own."""
    if transport == "stdio":
        yield None
        return
    with place.serve({"echo": ECHO}) as gateway:
        yield gateway


@pytest.mark.parametrize("transport", ["http", "stdio"])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("run", [official, fastmcps, typescript])
def test_a_real_client_lists_calls_is_refused_waits_and_calls_again(
    run: Runner, mode: str, transport: str, place: Place
) -> None:
    with reached(transport, place) as gateway:
        version, results = run(mode, place, STEPS, gateway)
        listed, said, failed, denied, unknown, held = results
        place.decide(approval_in(held))
        _, (done, again) = run(mode, place, (SUM, SUM), gateway)  # another session
    assert version == VERSIONS[mode]
    names = [tool["name"] for tool in listed["tools"]]
    assert (names == sorted(names), "echo__add" in names, "echo__env" in names) == (True, True, False)
    assert said["content"][0]["text"] == "né ☃"
    assert (failed["isError"], failed["content"][0]["text"]) == (True, "it did not work")
    assert (denied["isError"], "the environment is private" in denied["content"][0]["text"]) == (True, True)
    assert (unknown["isError"], "there is no tool `echo__nil`" in unknown["content"][0]["text"]) == (True, True)
    assert (held["isError"], "toolgate approve" in held["content"][0]["text"]) == (True, True)
    assert done["structuredContent"] == {"sum": 3}
    assert approval_in(again) != approval_in(held)
