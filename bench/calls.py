"""A `tools/call` over HTTP: directly, through the served gateway, through FastMCP's proxy, and through two floors."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.load import Era, Target
from bench.program import Program, running
from bench.project import gateway_arguments, make_project
from bench.promised import NOTES, with_limits
from bench.scale import Scale
from bench.systems import LANES, System, measured
from bench.table import Table

__all__ = ["calls", "large_calls"]

DIRECT, SDK, SMALL = "direct", "MCP SDK's server, no gateway", ", small result"
LIMITED = "toolgate, normal"
PROXIES = ("shared", "default")  # the slowest last
SATURATED = 4  # calls under way are enough for the slowest: it has one core, and 64 would take it seconds to answer

_NOTES = (
    "added: p50 less that of the direct call. CPU: of the process in the middle only, not of client and upstream.",
    "gateway: 1,000 rules, every budget limited, two durable records a call (SQLite, synchronous normal or full).",
)


def calls(scale: Scale) -> Table:
    table = _measured(scale, "echo", "A tools/call over HTTP", (*_NOTES, *NOTES))
    return with_limits(table, DIRECT, SDK, LIMITED)


def large_calls(scale: Scale) -> Table:
    """The promise about large results is half of that about small ones: the SDK's server is asked for one of those."""
    half = f"of large results half of that is promised, by `{DIRECT}` and `{SDK}` with a small one"
    table = _measured(scale, "large", "A tools/call over HTTP with a result of 100 KB", (*_NOTES, *NOTES, half))
    return with_limits(table, DIRECT + SMALL, SDK + SMALL, LIMITED, share=0.5)


def _measured(scale: Scale, tool: str, title: str, notes: Sequence[str]) -> Table:
    with tempfile.TemporaryDirectory() as folder, _systems(Path(folder), PROXIES[: 1 + scale.slowest], tool) as systems:
        return asyncio.run(measured(title, systems, scale, notes))


@contextlib.contextmanager
def _systems(folder: Path, proxies: Sequence[str], tool: str) -> Iterator[Sequence[System]]:
    """Everything running, each in a process of its own; started side by side."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(running(["-m", "bench.light_server"]))
        url = upstream.first_line()
        floor = stack.enter_context(running(["-m", "bench.passthrough", url]))
        checked = stack.enter_context(running(["-m", "bench.checked_floor", url]))
        sdk = stack.enter_context(running(["-m", "bench.sdk_server"]))
        gateways = {mode: stack.enter_context(_gateway(folder / mode, url, mode)) for mode in ("normal", "full")}
        fastmcp = {mode: stack.enter_context(running(["-m", "bench.fastmcp_proxy", url, mode])) for mode in proxies}
        yield [
            *_itself(DIRECT, upstream, url, tool),
            System("raw pass-through", Target(floor.first_line(), f"up__{tool}", "modern"), floor.pid),
            System(
                "the same, decided and recorded", Target(checked.first_line(), f"up__{tool}", "modern"), checked.pid
            ),
            *_itself(SDK, sdk, sdk.first_line(), tool, "legacy"),
            *_both_eras(gateways, tool),
            *(_fastmcp(mode, program, tool) for mode, program in fastmcp.items()),
        ]


def _itself(label: str, program: Program, url: str, tool: str, era: Era = "modern") -> Iterator[System]:
    """A server that is asked without anything in between; for a small result, too, by which promises are measured.

    The SDK's is asked in the era in which it was measured for the promises, and in which it is faster.
    """
    yield System(label, Target(url, tool, era), program.pid)
    if tool != "echo":
        yield System(label + SMALL, Target(url, "echo", era), program.pid)


def _fastmcp(mode: str, program: Program, tool: str) -> System:
    most = SATURATED if mode == "default" else LANES[-1]
    return System(f"FastMCP, {mode}", Target(program.first_line(), tool, "modern"), program.pid, most)


def _both_eras(gateways: Mapping[str, Program], tool: str) -> Iterator[System]:
    eras: Sequence[tuple[Era, str]] = (("modern", ""), ("legacy", ", handshake"))
    for mode, program in gateways.items():
        url = json.loads(program.first_line())["url"]
        for era, suffix in eras:
            yield System(f"toolgate, {mode}{suffix}", Target(url, f"up__{tool}", era), program.pid)


@contextlib.contextmanager
def _gateway(folder: Path, url: str, synchronous: str) -> Iterator[Program]:
    folder.mkdir()
    environment = make_project(folder, url, synchronous)
    with running(gateway_arguments, folder, environment) as program:
        yield program
