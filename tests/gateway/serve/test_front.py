"""The methods, through an SDK client in the same process, in both eras. The wire itself is in tests/flows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, MCPError

from gateway.budget import Limits
from gateway.catalogue import Catalogue
from gateway.clients import ClientRun
from gateway.errors import StoreError
from gateway.events import Returned
from gateway.upstream.waiting import Backoff
from tests.builders import a_tool
from tests.fixtures.gateway_app import App, Setup, opened, spec
from tests.fixtures.near import near
from tests.fixtures.served import ECHO, PATIENCE

eras = pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])

POLICY = (
    "p, *, *, echo/*, call, , allow, the echo server is for all",
    "p, *, *, echo/env, call, , deny, the environment is private",
)


def within(
    tmp_path: Path, mode: Any, scenario: Callable[[App, Client], Awaitable[None]], limits: Limits | None = None
) -> None:
    setup = Setup(tmp_path, {"echo": spec("echo", ECHO)}, limits=limits or Limits())
    setup.write_policy(*POLICY)

    async def work() -> None:
        async with opened(setup) as app, Client(near(app.server), mode=mode, cache=None) as client:
            await scenario(app, client)

    asyncio.run(work())


@eras
def test_tools_are_listed_and_called(tmp_path: Path, mode: str) -> None:
    async def scenario(_app: App, client: Client) -> None:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert ("echo__add" in names, "echo__env" in names) == (True, False)
        assert (await client.call_tool("echo__add", {"a": 1, "b": 2})).structured_content == {"sum": 3}
        assert (await client.call_tool("echo/add", {"a": 1, "b": 2})).structured_content == {"sum": 3}

    within(tmp_path, mode, scenario)


@eras
def test_a_call_that_finds_its_server_away_has_it_tried_again(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After many failures, when nobody would look for it by itself for long."""
    monkeypatch.setattr(Backoff, "pause", lambda _: 3600.0)
    there = tmp_path / "there"
    script = f'test -e "{there}" && exec "$@"; exit 1'
    shell = {"command": "sh", "args": ["-c", script, "sh", ECHO["command"], *ECHO["args"]]}
    setup = Setup(tmp_path, {"echo": spec("echo", shell)})
    setup.write_policy(*POLICY)

    async def work() -> None:
        async with opened(setup) as app, Client(near(app.server), mode=mode, cache=None) as client:
            back = asyncio.Event()
            app.upstreams.subscribe(lambda: None if app.upstreams.catalogue.missing else back.set())
            there.touch()
            refused = await client.call_tool("echo__add", {"a": 1, "b": 2})
            assert refused.is_error
            assert refused.content[0].text.startswith("Not reached")  # type: ignore[union-attr]
            await asyncio.wait_for(back.wait(), PATIENCE)
            assert (await client.call_tool("echo__add", {"a": 1, "b": 2})).structured_content == {"sum": 3}

    asyncio.run(work())


@eras
def test_a_budget_that_is_used_up_is_said(tmp_path: Path, mode: str) -> None:
    async def scenario(_app: App, client: Client) -> None:
        assert not (await client.call_tool("echo__count", {})).is_error
        results = await asyncio.gather(*(client.call_tool("echo__count", {}) for _ in range(5)))
        said = [result.content[0].text for result in results if result.is_error]  # type: ignore[union-attr]
        assert len(said) == 4
        assert all(text.startswith("Denied: ") for text in said)

    within(tmp_path, mode, scenario, Limits(tool_calls=2))


@eras
def test_an_unexpected_failure_tells_the_client_nothing_of_itself(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(app: App, client: Client) -> None:
        def broken(_run: ClientRun) -> Any:
            raise RuntimeError("the canary-7f3a secret")

        monkeypatch.setattr(ClientRun, "tools", broken)
        with pytest.raises(MCPError) as caught:
            await client.list_tools()
        assert caught.value.code == types.INTERNAL_ERROR
        assert "canary" not in repr(caught.value.error)

    with caplog.at_level(logging.ERROR, "toolgate.serve"):
        within(tmp_path, mode, scenario)
    assert "canary" in caplog.text  # whoever runs the gateway may know


@eras
def test_a_call_that_can_not_be_recorded_is_not_made(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(app: App, client: Client) -> None:
        await client.call_tool("echo__count", {})
        with monkeypatch.context() as broken:

            async def full(*_: Any, **__: Any) -> int:
                raise StoreError("the disk is full")

            broken.setattr(app.store, "append", full)
            with pytest.raises(MCPError, match="the disk is full") as caught:
                await client.call_tool("echo__count", {})
            assert caught.value.code == types.INTERNAL_ERROR
        after = await client.call_tool("echo__count", {})
        assert after.content[0].text == "1"  # type: ignore[union-attr]

    within(tmp_path, mode, scenario)


class Slow:
    """A server that never answers, and takes its time to be told that nobody wants to know any more."""

    def __init__(self) -> None:
        self.sent, self.steps = asyncio.Event(), 0

    async def forward(self, *_: Any, **__: Any) -> Any:
        self.sent.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            for _step in range(3):
                await asyncio.sleep(0)  # where anyio would cancel it again
                self.steps += 1
            raise


@eras
def test_a_call_that_its_client_gives_up_is_cancelled_once_and_recorded(tmp_path: Path, mode: str) -> None:
    async def scenario(app: App, client: Client) -> None:
        slow, append, recorded = Slow(), app.store.append, asyncio.Event()

        async def written(run_id: str, events: Any, **more: Any) -> int:
            seq = await append(run_id, events, **more)
            if isinstance(events[0], Returned):
                recorded.set()
            return seq

        app.upstreams.forward, app.store.append = slow.forward, written  # type: ignore[method-assign]
        calling = asyncio.create_task(client.call_tool("echo__slow", {"seconds": 1}))
        async with asyncio.timeout(60):
            await slow.sent.wait()
            calling.cancel()
            await recorded.wait()
        assert (slow.steps, bool(calling.cancelling())) == (3, True)
        (row,) = await app.store.run_rows()
        returned = [fact.event for fact in await app.store.events(row.id) if isinstance(fact.event, Returned)]
        assert [event.outcome["kind"] for event in returned] == ["in_doubt"]

    within(tmp_path, mode, scenario)


def test_a_server_that_defines_its_tools_anew_for_ever_takes_no_room_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(app: App, _client: Client) -> None:
        for number in range(10):
            schema = {"type": "object", "properties": {f"p{number}": {"x-mcp-header": "P"} if number % 2 else {}}}
            tool = a_tool("echo/echo", schema)
            monkeypatch.setattr(type(app.upstreams), "catalogue", Catalogue.of([tool]))
            app.upstreams._tell()  # noqa: SLF001 - as after each change
            assert [app.front.plain("echo__echo"), app.front.plain("echo/echo")] == [number % 2 == 0] * 2
            assert [app.front.plain(f"echo__{word}") for word in ("no", "such", "tool")] == [True] * 3
            assert len(app.front._plain) == 2  # noqa: SLF001

    within(tmp_path, "2026-07-28", scenario)
