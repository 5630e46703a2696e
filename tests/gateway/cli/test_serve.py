"""`toolgate serve` as a process: where it listens, what it offers, how it ends. The protocol is tested in serve/."""

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway import hiring, memory
from gateway.cli import serve
from gateway.errors import StoreError
from gateway.events import Queued, Started
from gateway.store.lease import machine
from gateway.store.sqlite import SqliteStore
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import PATIENCE

Process = subprocess.Popen[str]


@pytest.fixture
def served(project: Path, env: Mapping[str, str]) -> Iterator[Process]:
    """A gateway on a free port, that says in JSON where."""
    command = [sys.executable, "-m", "gateway.cli", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(
        command, cwd=project, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def announced(process: Process) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_it_says_where_it_listens_and_answers_there(served: Process) -> None:
    said = announced(served)
    assert (said["tools"], said["missing"]) == (8, {})
    assert said["url"].endswith("/mcp")
    with urllib.request.urlopen(said["url"].removesuffix("mcp") + "health", timeout=PATIENCE) as answer:  # noqa: S310
        assert json.load(answer) == {"status": "ok"}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_when_it_is_told_to(end: signal.Signals, served: Process) -> None:
    announced(served)
    served.send_signal(end)
    _, err = served.communicate(timeout=PATIENCE)
    assert served.returncode == 0
    assert err == ""


def test_a_gateway_with_workers_drives_what_was_submitted_and_hands_it_over_when_it_is_to_end(
    project: Path, env: Mapping[str, str], toolgate: Command
) -> None:
    command = [sys.executable, "-m", "gateway.cli", "serve", "--port", "0", "--json", "--workers", "2"]
    with (project / "toolgate.toml").open("a") as config:
        config.write("[queue]\ngrace = 1\n")
    run_ids = [toolgate("submit", "count the bells").out.strip() for _ in range(3)]
    waiting = toolgate("submit", "wait", "--model", "scripted:wait.yaml").out.strip()
    with subprocess.Popen(
        command, cwd=project, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        announced(process)
        deadline = time.monotonic() + PATIENCE
        while {row["id"] for row in toolgate("runs", "list", "--status", "succeeded", "--json").json} != set(run_ids):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        while "admitted" not in str(toolgate("runs", "show", waiting, "--json").json):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    (row,) = [each for each in toolgate("runs", "--json").json if each["id"] == waiting]
    assert (row["status"], row["owner"]) == ("running", None)  # the next worker takes it up at once


@pytest.mark.usefixtures("project")
def test_a_gateway_whose_worker_breaks_ends_with_an_error(toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_given: object) -> None:
        raise StoreError("the queue is gone")

    monkeypatch.setattr(hiring, "work", broken)
    monkeypatch.setattr(serve, "_settled", lambda: None)  # this process goes on
    said = toolgate("serve", "--port", "0", "--workers", "1")
    assert said.code == 1
    assert "the queue is gone" in said.err


@pytest.mark.usefixtures("project")
def test_a_gateway_gives_memory_back_for_as_long_as_it_serves(
    toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = asyncio.Event()

    async def over(*_given: object) -> None:
        async with asyncio.timeout(PATIENCE):
            await given.wait()
        raise StoreError("it has been given back")

    monkeypatch.setattr(hiring, "work", over)
    monkeypatch.setattr(serve, "_settled", lambda: None)  # this process goes on
    monkeypatch.setattr(memory, "give_back", given.set)
    monkeypatch.setattr(memory, "EVERY", 0.0)
    said = toolgate("serve", "--port", "0", "--workers", "1")
    assert "it has been given back" in said.err


def test_people_are_told_on_stderr(project: Path, env: Mapping[str, str]) -> None:
    (project / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "no-such-program"}}}')
    command = [sys.executable, "-m", "gateway.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=project, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)
    assert "server echo is down" in lines[0]
    assert "/mcp  0 tools" in lines[1]
    assert lines[2] == "missing echo: `no-such-program` was not found\n"
    assert out == ""


def test_over_stdio_stdout_is_the_protocol_and_nothing_else(project: Path, child: Command) -> None:
    handshake = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    lines = "".join(json.dumps(message) + "\n" for message in (handshake, ready, listing))
    served = child("serve", "--stdio", stdin=lines)
    assert served.code == 0
    first, second = served.lines
    assert first["result"]["serverInfo"]["name"] == "toolgate"
    names = [tool["name"] for tool in second["result"]["tools"]]
    assert "echo__echo" in names
    assert "echo__env" not in names  # which the policy denies


def test_stdio_and_json_would_both_want_stdout(project: Path, toolgate: Command) -> None:
    assert toolgate("serve", "--stdio", "--json").code == 2


def test_an_address_that_others_could_reach_is_refused(project: Path, toolgate: Command) -> None:
    refused = toolgate("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - that is the point
    assert refused.code == 3
    assert "not loopback" in refused.err


def test_a_port_that_is_none_is_a_mistake_of_use(project: Path, toolgate: Command) -> None:
    assert toolgate("serve", "--port", "many").code == 2


def test_sessions_of_a_killed_gateway_are_closed_at_the_next_start(
    project: Path, env: Mapping[str, str], child: Command, toolgate: Command
) -> None:
    lost = _session_of_a_dead_process(project)
    served = child("serve", "--stdio")
    assert served.code == 0
    assert "1 sessions of a gateway that was killed are closed" in served.err
    row = next(row for row in toolgate("runs", "--json").json if row["id"] == lost)
    assert row["status"] == "failed"


def _session_of_a_dead_process(project: Path) -> str:
    owner = f"{machine()}/999999999/aa"  # no process has such a number

    async def open_session() -> None:
        store = SqliteStore(project / ".toolgate" / "toolgate.db")
        try:
            queued = Queued("client", "user:ann", "acme", input="an editor")
            await store.append("r-1", [queued, Started(owner)], lease=None)
            await store.acquire("r-1", owner, 3600)
        finally:
            store.close()

    asyncio.run(open_session())
    return "r-1"
