"""A child's pipes as a transport, with real children."""

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.shared.message import SessionMessage

from gateway.upstream import stdio as under_test
from gateway.upstream.meter import Pace
from gateway.upstream.reaping import Reaper
from gateway.upstream.spec import Stdio
from gateway.upstream.stdio import SAID, TAIL, Pipes, Tail, open_stdio
from gateway.upstream.streams import Exchange


def python(code: str, **env: str) -> Stdio:
    return Stdio(sys.executable, ("-S", "-c", code), env)


def with_child(stdio: Stdio, scenario: Any, **more: Any) -> None:
    async def run() -> None:
        reaper = Reaper()
        try:
            async with asyncio.timeout(60), open_stdio(stdio, "s", reaper, **more) as pipes:
                await scenario(pipes)
        finally:
            await reaper.close()

    asyncio.run(run())


def note(params: dict[str, Any]) -> SessionMessage:
    return SessionMessage(types.JSONRPCRequest(jsonrpc="2.0", id=1, method="m", params=params))


async def all_of(pipes: Pipes) -> list[types.JSONRPCMessage]:
    return [item.message async for item in pipes.read]


def test_a_message_goes_there_and_comes_back() -> None:
    async def scenario(pipes: Pipes) -> None:
        await pipes.write.send(note({"é": [None, 1.0, 10**30]}))
        message = (await pipes.read.receive()).message
        assert isinstance(message, types.JSONRPCRequest)
        assert message.params == {"é": [None, 1.0, 10**30]}

    with_child(python("import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.raw.write(line)"), scenario)


def test_half_a_line_is_heard_of_a_child_though_it_is_no_message_yet() -> None:
    async def scenario(pipes: Pipes) -> None:
        exchange = Exchange()
        pipes.tell(exchange)
        assert exchange.pending() == 0
        reading = asyncio.create_task(pipes.read.receive())
        while not pipes.read.pending():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        assert exchange.pending() == len('{"jsonrpc":')
        await pipes.write.send(note({}))
        assert isinstance((await reading).message, types.JSONRPCResponse)
        assert exchange.pending() == 0

    rest = '"2.0","id":1,"result":{}}'
    with_child(python(f"import sys\nprint('{{\"jsonrpc\":', end='', flush=True); input(); print({rest!r})"), scenario)


def test_a_line_beyond_the_ceiling_ends_this_child_with_the_reason() -> None:
    async def scenario(pipes: Pipes) -> None:
        assert await all_of(pipes) == []
        assert await pipes.why("") == "it wrote a line longer than `max_answer` lets it"
        with pytest.raises(anyio.EndOfStream):
            await pipes.read.receive()

    with_child(python("import time; print('x' * 1_000_000, flush=True); time.sleep(600)"), scenario, ceiling=1000)


def test_an_answer_that_cannot_be_read_is_an_error_for_whoever_waits() -> None:
    line = '{"jsonrpc":"2.0","id":5,"result":oops}'

    async def scenario(pipes: Pipes) -> None:
        (message,) = await all_of(pipes)
        assert isinstance(message, types.JSONRPCError)
        assert message.id == 5

    with_child(python(f"print({line!r}); print('noise'); print(); print('[1]')"), scenario)


def test_the_last_words_of_a_child_explain_its_end_without_its_secrets(caplog: pytest.LogCaptureFixture) -> None:
    code = "import os, sys; sys.stderr.write('x' * 9999 + '\\nno access with ' + os.environ['KEY']); sys.exit(4)"

    async def scenario(pipes: Pipes) -> None:
        assert await all_of(pipes) == []
        assert await pipes.why("") == "it exited with code 4; it said: no access with ***"

    with_child(python(code, KEY="hunter2hunter2"), scenario)
    assert not caplog.records  # what it says is logged at debug only


def test_what_a_child_says_on_stderr_can_be_read_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "toolgate.server.s")

    async def scenario(pipes: Pipes) -> None:
        await all_of(pipes)

    with_child(
        python("import sys; sys.stderr.write('hello ' + __import__('os').environ['KEY'])", KEY="hunter2x"), scenario
    )
    said = [record.getMessage() for record in caplog.records if record.name == "toolgate.server.s"]
    assert said == ["hello ***"]  # of a pipe that was closed at the same moment, asyncio of 3.12 may speak, too


def test_a_flood_on_stderr_takes_no_memory() -> None:
    async def scenario() -> None:
        assert await last_line("x" * 100_000 + "end") == "x" * (TAIL - 3) + "end"

    asyncio.run(scenario())


NODE_CRASH = """node:internal/modules/cjs/loader:1210
  throw err;
  ^

{error}
    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15) {{
  code: 'MODULE_NOT_FOUND',
}}

Node.js v20.20.2
"""


@pytest.mark.parametrize("error", ["Error: Cannot find module '/srv/x.js'", "TypeError: x", "Uncaught DOMException: y"])
def test_the_last_that_a_crashed_node_says_is_its_error_and_not_its_version(error: str) -> None:
    assert asyncio.run(last_line(NODE_CRASH.format(error=error))) == error


def test_the_last_that_npm_says_is_its_error_and_not_where_its_log_is() -> None:
    lines = "code E404", "404 Not Found - GET /none", "404", "A complete log of this run can be found in: /logs/x.log"
    said = "\n".join(f"npm error {line}" for line in lines)
    assert asyncio.run(last_line(said)) == "npm error 404 Not Found - GET /none"


def test_a_version_alone_is_what_was_said() -> None:
    assert asyncio.run(last_line("Node.js v20.20.2\n")) == "Node.js v20.20.2"


def test_an_error_of_node_whose_beginning_is_lost_shows_no_end_of_a_secret() -> None:
    said = asyncio.run(last_line(f"Error: {'x' * TAIL}\n", "\nNode.js v20.20.2", key="hunter2x"))
    assert said == "Node.js v20.20.2"


async def last_line(*pieces: str, key: str = "") -> str:
    reader, tail = asyncio.StreamReader(), Tail(Stdio("s", (), {"KEY": key}), logging.getLogger("toolgate.server.s"))
    keeping = asyncio.create_task(tail.keep(reader))
    for piece in pieces:
        reader.feed_data(piece.encode())
        await asyncio.sleep(0)  # it is read before the next one comes
    reader.feed_eof()
    await keeping
    return tail.last_line()


@pytest.mark.parametrize("after", [0, 1, SAID - 7, SAID, TAIL - 7, TAIL, TAIL + 7])
def test_no_cut_leaves_half_a_secret(after: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "toolgate.server.s")
    secret = "0123456789abcdef"

    async def scenario() -> None:
        for text in (f"no {secret}{'x' * after}", f"{'y' * 9999}{secret}{'x' * after}", f"{secret}\n{'x' * after}"):
            middle = text.index(secret) + 8
            said = await last_line(text[:middle], text[middle:], key=secret)
            told = "".join(record.getMessage() for record in caplog.records)
            assert not set(said + told) & set("6789")

    asyncio.run(scenario())


def test_noise_is_cut_after_its_secrets_are_out() -> None:
    async def scenario(pipes: Pipes) -> None:
        await all_of(pipes)
        assert (await pipes.why("")).endswith("not JSON-RPC: " + "x" * (SAID - 8) + "***" + "y" * 5)

    code = f"import os; print('x' * {SAID - 8} + os.environ['KEY'] + 'y' * 99)"
    with_child(python(code, KEY="hunter2hunter2"), scenario)


def test_writing_to_a_child_that_is_gone_fails_before_anything_is_sent() -> None:
    async def scenario(pipes: Pipes) -> None:
        await all_of(pipes)
        await asyncio.wait_for(pipes.write.gone.wait(), 60)
        with pytest.raises(anyio.BrokenResourceError):
            await pipes.write.send(note({}))

    with_child(python("pass"), scenario)


async def told_in_vain(pipes: Pipes) -> None:
    """Two messages to a child that has closed its input."""
    await asyncio.wait_for(pipes.write.gone.wait(), 60)
    for _ in range(2):
        with pytest.raises(anyio.BrokenResourceError):
            await pipes.write.send(note({}))


def test_what_a_child_that_hears_no_more_still_says_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "DEAF", 600.0)
    said = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}})
    go_on = tmp_path / "go-on"
    os.mkfifo(go_on)
    gate = os.open(go_on, os.O_RDWR)  # does not wait for the other end
    code = (
        f"import os, time; os.close(0); open({str(go_on)!r}).readline(); print({said!r}, flush=True); time.sleep(600)"
    )

    async def scenario(pipes: Pipes) -> None:
        await told_in_vain(pipes)
        os.write(gate, b"now\n")
        assert isinstance((await pipes.read.receive()).message, types.JSONRPCResponse)

    try:
        with_child(python(code), scenario)
    finally:
        os.close(gate)


def test_a_child_that_hears_no_more_and_says_nothing_either_is_over_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(under_test, "DEAF", 0.01)

    async def scenario(pipes: Pipes) -> None:
        await told_in_vain(pipes)
        assert await all_of(pipes) == []
        assert await pipes.why("") == "it closed its input"

    with_child(python("import os, time; os.close(0); time.sleep(600)"), scenario)


def test_a_child_that_does_not_read_holds_up_requests_but_no_courtesies() -> None:
    async def scenario(pipes: Pipes) -> None:
        big = note({"x": "y" * 1_000_000})
        await pipes.write.send(big)
        waiting = asyncio.create_task(pipes.write.send(big))
        cancelled = types.JSONRPCNotification(jsonrpc="2.0", method="notifications/cancelled", params={})
        await pipes.write.send(SessionMessage(cancelled))  # returns
        assert not waiting.done()
        waiting.cancel()

    with_child(python("import time; time.sleep(600)"), scenario)


def test_a_child_that_floods_lets_others_have_their_turn() -> None:
    line = json.dumps({"jsonrpc": "2.0", "method": "notifications/x"})
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scenario(pipes: Pipes) -> None:
        task = asyncio.create_task(other())
        count = len(await all_of(pipes))
        task.cancel()
        assert count == 4_000
        assert turns > count / 32

    with_child(python(f"import sys; sys.stdout.write(({line!r} + '\\n') * 4_000)"), scenario)


def test_what_is_more_than_anybody_wants_to_hear_is_heard_at_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    sleep = asyncio.sleep

    async def slept(seconds: float) -> None:
        waited.extend([seconds] if seconds else [])
        await sleep(0)

    async def scenario(pipes: Pipes) -> None:
        assert len(await all_of(pipes)) == 5

    monkeypatch.setattr(under_test, "PIPE", Pace(3, 2.0))
    monkeypatch.setattr(under_test, "_now", lambda: 100.0)
    monkeypatch.setattr("gateway.upstream.stdio.asyncio.sleep", slept)
    line = json.dumps({"jsonrpc": "2.0", "method": "notifications/x"})
    with_child(python(f"print(({line!r} + '\\n') * 5)"), scenario)
    assert [each for each in waited if each >= 0.5] == [0.5, 1.0]  # who waits for the child's end looks more often
