"""Servers to connect to, and calls to send them."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Arguments, Call, Outcome, Subject, Unsent
from gateway.upstream import Http, ServerSpec, Stdio, Upstreams
from tests.fixtures import nursery

FIXTURES = Path(__file__).parents[2] / "fixtures"
PATIENCE = 60.0  # seconds: only a test that hangs takes them

StartHttp = Callable[..., tuple[str, "subprocess.Popen[str]"]]


@pytest.fixture
def call() -> Callable[..., Call]:
    """`call("server/tool", {"text": "x"})`, or with the arguments as JSON text."""

    def make(path: str, arguments: Mapping[str, Any] | str = "{}") -> Call:
        return Call("run-1", "t1/call/c1", Subject("user:ann", "acme"), path, Arguments.parse(arguments))

    return make


@pytest.fixture
def hostile() -> Callable[..., ServerSpec]:
    """`hostile("crash-on-call")`: a spec of that name."""

    def make(mode: str, *, env: Mapping[str, str] | None = None, **more: Any) -> ServerSpec:
        stdio = Stdio(sys.executable, ("-S", str(FIXTURES / "hostile_server.py"), mode), env or {})
        return ServerSpec(**{"name": mode, "transport": stdio, "era": "legacy", **more})

    return make


@pytest.fixture
def echo() -> Callable[..., ServerSpec]:
    """`echo("modern")`: the well-behaved server over stdio."""

    def make(era: str = "both", name: str = "echo", **more: Any) -> ServerSpec:
        program, *arguments = nursery.command("echo_server.py", "stdio", "--era", era)
        stdio = Stdio(program, tuple(arguments))
        return ServerSpec(**{"name": name, "transport": stdio, **more})

    return make


@pytest.fixture
def start_http() -> Iterator[StartHttp]:
    """`url, process = start_http("http", "modern")`: the same server on a port of loopback."""
    started: list[subprocess.Popen[str]] = []

    def start(kind: str = "http", era: str = "both", port: int = 0) -> tuple[str, subprocess.Popen[str]]:
        command = nursery.command("echo_server.py", kind, "--era", era, "--port", str(port))
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout
        return process.stdout.readline().strip(), process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def spec_of(echo: Callable[..., ServerSpec], start_http: StartHttp) -> Callable[..., ServerSpec]:
    """`spec_of("http", "legacy")`: the well-behaved server over any transport, in any era, under the name `echo`."""

    def make(transport: str, era: str) -> ServerSpec:
        if transport == "stdio":
            return echo(era)
        return ServerSpec("echo", Http(start_http(transport, era)[0], sse=transport == "sse"))

    return make


@pytest.fixture
def upstreams() -> Callable[..., Upstreams]:
    """`upstreams(spec, spec)`, ready to be entered."""
    return lambda *specs: Upstreams({spec.name: spec for spec in specs})


@pytest.fixture
def until() -> Callable[..., Any]:
    """`await until(upstreams, condition)`: returns when the condition holds, looked at after each change."""

    async def wait(entered: Upstreams, condition: Callable[[], bool]) -> None:
        changed = asyncio.Event()
        unsubscribe = entered.subscribe(changed.set)
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    await changed.wait()
                    changed.clear()
        finally:
            unsubscribe()

    return wait


@pytest.fixture
def given_up() -> Callable[..., Any]:
    """`outcome, seconds = await given_up(upstreams, call)`: what comes of a call that is not answered in so many
    seconds. It gets more of them if they were over before it could be sent.
    """

    async def give_up(entered: Upstreams, wanted: Call) -> tuple[Outcome, float]:
        for seconds in (0.2, 1.0, 5.0, 25.0):
            outcome = await entered.forward(wanted, timeout=seconds, meta={})
            if not isinstance(outcome, Unsent):
                break
        return outcome, seconds

    return give_up


@pytest.fixture
def text_of() -> Callable[[Any], Any]:
    """The text of an answer's first block, read as JSON where it is."""

    def read(outcome: Any) -> Any:
        text = outcome.result["content"][0]["text"]
        try:
            return json.loads(text)
        except ValueError:
            return text

    return read
